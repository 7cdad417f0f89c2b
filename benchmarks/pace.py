"""`python -m benchmarks.pace speed`: a set of jobs, done by one worker and by two.

`python -m benchmarks.pace predict`: jobs that come by chance to 1, 2 and 4 workers, and what the simulation says of the
same jobs. Workers are as in `benchmarks.cluster`, with one thread each, and read their sources by URL. To predict, each
has only a share of a core, so that four on two cores are not in one another's way, as the simulation assumes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from benchmarks.cluster import SOURCES, show
from benchmarks.fleet import Coming, Ended, Fleet, Kind, counted, replay
from benchmarks.kill import make_wishes
from benchmarks.machines import machines, sharing
from benchmarks.table import Row, printed
from halfgig.errors import MIB
from halfgig.jobs.job import State
from halfgig.jobs.queue import JobQueue
from halfgig.media.source import inspect, open_source
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.kill import Wish
    from halfgig.jobs.job import Job
    from halfgig.records import Bytes, Seconds

LIMIT: Bytes = 512 * MIB
SHARE = 0.4  # of a core, for each worker that is compared with the simulation
LOAD = 0.7  # of the workers' time that is asked for
TARGET = 1.7  # times as fast, by two on two cores
WORKERS = (1, 2, 4)
PATIENCE: Seconds = 1_800.0
PASSAGES = 150.0  # filed for an hour of video
SECTION = "workers side by side"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job that comes so long after the beginning."""

    at: Seconds
    wish: Wish
    length: Seconds


def done(arrivals: Sequence[Arrival], sources: Path, folder: Path, workers: int, *, share: float | None) -> list[Job]:
    """The jobs of the arrivals, once so many workers have done them all. RuntimeError where one failed."""
    with (
        sharing(sources, folder / "trace", workers) as shared,
        machines(folder / "machines", shared, 0, workers, LIMIT, share=share),
        JobQueue(shared.url) as queue,
    ):
        began, ids = time.monotonic(), list[str]()
        for number, one in enumerate(arrivals):
            time.sleep(max(0.0, began + one.at - time.monotonic()))
            url = f"{shared.files}/ranges/{number}/{one.wish.source.name}"
            ids.append(queue.create(one.wish.kind, {"url": url}, one.wish.options)[0].id)
        _await(queue)
        jobs = [queue.get(job_id) for job_id in ids]
    for job in jobs:
        if job is None or job.state is not State.SUCCEEDED or job.attempt != 1:
            raise RuntimeError(f"a job went wrong, and its time means nothing: {job}")
    return [job for job in jobs if job is not None]


def _await(queue: JobQueue) -> None:
    until = time.monotonic() + PATIENCE
    while any(state in {State.QUEUED, State.RUNNING} for _, state in queue.counts()):
        if time.monotonic() > until:
            raise RuntimeError(f"after {PATIENCE:.0f} s not all jobs have ended: {queue.counts()}")
        time.sleep(1.0)


def speed(folder: Path, count: int) -> Iterator[Row]:
    """`count` jobs that all wait from the first moment, done by one worker and by two."""
    sources, wishes = _sources(folder)
    arrivals = [Arrival(0.0, wishes[number % len(wishes)], 0.0) for number in range(count)]
    took = []
    for workers in (1, 2):
        jobs = done(arrivals, sources, folder / f"speed-{workers}", workers, share=None)
        took.append(max(map(_ended, jobs)) - min(job.created_at for job in jobs))
        yield Row(SECTION, f"{count} jobs by {workers}", took[-1], rate=count / took[-1])
    ratio = took[0] / took[1]
    met = "met" if ratio >= TARGET else "not met"
    cores = len(os.sched_getaffinity(0))
    yield Row(SECTION, "two against one", speed=ratio, note=f"target of {TARGET} {met}; {cores} cores")


def predict(folder: Path, seconds: Seconds, share: float = SHARE) -> Iterator[Row]:
    """For each number of workers: what the simulation says of jobs that come for so many seconds, and what was."""
    sources, wishes = _sources(folder)
    alone = [Arrival(0.0, wish, _length(wish)) for wish in wishes]
    jobs = done(alone, sources, folder / "alone", 1, share=share)
    kinds = {kind: _kind(kind, alone, jobs) for kind in sorted({job.kind for job in jobs})}
    service = mean(_ended(job) - _begun(job) for job in jobs)
    told = ", ".join(f"{name} {kind.speed:.2f}" for name, kind in kinds.items())
    yield Row(SECTION, "one worker that always has work", rate=1 / service, note=f"times real time: {told}")
    for workers in WORKERS:
        arrivals = list(_arrivals(wishes, seconds, LOAD * workers / service))
        coming = [Coming(one.at, kinds[one.wish.kind], one.length) for one in arrivals]
        said = replay(Fleet(workers, 0.0, start=0.0), coming)
        ended = done(arrivals, sources, folder / f"predict-{workers}", workers, share=share)
        first = min(job.created_at for job in ended)
        was = counted([_told(job, one, first) for job, one in zip(ended, arrivals, strict=True)], warm=0.0)
        for name, outcome in (("predicted", said), ("measured", was)):
            late = sorted(outcome.latencies)
            at_work = median(whole - wait for whole, wait in zip(outcome.latencies, outcome.waits, strict=True))
            note = f"latency: median {median(late):.1f} s, at most {late[-1]:.1f} s; at work: median {at_work:.1f} s"
            what = f"{len(ended)} jobs, {workers} workers, {name}"
            yield Row(SECTION, what, median(late), speed=outcome.done, rate=outcome.throughput, note=note)


def _sources(folder: Path) -> tuple[Path, list[Wish]]:
    sources = folder / "sources"
    sources.mkdir(parents=True)
    return sources, make_wishes(sources, SOURCES)


def _length(wish: Wish) -> Seconds:
    """Seconds of the source."""
    settings = Settings()
    return inspect(open_source(wish.source, settings), settings).duration or 0.0


def _kind(name: str, alone: Sequence[Arrival], jobs: Sequence[Job]) -> Kind:
    """The kind as one worker alone has done it: its whole service is told by its speed."""
    own = [(one.length, _ended(job) - _begun(job)) for one, job in zip(alone, jobs, strict=True) if job.kind == name]
    speed = sum(length for length, _ in own) / sum(took for _, took in own)
    return Kind(len(own) / len(jobs), speed, PASSAGES if name == "index" else 0.0)


def _arrivals(wishes: Sequence[Wish], seconds: Seconds, rate: float) -> Iterator[Arrival]:
    """By chance, so many a second: the same for the same seconds and rate."""
    dice, at, number = Random(1), 0.0, 0
    while at < seconds:
        wish = wishes[number % len(wishes)]
        yield Arrival(at, wish, _length(wish))
        at, number = at + dice.expovariate(rate), number + 1


def _told(job: Job, one: Arrival, first: Seconds) -> Ended:
    came = job.created_at - first
    return Ended(came, _ended(job) - first, one.length, _begun(job) - job.created_at)


def _begun(job: Job) -> Seconds:
    assert job.started_at is not None
    return job.started_at


def _ended(job: Job) -> Seconds:
    assert job.finished_at is not None
    return job.finished_at


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="benchmarks.pace", description=__doc__)
    parser.add_argument("what", choices=("speed", "predict"))
    parser.add_argument("--jobs", type=int, default=48, help="whose speed is measured")
    parser.add_argument("--seconds", type=float, default=240.0, help="for which jobs come, to each number of workers")
    parser.add_argument("--share", type=float, default=SHARE, help="of a core, for each worker, to predict")
    return parser.parse_args()


def main() -> None:
    """Measure, and print the rows as they come."""
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="halfgig-pace-") as name:
        folder = Path(name)
        rows = speed(folder, given.jobs) if given.what == "speed" else predict(folder, given.seconds, given.share)
        made = []
        for row in rows:
            show(printed([row]).splitlines()[-1])
            made.append(row)
    print(printed(made))


if __name__ == "__main__":
    main()
