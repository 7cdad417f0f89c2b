from __future__ import annotations

from dataclasses import replace
from math import factorial
from statistics import fmean

import pytest
from benchmarks.fleet import MONTH, Coming, Fleet, Kind, demands, offered, predicted, ranked, replay, simulate

ALONE = Fleet(1, 1.0, (Kind(1.0, 10.0),), length=10.0, start=0.0, claim=0.0, requests=0.0, filed=0.0)  # 1 s each


def erlang_c(workers: int, load: float) -> float:
    """Mean wait of M/M/c with services of a second (Erlang, 1917); `load` is that of each worker, below 1."""
    wanted = workers * load
    full = wanted**workers / factorial(workers) / (1 - load)
    waits = full / (sum(wanted**k / factorial(k) for k in range(workers)) + full)
    return waits / (workers - wanted)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (4, 0.7), (10, 0.8)])
def test_waits_are_those_of_theory(workers: int, load: float) -> None:
    outcome = simulate(offered(workers, load, ALONE), 60_000, seed=3)
    assert fmean(outcome.waits) == pytest.approx(erlang_c(workers, load), rel=0.06)
    assert fmean(outcome.latencies) == pytest.approx(erlang_c(workers, load) + 1, rel=0.03)
    assert outcome.throughput == pytest.approx(workers * load, rel=0.02)
    assert outcome.done == pytest.approx(10 * workers * load, rel=0.03)


@pytest.mark.parametrize(
    ("change", "name"),
    [({"claim": 0.25}, "claims"), ({"requests": 10.0, "asked": 0.0025}, "storage"), ({"filed": 0.25}, "index")],
)
def test_what_is_shared_and_too_slow_bounds_all(change: dict[str, float], name: str) -> None:
    """Each takes a quarter of a second for a job: four jobs a second get through, of eight."""
    kinds = (Kind(1.0, 10.0, passages=360.0),)  # one for each video of ten seconds
    fleet = replace(ALONE, workers=20, arrivals=8.0, kinds=kinds, looked=0.0, connections=1_000, **change)
    first, wanted = ranked(fleet)[0]
    assert (first, round(wanted, 6)) == (name, 2.0)
    assert simulate(fleet, 6_000).throughput == pytest.approx(4.0, rel=0.05)


def test_looks_grow_with_the_machines_and_the_fewer_look_the_sooner_they_are_told() -> None:
    few, many = (demands(offered(size, 0.7, Fleet(1, 1.0))) for size in (1_000, 10_000))
    assert many["looks"] / few["looks"] == pytest.approx(48, rel=0.05)
    told = demands(offered(10_000, 0.7, replace(Fleet(1, 1.0), told=0.0, claim=0.0)))
    assert told["looks"] == pytest.approx(10_113 / 1_500, rel=0.01)  # each once a second, and one for each job
    assert many["beats"] / few["beats"] == pytest.approx(10)
    assert many["claims"] / few["claims"] == pytest.approx(10)
    assert many["machines"] == pytest.approx(few["machines"]) == pytest.approx(0.7)


def test_the_price_is_that_of_the_machines_by_what_they_do() -> None:
    """One that is half busy does five seconds of video in a second: an hour of it takes a fifth of an hour."""
    (row,) = predicted([offered(1, 0.5, ALONE)], price=MONTH / 3600)
    told = float(row.note.split(", ")[1].split()[0])
    assert row.speed == pytest.approx(5, rel=0.06)
    assert told == pytest.approx(1 / (row.speed or 0), abs=1e-4)


def test_jobs_that_came_are_replayed_in_their_order() -> None:
    coming = [Coming(at, ALONE.kinds[0], length) for at, length in ((0.0, 20.0), (0.5, 10.0), (5.0, 30.0))]
    alone, two = (replay(replace(ALONE, workers=workers), coming) for workers in (1, 2))
    assert sorted(alone.latencies) == pytest.approx([2.0, 2.5, 3.0])  # the second waits for the first
    assert sorted(two.latencies) == pytest.approx([1.0, 2.0, 3.0])
    assert alone.throughput == pytest.approx(2 / 5)
