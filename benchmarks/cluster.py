"""`python -m benchmarks.cluster [--jobs 200] [--kills 60] [--workers 4]`: many machines, and all that may befall them.

Servers and workers, each in a control group of its own and, as root, in a network of its own, share a Postgres that
waits for the disk and S3 (moto). While clients send sources into S3, and name others by URL, servers, workers and their
children are killed (-9) at random moments and started again at once, Postgres crashes once, and S3 answers 503 for a
while. Then every job must have ended once, with the result that one machine alone gives.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.kill import Outcome, Wish, compare, make_wishes, outcome, run, total_repeated
from benchmarks.live import Client, Content
from benchmarks.machines import Machine, Servers, machines, sharing, was_starved
from benchmarks.table import Row, printed
from benchmarks.traced import Effort, read_efforts
from benchmarks.watch import watching
from halfgig.errors import MIB
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.worker import FILED
from halfgig.memory.meter import rss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.machines import Shared
    from halfgig.records import Bytes, Seconds

SOURCES = 12  # different ones; each is sent many times, with other bytes behind its end
WAYS = ("form", "tus", "url")
SENDERS = 2
LEAST_PAUSE, MOST_PAUSE = 0.3, 20.0  # seconds between two kills
KEEP: Seconds = 0.5  # between two looks whether all machines are there
BUSY: Seconds = 20.0  # that S3 is
SETTLED: Seconds = 5.0  # after which an idle worker is measured
IDLE: Bytes = 60 * MIB
SHARED_PATIENCE: Seconds = 60.0
SECTION = "many machines"
_ONCE = "SELECT job_id, count(*) FROM events WHERE type = 'state' AND data LIKE '%\"succeeded\"%' GROUP BY job_id"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what, and for how long at most."""

    jobs: int = 200
    kills: int = 60
    workers: int = 4
    servers: int = 2
    limit: Bytes = 512 * MIB
    seed: int = 1
    longest: Seconds = MOST_PAUSE
    patience: Seconds = 45 * 60.0


@dataclass(frozen=True, slots=True)
class Errand:
    """A wish, and how it is sent; `number` makes its content another than that of all others."""

    wish: Wish
    number: int
    way: str

    def send(self, client: Client, files: str) -> str:
        """The id of its job."""
        wish = self.wish
        if self.way == "url":
            return client.send_url(f"{files}/ranges/{self.number}/{wish.source.name}", wish.kind, wish.options)
        way = client.send_by_tus if self.way == "tus" else client.send_form
        return way(Content(wish.source, b"\0" * (self.number + 1)), wish.kind, wish.options)


@dataclass
class Havoc:
    """Kills machines or their children at random moments. `troubles` are what else befalls, after so many kills."""

    machines: Sequence[Machine]
    plan: Plan
    troubles: dict[int, Callable[[], object]]
    done: threading.Event = field(default_factory=threading.Event)
    killed: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Until all kills are spent, or all jobs have ended; machines that end by themselves are started again."""
        chance = random.Random(self.plan.seed)
        while not self.done.is_set():
            self._rest(chance.uniform(LEAST_PAUSE, self.plan.longest))
            if self.killed.total() < self.plan.kills and not self.done.is_set():
                self.strike(chance)

    def _rest(self, pause: Seconds) -> None:
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0 and not self.done.wait(min(left, KEEP)):
            for one in self.machines:
                one.keep()

    def strike(self, chance: random.Random) -> None:
        """The next kill, and what is to come before it."""
        self.troubles.pop(self.killed.total(), int)()
        victim = chance.choice(self.machines)
        children = victim.process.children()
        if children and chance.random() < 1 / 3:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(chance.choice(children), signal.SIGKILL)
                self.killed["child"] += 1
            return
        victim.kill()
        self.killed["server" if victim.is_server else "worker"] += 1


@dataclass
class Result:
    """What a run has shown."""

    plan: Plan
    calm: Sequence[Outcome]
    disturbed: Sequence[Outcome]
    killed: Counter[str]
    machines: Sequence[Machine]
    idle: Sequence[Bytes]
    refused: int
    crashes: int
    seconds: Seconds
    joined: bool
    faults: list[str]


def errands(wishes: Sequence[Wish], count: int) -> list[Errand]:
    """So many: each wish in every way, over and over."""
    return [Errand(wish, number, WAYS[number % len(WAYS)]) for number, wish in enumerate(islice(cycle(wishes), count))]


def befall(plan: Plan, folder: Path, tell: Callable[[str], object]) -> Result:
    """The whole: what one machine makes of each source, then many machines under havoc, and what is wrong."""
    sources, trace = folder / "sources", folder / "trace"
    sources.mkdir(parents=True)
    wishes = make_wishes(sources, min(SOURCES, plan.jobs))
    calm, _ = run(wishes, folder / "calm", 0, plan.seed)
    tell(f"one machine has done {len(calm)} sources")
    with (
        sharing(sources, trace, plan.servers + plan.workers) as shared,
        machines(folder / "machines", shared, plan.servers, plan.workers, plan.limit) as made,
    ):
        time.sleep(SETTLED)
        idle = [rss(one.pid) for one in made if not one.is_server]
        havoc = Havoc(made, plan, _troubles(plan, shared))
        todo, began = errands(wishes, plan.jobs), time.monotonic()
        with watching(*made):
            ids = _sent_and_ended(todo, made, shared, havoc, tell)
        seconds = time.monotonic() - began
        for one in made:
            one.process.wait()
        disturbed = _outcomes(todo, ids, made, trace)
        expected = [calm[errand.number % len(calm)] for errand in todo]
        faults = [*compare(expected, disturbed), *_faults_in_database(shared, disturbed), *_starved(made)]
        spared, joined = list(spared_of(plan, havoc.killed, shared)), shared.network.joined
        refused, crashes = shared.storage.refused, shared.postgres.restarts
        return Result(
            plan, expected, disturbed, havoc.killed, made, idle, refused, crashes, seconds, joined, faults + spared
        )


def _troubles(plan: Plan, shared: Shared) -> dict[int, Callable[[], object]]:
    return {
        plan.kills // 3: partial(shared.storage.be_busy, BUSY),
        max(plan.kills // 2, plan.kills // 3 + 1): shared.postgres.restart,
    }


def spared_of(plan: Plan, killed: Counter[str], shared: Shared) -> Iterator[str]:
    """What was to befall the machines, and did not, so that nothing is shown of it."""
    if killed.total() < plan.kills:
        yield f"{killed.total()} kills came of {plan.kills}"
    if not shared.postgres.restarts:
        yield "Postgres did not crash"
    if not shared.storage.refused:
        yield "S3 refused nothing"


def _sent_and_ended(
    todo: Sequence[Errand], made: Sequence[Machine], shared: Shared, havoc: Havoc, tell: Callable[[str], object]
) -> dict[int, str]:
    """The id of the job of each errand, by its number, when all have ended."""
    ids: dict[int, str] = {}
    servers = [one for one in made if one.is_server]
    senders = [
        threading.Thread(target=_send, args=(todo[number::SENDERS], Client(Servers(servers)), shared.files, ids))
        for number in range(SENDERS)
    ]
    killer = threading.Thread(target=havoc.run)
    for thread in (killer, *senders):
        thread.start()
    try:
        for thread in senders:
            thread.join()
        _await_end(shared, len(todo), havoc, tell)
    finally:
        havoc.done.set()
        killer.join()
    return ids


def _send(todo: Sequence[Errand], client: Client, files: str, ids: dict[int, str]) -> None:
    for errand in todo:
        ids[errand.number] = errand.send(client, files)


def _await_end(shared: Shared, count: int, havoc: Havoc, tell: Callable[[str], object]) -> None:
    """Until every job has ended; RuntimeError where that takes too long."""
    until = time.monotonic() + havoc.plan.patience
    with JobQueue(shared.url, patience=SHARED_PATIENCE) as queue:
        while time.monotonic() < until:
            states = Counter[str]()
            for (_, state), number in queue.counts().items():
                states[state] += number
            tell(f"{dict(states)}, killed {dict(havoc.killed)}")
            if not states["queued"] + states["running"]:
                return
            time.sleep(SETTLED)
    raise RuntimeError(f"of {count} jobs not all have ended: {dict(states)}")


def _outcomes(todo: Sequence[Errand], ids: dict[int, str], made: Sequence[Machine], trace: Path) -> list[Outcome]:
    """What the servers tell of each errand."""
    client, efforts = Client(Servers([one for one in made if one.is_server])), read_efforts(trace)
    return [_outcome(client, errand, ids[errand.number], efforts) for errand in todo]


def _outcome(client: Client, errand: Errand, job_id: str, efforts: dict[str, Effort]) -> Outcome:
    job = client.ended(job_id, patience=1.0)
    told = outcome(client, errand.wish, job, efforts.get(job_id, Effort()))
    return replace(
        told, wish=replace(errand.wish, source=Path(f"{errand.number}-{errand.way}-{errand.wish.source.name}"))
    )


def _faults_in_database(shared: Shared, disturbed: Sequence[Outcome]) -> Iterator[str]:
    """What the tables say: jobs that nobody made, that ended twice, and what was filed in the library."""
    with JobQueue(shared.url) as queue:
        jobs = {str(job_id) for (job_id,) in queue.execute("SELECT id FROM jobs")}
        successes = {str(job_id): int(count) for job_id, count in queue.execute(_ONCE)}
        sources = int(queue.execute("SELECT count(*) FROM sources").get)
    ids = {one.job["id"] for one in disturbed}
    if jobs != ids:
        yield f"{len(ids - jobs)} jobs are lost, and {len(jobs - ids)} were made that nobody knows"
    yield from (f"job {job_id} succeeded {count} times" for job_id, count in successes.items() if count != 1)
    filed = sum(one.wish.kind in FILED for one in disturbed)
    if sources != filed:
        yield f"{sources} sources are in the library, and {filed} were filed"


def _starved(made: Sequence[Machine]) -> Iterator[str]:
    yield from (f"something in {one.name} was killed for want of memory" for one in made if was_starved(one))


def rows(result: Result) -> Iterator[Row]:
    """The table."""
    plan, killed = result.plan, result.killed
    where = "own networks" if result.joined else "one network"
    kinds = ", ".join(f"{count} times a {kind}" for kind, count in sorted(killed.items()))
    attempts = sum(one.job["attempt"] for one in result.disturbed)
    what = f"{plan.jobs} jobs, {plan.workers} workers, {plan.servers} servers, {plan.limit // MIB} MiB"
    note = result.faults[0] if result.faults else "nothing lost, nothing twice, all results equal"
    yield Row(SECTION, what, result.seconds, rate=plan.jobs / result.seconds, note=f"{note}; {where}")
    others = f"Postgres {result.crashes} times; S3 refused {result.refused} requests"
    yield Row(SECTION, "  killed and started again", note=f"{kinds}; {others}")
    begun = total_repeated(result.calm, result.disturbed)
    yield Row(SECTION, "  begun again", note=f"{begun}; {attempts} attempts at {plan.jobs} jobs")
    for one in result.machines:
        ended = f"ended by itself with {one.ended}" if one.ended else ""
        figures = {"peak": one.working / MIB, "held": one.held / MIB, "usage": one.usage / MIB}
        yield Row(SECTION, f"  {one.name}", note=ended, **figures)
    most = max(result.idle)
    met = "met" if most <= IDLE else "not met"
    note = f"at most {most / 1e6:.1f} MB; target of {IDLE // MIB} MiB {met}"
    yield Row(SECTION, "  halfgig worker, idle: median", rss=median(result.idle) / MIB, note=note)


def show(text: str) -> None:
    """Tell how it goes."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def small() -> Iterator[Row]:
    """A short run, as rows of the benchmarks' table."""
    plan = Plan(jobs=24, kills=8, longest=8.0)
    with tempfile.TemporaryDirectory(prefix="halfgig-cluster-") as name:
        yield from rows(befall(plan, Path(name), show))


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="benchmarks.cluster", description=__doc__)
    plan = Plan()
    parser.add_argument("--jobs", type=int, default=plan.jobs)
    parser.add_argument("--kills", type=int, default=plan.kills)
    parser.add_argument("--workers", type=int, default=plan.workers)
    parser.add_argument("--servers", type=int, default=plan.servers)
    parser.add_argument("--limit", type=int, default=plan.limit // MIB, help="of each machine's memory, MB")
    parser.add_argument("--pause", type=float, default=plan.longest, help="longest between two kills, seconds")
    parser.add_argument("--minutes", type=float, default=plan.patience / 60, help="after which it is given up")
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--keep", type=Path, help="folder that keeps sources, logs and the trace")
    return parser.parse_args()


def main() -> None:
    """Run it, and print what was found; exit code 1 where anything is wrong."""
    given = _arguments()
    plan = Plan(
        given.jobs,
        given.kills,
        given.workers,
        given.servers,
        given.limit * MIB,
        given.seed,
        given.pause,
        given.minutes * 60,
    )
    with tempfile.TemporaryDirectory(prefix="halfgig-cluster-") as name:
        result = befall(plan, given.keep or Path(name), show)
    print(printed(rows(result)))
    print("\n".join(result.faults) or "Nothing was lost, nothing ended twice, and every result is the same.")
    sys.exit(bool(result.faults))


if __name__ == "__main__":
    main()
