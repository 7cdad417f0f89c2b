"""Many machines as a queueing model, simulated by SimPy: jobs come, wait, are claimed, read, worked on and filed.

Assumed: jobs come independently of one another (Poisson) and are served in turn; the lengths of videos are exponential;
each machine does one job at a time, as fast as one does alone; nothing fails. Claims, the storage and the index are one
server each that does one thing after another, at the rate that was measured or that its provider states. Connections
and the looks of supervisors are reckoned and not simulated: where they want more than there is, less is done than told.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import simpy

from benchmarks.table import Row, printed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from halfgig.records import Seconds

HOUR, MONTH = 3600.0, 730 * 3600.0  # seconds
SIZES = (10, 50, 100, 200, 1_000, 10_000)
LOAD, PRICE = 0.7, 7.0
SPREAD = 0.2  # seconds within which machines look that hear of a job
BEAT = 5.0  # seconds between two heartbeats of a job
CONNECTIONS = 4  # of a machine that works: its queue, what it listens by, and two of its child
WARM = 1 / 3  # of the jobs, which meet machines that are still idle, are not counted
LEAST, EACH = 6_000, 8  # jobs that are simulated: so many, or so many for each machine


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: its share of all, seconds of video done in a second, passages filed for an hour of video."""

    share: float
    speed: float
    passages: float = 0.0


KINDS = (
    Kind(0.4, 30.0),
    Kind(0.3, 29.0, passages=150.0),
    Kind(0.3, 3.9),
)  # transcripts, indexes, counts of repetitions


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines and what they share. `arrivals` is jobs a second, `length` the mean of videos; `start` precedes a job.

    Seconds that each takes of what is shared: `claim` a claim, `asked` a request to the storage, `filed` a passage;
    `looked` a supervisor's look at the database, `beaten` a heartbeat. `told` passes after a claim until all
    know of it. `requests` is those for a second of video.
    """

    workers: int
    arrivals: float
    kinds: Sequence[Kind] = KINDS
    length: Seconds = 600.0
    start: Seconds = 1.4
    claim: Seconds = 1 / 300
    asked: Seconds = 1 / 5_500
    requests: float = 0.4
    filed: Seconds = 13.1 / 2_000
    looked: Seconds = 1 / 1_500
    beaten: Seconds = 1 / 560
    told: Seconds = 0.04
    connections: int = 200

    @property
    def service(self) -> Seconds:
        """Mean time that a job keeps a machine, where nothing else is waited for."""
        return self.start + sum(kind.share * self.length / kind.speed for kind in self.kinds)

    @property
    def passages(self) -> float:
        """Mean number that a job files."""
        return sum(kind.share * kind.passages for kind in self.kinds) * self.length / HOUR


class Coming(NamedTuple):
    """A job that comes at a time, and the length of its video."""

    at: Seconds
    kind: Kind
    length: Seconds


class Ended(NamedTuple):
    """A job that has ended: when it came and ended, the video's length, and how long no machine took it."""

    came: Seconds
    at: Seconds
    length: Seconds
    wait: Seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: jobs and seconds of video done in a second, and each job's wait for a machine and whole time."""

    throughput: float
    done: float
    waits: Sequence[Seconds]
    latencies: Sequence[Seconds]


def offered(workers: int, load: float, like: Fleet) -> Fleet:
    """So many machines like those, asked for this share of what they could do."""
    return replace(like, workers=workers, arrivals=load * workers / like.service)


def demands(fleet: Fleet) -> dict[str, float]:
    """What is wanted of each thing, as a share of what it has; the largest is the first bottleneck, above 1 it is one.

    Each machine looks once a second. Of a job that comes those hear that are idle, and those look that do so before
    they have heard that another has begun it.
    """
    busy = fleet.arrivals * fleet.service / fleet.workers
    idle = fleet.workers * max(0.0, 1 - busy)
    woken = min(idle, 1 + idle * min(1.0, (fleet.claim + fleet.told) / SPREAD))
    looks = fleet.workers + fleet.arrivals * woken
    return {
        "machines": busy,
        "beats": fleet.workers * min(1.0, busy) / BEAT * fleet.beaten,
        "claims": fleet.arrivals * fleet.claim,
        "looks": looks * fleet.looked,
        "connections": fleet.workers * CONNECTIONS / fleet.connections,
        "storage": fleet.arrivals * fleet.length * fleet.requests * fleet.asked,
        "index": fleet.arrivals * fleet.passages * fleet.filed,
    }


def simulate(fleet: Fleet, jobs: int, seed: int = 1) -> Outcome:
    """`jobs` of them. The first third is left out; what is done a second is counted until the last one comes."""
    run = _Run(fleet, seed)
    run.world.process(run.arrive(jobs))
    run.world.run()
    return counted(run.ended, warm=WARM)


def replay(fleet: Fleet, coming: Sequence[Coming]) -> Outcome:
    """What becomes of these jobs, in order of time; all of them are counted."""
    run = _Run(fleet, seed=0)
    run.world.process(run.follow(coming))
    run.world.run()
    return counted(run.ended, warm=0.0)


def counted(ended: Sequence[Ended], warm: float) -> Outcome:
    """What came of them, without this share, which came first; what is done a second, until the last one comes."""
    came = sorted(one.came for one in ended)
    begun, last = came[int(len(came) * warm)], came[-1]
    within = [one.length for one in ended if begun < one.at <= last]
    told = [one for one in ended if one.came >= begun]
    return Outcome(
        len(within) / (last - begun),
        sum(within) / (last - begun),
        [one.wait for one in told],
        [one.at - one.came for one in told],
    )


class _Run:
    """One simulation: its clock, its dice, and what machines share."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.fleet, self.dice, self.world = fleet, Random(seed), simpy.Environment()
        self.free = simpy.Container(self.world, init=fleet.workers)
        self.claims, self.storage, self.index = (simpy.Resource(self.world) for _ in range(3))
        self.ended: list[Ended] = []

    def arrive(self, jobs: int) -> Generator[simpy.Event]:
        """One job after another, by chance."""
        kinds, shares = self.fleet.kinds, [kind.share for kind in self.fleet.kinds]
        for kind in self.dice.choices(kinds, shares, k=jobs):
            yield self.world.timeout(self.dice.expovariate(self.fleet.arrivals))
            self.world.process(self.job(kind, self.dice.expovariate(1 / self.fleet.length)))

    def follow(self, coming: Sequence[Coming]) -> Generator[simpy.Event]:
        """Each job at its time."""
        for one in coming:
            yield self.world.timeout(max(0.0, one.at - self.world.now))
            self.world.process(self.job(one.kind, one.length))

    def job(self, kind: Kind, length: Seconds) -> Generator[simpy.Event]:
        """A job of this kind on a video of this length."""
        fleet, came = self.fleet, self.world.now
        yield self.free.get(1)
        wait = self.world.now - came
        yield from self.shared(self.claims, fleet.claim)
        yield from self.shared(self.storage, length * fleet.requests * fleet.asked)
        yield self.world.timeout(fleet.start + length / kind.speed)
        yield from self.shared(self.index, kind.passages * length / HOUR * fleet.filed)
        yield self.free.put(1)
        self.ended.append(Ended(came, self.world.now, length, wait))

    def shared(self, thing: simpy.Resource, seconds: Seconds) -> Generator[simpy.Event]:
        """Wait for what all machines share, and have it for so long."""
        if seconds:
            with thing.request() as turn:
                yield turn
                yield self.world.timeout(seconds)


def predicted(fleets: Iterable[Fleet], price: float) -> Iterator[Row]:
    """A row for each: p95 as seconds, seconds of video done in a second as speed, jobs a second as rate.

    `price` is that of one machine for a month.
    """
    for fleet in fleets:
        outcome = simulate(fleet, max(LEAST, EACH * fleet.workers))
        late = sorted(outcome.latencies)
        p50, p95 = (late[int(len(late) * share)] for share in (0.5, 0.95))
        cost = fleet.workers * price / MONTH * HOUR / outcome.done  # of an hour of machines, by the hours done in it
        wanted = ", ".join(f"{name} {share:.2f}" for name, share in ranked(fleet)[:3])
        note = f"p50 {p50:.0f} s, {cost:.5f} for an hour of video; {wanted}"
        what = f"{fleet.workers:,} machines, {fleet.arrivals:.2f} jobs/s"
        yield Row("simulated, not measured", what, p95, speed=outcome.done, rate=outcome.throughput, note=note)


def ranked(fleet: Fleet) -> list[tuple[str, float]]:
    """Demands, the largest first."""
    return sorted(demands(fleet).items(), key=lambda each: -each[1])


def main() -> None:
    """Print the rows for what is asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.fleet", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="machines")
    parser.add_argument("--load", type=float, default=LOAD, help="share of the machines' time that is asked for")
    parser.add_argument("--price", type=float, default=PRICE, help="of one machine for a month, in any currency")
    parser.add_argument("--minutes", type=float, default=10.0, help="mean length of the videos")
    parser.add_argument("--claims", type=float, default=300.0, help="a second, of the database")
    parser.add_argument("--connections", type=int, default=200, help="that the database allows")
    given = parser.parse_args()
    shared = Fleet(1, 1.0, length=given.minutes * 60, claim=1 / given.claims, connections=given.connections)
    print(printed(predicted((offered(size, given.load, shared) for size in given.sizes), given.price)))


if __name__ == "__main__":
    main()
