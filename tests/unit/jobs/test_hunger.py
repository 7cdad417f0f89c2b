from __future__ import annotations

from tests.unit.jobs.conftest import Clock

from halfgig.jobs.hunger import LATELY, Hunger


def test_a_kill_counts_for_a_moment() -> None:
    clock, counts = Clock(), [3]
    hunger = Hunger(clock, lambda: counts[0])
    assert hunger.killed_lately() is False
    counts[0] = 4
    assert hunger.killed_lately() is True
    clock.now += LATELY
    assert hunger.killed_lately() is True  # another that dies with it
    clock.now += 0.1
    assert hunger.killed_lately() is False


def test_a_kill_between_two_deaths_is_not_charged_to_the_second() -> None:
    clock, counts = Clock(), [0]
    hunger = Hunger(clock, lambda: counts[0])
    counts[0] = 1
    hunger.look()
    clock.now += 60
    assert hunger.killed_lately() is False


def test_who_is_not_told_does_not_know() -> None:
    assert Hunger(Clock(), lambda: None).killed_lately() is None
