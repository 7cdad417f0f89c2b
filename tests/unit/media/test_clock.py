from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.media.clock import LONGEST_JUMP, Placed, Stamped, ascend, every, sample, settle, slot

LENGTH = 0.02  # seconds of one item


def stamps(*times: float | None) -> list[Stamped[int]]:
    return [Stamped(time, LENGTH, number) for number, time in enumerate(times)]


def settled(*times: float | None, jump: float = 0.5) -> list[float]:
    return [round(one.time, 6) for one in settle(stamps(*times), jump=jump)]


def test_even_times_are_believed() -> None:
    assert settled(0.0, 0.02, 0.04) == [0.0, 0.02, 0.04]


def test_missing_times_go_on_where_the_last_item_ended() -> None:
    assert settled(0.1, None, None, 0.16) == [0.1, 0.12, 0.14, 0.16]


def test_all_times_missing() -> None:
    assert settled(None, None, None) == [0.0, 0.02, 0.04]


def test_small_errors_are_left_to_the_next_stage() -> None:
    assert settled(0.0, 0.025, 0.035) == [0.0, 0.025, 0.035]


def test_a_pause_that_lasts_is_believed() -> None:
    assert settled(0.0, 0.02, 5.0, 5.02) == [0.0, 0.02, 5.0, 5.02]


def test_a_late_start_is_believed() -> None:
    assert settled(7.0, 7.02) == [7.0, 7.02]


def test_a_single_wrong_time_ahead_is_not_believed() -> None:
    assert settled(0.0, 3600.0, 0.04, 0.06) == [0.0, 0.02, 0.04, 0.06]


def test_a_single_wrong_time_back_is_not_believed() -> None:
    assert settled(10.0, 10.02, 0.0, 10.06) == [10.0, 10.02, 10.04, 10.06]


def test_a_clock_set_back_goes_on() -> None:
    assert settled(9.0, 9.02, 0.0, 0.02, 0.04) == [9.0, 9.02, 9.04, 9.06, 9.08]


def test_a_leap_of_days_goes_on() -> None:
    assert settled(0.0, 0.02, 1e6, 1e6 + 0.02) == [0.0, 0.02, 0.04, 0.06]


def test_a_leap_at_the_very_end_is_not_believed() -> None:
    assert settled(0.0, 0.02, 1000.0) == [0.0, 0.02, 0.04]


def test_the_wait_for_confirmation_holds_one_item() -> None:
    taken = 0

    def counted() -> object:
        nonlocal taken
        for one in stamps(0.0, 0.02, 50.0, 50.02, 50.04):
            taken += 1
            yield one

    seen = 0
    for _ in settle(counted(), jump=0.5):  # type: ignore[arg-type]
        seen += 1
        assert taken - seen <= 1
    assert seen == 5


Times = st.lists(st.none() | st.floats(-1e7, 1e7), max_size=60)


@given(Times)
def test_every_item_comes_out_once_and_in_order(times: list[float | None]) -> None:
    assert [one.item for one in settle(stamps(*times), jump=0.5)] == list(range(len(times)))


@given(Times)
def test_no_leap_is_longer_than_the_longest(times: list[float | None]) -> None:
    end = 0.0
    for one in settle(stamps(*times), jump=0.5):
        assert end - 0.5 - 1e-6 <= one.time <= end + LONGEST_JUMP + 1e-6
        end = max(end, one.time + one.seconds)


@given(Times)
def test_ascending_times_rise_strictly(times: list[float | None]) -> None:
    placed = ascend(settle(stamps(*times), jump=10.0))
    assert all(one.time < other.time for one, other in pairwise(placed))


@given(st.lists(st.floats(0.001, 2.0), max_size=100), st.floats(0.5, 60))
def test_sampling_takes_the_first_of_each_slot(steps: list[float], rate: float) -> None:
    times = [sum(steps[: number + 1]) for number in range(len(steps))]
    placed = [Placed(time, 0.0, number) for number, time in enumerate(times)]
    taken = list(sample(placed, rate))
    assert {slot(one.time, rate) for one in taken} == {slot(time, rate) for time in times}
    assert len({slot(one.time, rate) for one in taken}) == len(taken)
    assert len(taken) <= (max(times, default=0.0) + 0.004) * rate + 1


@pytest.mark.parametrize(("fps", "rate", "expected"), [(30, 10, 20), (25, 10, 20), (30, 30, 60), (24, 60, 48)])
def test_even_frames_are_sampled_evenly(fps: int, rate: float, expected: int) -> None:
    placed = [Placed(round(number / fps, 3), 1 / fps, number) for number in range(2 * fps)]
    taken = [one.time for one in sample(placed, rate)]
    assert len(taken) == expected
    assert max(other - one for one, other in pairwise(taken)) <= 1 / rate + 1 / fps + 0.002


def test_without_a_rate_everything_is_taken() -> None:
    placed = [Placed(float(number), 1.0, number) for number in range(5)]
    assert list(sample(placed, None)) == placed


def test_every_third() -> None:
    placed = [Placed(float(number), 1.0, number) for number in range(8)]
    assert [one.item for one in every(placed, 3)] == [0, 3, 6]
