from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.motion.turns import STEPS, Smoother, TurnFinder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.motion.turns import Turn


def smooth(values: Sequence[float], rate: float = 15) -> list[tuple[float, float]]:
    smoother = Smoother()
    given_back = [sample for number, value in enumerate(values) for sample in smoother.add(number / rate, value)]
    return given_back + smoother.finish()


def turns(values: Sequence[float], least: float = 20.0, times: list[float] | None = None) -> list[Turn | None]:
    finder = TurnFinder(least)
    times = times or [number / 10 for number in range(len(values))]
    found = [turn for time, value in zip(times, values, strict=True) for turn in finder.add(time, value)]
    return found + finder.finish()


def test_a_slow_turn_is_reached_and_left_at_the_same_height() -> None:
    slow = [math.cos(math.pi * number / 20) for number in range(41)]  # two seconds there, two seconds back
    for depth in (42.0, 55.0, 68.0):
        work = turns([170 - depth * (1 - one) for one in slow])[1]
        assert work is not None
        assert work.middle == pytest.approx(2.0, abs=0.01)


def test_a_turn_that_is_approached_for_long_holds_a_few_places() -> None:
    finder = TurnFinder(20.0)
    for number in range(5_000):
        finder.add(number / 100, 170 - 0.004 * number)
    assert finder._low is not None
    assert len(finder._low._way) <= STEPS + 1


def test_smoothing_gives_every_sample_back_at_its_own_time() -> None:
    assert [time for time, _ in smooth([1.0] * 20)] == pytest.approx([number / 15 for number in range(20)])


def test_smoothing_does_not_move_a_peak() -> None:
    bump = [100 - abs(number - 30) for number in range(60)]
    assert max(smooth(bump), key=lambda sample: sample[1])[0] == pytest.approx(30 / 15, abs=1 / 15)


def test_smoothing_removes_a_spike_and_leaves_a_step() -> None:
    values = [170.0] * 20 + [20.0] + [170.0] * 20 + [90.0] * 20
    smoothed = [value for _, value in smooth(values)]
    assert min(smoothed[:38]) == pytest.approx(170.0)
    assert smoothed[-10:] == pytest.approx([90.0] * 10)


def test_smoothing_leaves_unseen_moments_out() -> None:
    assert [time for time, _ in smooth([1.0, math.nan, 1.0])] == pytest.approx([0, 2 / 15])
    assert smooth([math.nan] * 5) == []


def test_smoothing_holds_only_its_reach() -> None:
    smoother = Smoother()
    for number in range(5_000):
        smoother.add(number / 30, float(number % 7))
    assert len(smoother._near) < 15


def test_turns_alternate_and_ignore_wiggles() -> None:
    values = [170, 120, 90, 95, 88, 130, 171, 168, 170, 100, 80, 165]
    found = [(turn.value, turn.high) for turn in turns(values) if turn]
    assert found == [(170, True), (88, False), (171, True), (80, False), (165, True)]


def test_a_turn_knows_how_long_the_signal_rested_there() -> None:
    values = [170.0] * 10 + [90.0] * 10 + [170.0] * 10
    work = turns(values)[1]
    assert work is not None
    assert (work.arrive, work.leave) == (1.0, 1.9)


def test_a_turn_that_the_run_begins_in_the_middle_of_is_marked() -> None:
    assert [turn.edge for turn in turns([150, 90, 170, 90]) if turn] == [True, False, False, False]
    assert [turn.edge for turn in turns([170.0] * 10 + [90, 170]) if turn] == [False, False, False]


def test_a_flat_signal_has_no_turns() -> None:
    assert turns([120.0] * 50) == [None]
    assert turns([]) == [None]


def test_a_gap_ends_the_run() -> None:
    found = turns([170, 90, 170, 90, 170], times=[0, 0.5, 5, 5.5, 6])
    assert found.count(None) == 2
    assert [turn.value for turn in found[: found.index(None)] if turn] == [170, 90]


@given(st.lists(st.floats(0, 180), max_size=200))
def test_neighbouring_turns_are_of_opposite_kind_and_at_least_the_threshold_apart(values: list[float]) -> None:
    found = [turn for turn in turns(values) if turn is not None]
    for before, after in itertools.pairwise(found):
        assert before.high != after.high
        assert abs(before.value - after.value) >= 20 - 1e-9
        assert before.time <= after.time
        assert before.arrive <= before.time <= before.leave or before.leave <= after.leave
