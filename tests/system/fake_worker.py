"""A worker that does what its job's options, or the variable FIRST, say: real wire, real table, no models."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from halfgig.errors import DoesNotFit, SourceError
from halfgig.jobs.attempt import Attempt, Fenced
from halfgig.jobs.child import become_child
from halfgig.jobs.failures import of_error
from halfgig.jobs.queue import LEASE
from halfgig.jobs.table import JobTable
from halfgig.jobs.wire import LASTING
from halfgig.settings import Settings

if TYPE_CHECKING:
    from halfgig.jobs.child import Wire

MIB = 1024 * 1024


def act(attempt: Attempt, wire: Wire) -> None:
    """Do what the option `first` says in the first attempt; any later one succeeds."""
    wire.send({"progress": {"stage": "acting", "position": 1.0}})
    options = attempt.job.options
    first = options.get("first", os.environ.get("FIRST", "")) if attempt.job.attempt == 1 else ""
    what = options.get("always") or first
    match what:
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            sys.stderr.write("I cannot go on\n")
            sys.stderr.flush()
            os._exit(3)
        case "hang":
            time.sleep(600)
        case "refuse":
            raise SourceError("It is empty.", "Give another.")
        case "large":
            raise DoesNotFit("reps", attempt.job.options["needs"], 1)
        case "checkpoints":
            keep_on(attempt, wire)
        case "hungry":
            grow()
        case "fault":
            raise KeyError("a fault of the program")
        case "nonsense":
            wire.outbox.write(b"this is no message\n")


def keep_on(attempt: Attempt, wire: Wire) -> None:
    for position in range(attempt.job.options.get("count", 600)):
        attempt.checkpoint({"position": position})
        wire.send({"checkpoint": position})
        time.sleep(0.05)


def grow() -> None:
    held = []
    while True:
        held.append(b"x" * MIB)
        time.sleep(0.001)


def take(table: JobTable, wire: Wire, order: dict[str, Any]) -> bool:
    """Whether the process may go on, as a real worker has it."""
    job = table.get(order["job"])
    assert job is not None
    attempt = Attempt(table, job)
    try:
        act(attempt, wire)
        result = {"pid": os.getpid(), "lease": order["lease"], "less": order["less"]}
        attempt.succeed(result)
        wire.send({"done": "succeeded"})
    except Fenced:
        wire.send({"done": "fenced"})
    except Exception as error:
        failure = of_error(error)
        told = {name: getattr(failure, name) for name in ("reason", "detail", "remedy", "status", "needs")}
        wire.send({"failure": told})
        return failure.reason in LASTING
    return True


if __name__ == "__main__":
    ends = become_child(int(sys.argv[1]))
    with JobTable(Settings.from_environment().jobs_at, patience=LEASE) as opened:
        for message in ends.messages():
            if not take(opened, ends, message):
                break
