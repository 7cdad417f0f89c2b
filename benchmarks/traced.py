"""A server whose workers write down each unit of work that they begin, so that what was done twice can be counted.

`python -m benchmarks.traced serve ...` is `halfgig serve ...`. The lines go to the file that TRACE names, each by one
write of its own: what was begun before a `kill -9` is in it.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from halfgig.jobs import child, supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

TRACE = "HALFGIG_TRACE"
WORKER = "halfgig.jobs.worker"  # imported by workers only: a machine's own process is as small as without us
WINDOW, POSE, FILING = "window", "pose", "filing"  # of speech, of motion, and of an index as a whole


@dataclass
class Effort:
    """What all attempts at one job have begun, by unit."""

    begun: Counter[str] = field(default_factory=Counter)
    attempts: set[int] = field(default_factory=set)


def read_efforts(path: Path) -> dict[str, Effort]:
    """The effort of each job, by its id."""
    efforts: dict[str, Effort] = {}
    for line in path.read_text().splitlines():
        told = json.loads(line)
        effort = efforts.setdefault(told["job"], Effort())
        effort.begun[told["unit"]] += 1
        effort.attempts.add(told["attempt"])
    return efforts


class Tracer:
    """Writes a line for each unit that the worker begins in the attempt that it has taken."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._order: dict[str, Any] = {}

    def attach(self) -> None:
        """Listen where a worker takes a job, hears a window, finds a pose and files a transcript."""
        from halfgig import pipelines
        from halfgig.jobs import work, worker

        self._before(worker.Worker, "take", lambda _, order: self._take(order))
        self._before(work, "file_transcript", lambda *_, **__: self.begin(FILING))
        hear, find = pipelines.transcribe, pipelines.find_poses
        pipelines.transcribe = lambda windows, *rest: hear(self._each(windows, WINDOW), *rest)
        pipelines.find_poses = lambda *rest, **named: self._each(find(*rest, **named), POSE)

    def begin(self, unit: str) -> None:
        """One more unit of the present attempt."""
        os.write(self._file, json.dumps({**self._order, "unit": unit}).encode() + b"\n")

    def _take(self, order: Any) -> None:
        self._order = {"job": order.job, "attempt": order.attempt}

    def _each(self, items: Iterable[Any], unit: str) -> Iterator[Any]:
        for item in items:
            self.begin(unit)
            yield item

    def _before(self, place: Any, name: str, tell: Callable[..., None]) -> None:
        plain = getattr(place, name)

        def told(*given: Any, **named: Any) -> Any:
            tell(*given, **named)
            return plain(*given, **named)

        setattr(place, name, told)


def _command(module: str, *arguments: str) -> list[str]:
    """The command of a child, with this module in the worker's place."""
    if module != WORKER:
        return child.child_command(module, *arguments)
    return [sys.executable, "-m", "benchmarks.traced", str(os.getpid()), *arguments]


def main() -> None:
    """Be the server, or one of its workers, whose first argument is the parent's id."""
    if sys.argv[1].isdecimal():
        from halfgig.jobs import worker

        Tracer(os.environ[TRACE]).attach()
        worker.main()
        return
    from halfgig.cli import main as command_line

    vars(supervisor)["child_command"] = _command
    sys.exit(command_line())


if __name__ == "__main__":
    main()
