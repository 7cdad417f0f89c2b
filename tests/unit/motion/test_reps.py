"""Counting on synthetic signals whose reps are known."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from halfgig.motion.angles import COLUMN, SIGNALS, AnglesAt
from halfgig.motion.exercises import exercise_named
from halfgig.motion.forms import Exercise
from halfgig.motion.reps import HORIZON, LATEST, Counter, find_reps, in_order, own_range
from halfgig.motion.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RATE = 15  # moments a second


@dataclass(frozen=True)
class Move:
    """A smooth trip of the knee: degrees of bend, seconds there and back, and at rest after it."""

    bend: float = 90.0
    seconds: float = 2.0
    rest: float = 0.5


def knee(moves: Iterable[Move], lead: float = 0.5, noise: float = 0.0, seed: int = 0) -> Iterator[float]:
    """Knee angles of these moves, 170 degrees at rest."""
    random = np.random.default_rng(seed)
    for move in (Move(0, 0, lead), *moves):
        count = round(move.seconds * RATE)
        bend = move.bend * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(count) / max(count, 1)))
        for value in np.concatenate([170 - bend, np.full(round(move.rest * RATE), 170.0)]):
            yield float(value + noise * random.standard_normal())


def moments(
    values: Iterable[float], *, signal: str = "knee", sides: tuple[str, ...] = ("left", "right")
) -> Iterator[AnglesAt]:
    """The values as a stream of angles, RATE a second."""
    for number, value in enumerate(values):
        row = np.full(len(SIGNALS), np.nan, np.float32)
        for side in sides:
            row[COLUMN[f"{side}_{signal}"]] = value
        yield AnglesAt(number / RATE, row)


SQUAT = exercise_named("squat")


def count(
    values: Iterable[float], exercise: Exercise = SQUAT, sides: tuple[str, ...] = ("left", "right")
) -> tuple[int, int]:
    found = list(find_reps(moments(values, sides=sides), exercise))
    return sum(not rep.partial for rep in found), sum(rep.partial for rep in found)


def test_every_full_move_is_a_rep() -> None:
    assert count(knee([Move()] * 7)) == (7, 0)


def test_a_rep_tells_its_times_and_range() -> None:
    (rep,) = find_reps(moments(knee([Move(bend=90, seconds=2.0)], lead=1.0)), SQUAT)
    assert rep.turn == pytest.approx(2.0, abs=0.1)
    assert 0.9 <= rep.start <= 1.5
    assert 2.5 <= rep.end <= 3.1
    assert (rep.lowest, rep.highest) == pytest.approx((80, 170), abs=3)
    assert rep.range_of_motion == pytest.approx(90, abs=5)


def test_a_rest_at_the_top_belongs_to_no_rep() -> None:
    first, second = find_reps(moments(knee([Move(rest=8.0), Move()])), SQUAT)
    assert first.end < 3.0
    assert second.start > 9.0


def test_shallow_moves_among_deep_ones_are_attempts() -> None:
    assert count(knee([Move(), Move(), Move(bend=32), Move(), Move(bend=30), Move()])) == (4, 2)


def test_shallow_moves_alone_are_reps_of_a_shallow_exerciser() -> None:
    assert count(knee([Move(bend=40)] * 5)) == (5, 0)


def test_moves_below_the_least_of_the_exercise_are_nothing() -> None:
    assert count(knee([Move(bend=10)] * 9)) == (0, 0)


def test_a_bounce_at_the_bottom_is_one_rep() -> None:
    deep = list(knee([Move()]))
    middle = deep.index(min(deep))
    bounce = [min(deep) + 15 * math.sin(math.pi * step / 8) for step in range(8)]
    assert count(deep[:middle] + bounce + deep[middle:])[0] == 1


def test_a_long_pause_at_the_bottom_is_one_rep_and_a_longer_one_none() -> None:
    down, up = [170 - 9 * step for step in range(10)], [80 + 9 * step for step in range(11)]
    assert count([170.0] * 10 + down + [80.0] * (8 * RATE) + up + [170.0] * 10)[0] == 1
    assert count([170.0] * 10 + down + [80.0] * (40 * RATE) + up + [170.0] * 10)[0] == 0


def test_unseen_moments_inside_a_rep_do_not_end_it_but_a_gap_does() -> None:
    values = list(knee([Move(seconds=3)] * 4))
    assert count([math.nan if number % 4 == 1 else value for number, value in enumerate(values)])[0] == 4
    lost = [math.nan if 1.4 < number / RATE < 3.2 else value for number, value in enumerate(values)]
    assert count(lost)[0] == 3


def test_nothing_seen_is_nothing_counted() -> None:
    assert count([math.nan] * 300) == (0, 0)
    assert count([]) == (0, 0)
    assert count([120.0]) == (0, 0)


def test_another_shot_ends_what_was_going_on() -> None:
    down, up = [170 - 9 * step for step in range(10)], [80 + 9 * step for step in range(11)]
    stream = list(moments([170.0] * 10 + down + [80.0] * 10 + up + [170.0] * 10))
    assert len(list(find_reps(stream, SQUAT))) == 1
    stream[25] = replace(stream[25], cut=True)
    assert list(find_reps(stream, SQUAT)) == []


def test_a_rep_that_was_under_way_counts_if_the_way_back_is_whole() -> None:
    assert count([*list(knee([Move()] * 3, lead=0.0))[7:]])[0] == 3
    assert count([*list(knee([Move()] * 3, lead=0.0))[14:]])[0] == 2


def test_a_first_lift_from_the_floor_is_a_rep_of_a_deadlift_only() -> None:
    lifts = list(knee([Move()] * 3, lead=0.0))[15:]
    deadlift = exercise_named("deadlift")
    found = [rep for rep in find_reps(moments(lifts, signal="hip"), deadlift) if not rep.partial]
    assert len(found) == 3
    assert all(rep.start <= rep.turn <= rep.end and rep.start <= rep.reached <= rep.left for rep in found)
    assert count(lifts)[0] == 2


def test_nobody_moves_as_fast_as_a_slip_of_the_model() -> None:
    lunge = replace(SQUAT, quick=1.5)
    assert count(knee([Move(seconds=0.9, rest=1)] * 3))[0] == 3
    assert count(knee([Move(seconds=0.9, rest=1)] * 3), lunge)[0] == 0


def test_work_at_the_high_end_counts_the_same() -> None:
    press = Exercise("press", "elbow", "high", 35)
    values = [250 - value for value in knee([Move()] * 3)]
    found = list(find_reps(moments(values, signal="elbow"), press))
    assert len(found) == 3
    assert all(rep.highest > 150 > 90 > rep.lowest for rep in found)


def test_what_was_done_before_a_long_rest_is_told_while_it_lasts() -> None:
    counter, told = Counter(SQUAT), []
    for moment in moments(knee([Move(), Move(), Move(rest=300)])):
        told += [(rep, moment.time) for rep in counter.add(moment)]
    assert len(told) == 3
    assert all(time - rep.end < LATEST + 5 for rep, time in told)
    assert counter.finish() == []


def test_sides_are_counted_for_themselves() -> None:
    curl = exercise_named("alternating curl")
    still = [170.0] * 60
    both = list(moments([*knee([Move()] * 2), *still, *still], signal="elbow"))
    for moment, value in zip(both, [*still, *knee([Move()] * 3)], strict=False):
        moment.values[COLUMN["right_elbow"]] = value
    found = in_order(find_reps(both, curl))
    assert sorted(rep.side for rep in found) == ["left"] * 2 + ["right"] * 3
    assert [rep.number for rep in found] == [1, 2, 3, 4, 5]
    assert [rep.start for rep in found] == sorted(rep.start for rep in found)


def test_one_side_out_of_sight_is_enough() -> None:
    assert count(knee([Move()] * 3), sides=("right",)) == (3, 0)


tempo = st.floats(0.9, 6.0)
moves = st.lists(
    st.builds(Move, bend=st.floats(75, 110), seconds=tempo, rest=st.floats(0.2, 4.0)), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(moves, st.floats(0, 4), st.integers(0, 99))
def test_noise_tempo_and_pauses_do_not_change_the_count(given_moves: list[Move], noise: float, seed: int) -> None:
    assert count(knee(given_moves, noise=noise, seed=seed))[0] == len(given_moves)


@settings(max_examples=40, deadline=None)
@given(moves, st.integers(0, 99), st.floats(0, 0.3))
def test_frames_without_a_pose_do_not_change_the_count(given_moves: list[Move], seed: int, share: float) -> None:
    draw = random.Random(seed)
    values = [math.nan if draw.random() < share else value for value in knee(given_moves)]
    assert count(values)[0] == len(given_moves)


@settings(max_examples=40, deadline=None)
@example([True] + [False] * 8)  # a rep ends when it comes to rest, not when the next one begins
@given(st.lists(st.booleans(), min_size=3, max_size=10))  # more than HORIZON of one depth are judged by themselves
def test_partial_reps_among_as_many_full_ones_are_told_apart(full: list[bool]) -> None:
    deep = [*full, *[True] * max(2, full.count(False) - full.count(True))]
    assert count(knee([Move(bend=95 if one else 33) for one in deep])) == (sum(deep), len(deep) - sum(deep))


def test_a_set_of_another_depth_later_is_counted_on_its_own_range() -> None:
    assert count(knee([Move(bend=110)] * 60 + [Move(bend=45)] * 60))[0] >= 110


def test_a_counter_holds_no_more_after_an_hour_than_after_a_minute() -> None:
    counter = Counter(SQUAT)
    found = 0
    for moment in moments(knee([Move(seconds=1.5, rest=0.3)] * 2_000)):
        found += len(counter.add(moment))
    assert found > 1_900
    assert len(counter._grader._held) <= 2 * HORIZON + 1
    assert len(counter._picker._kept) <= 3
    assert len(counter._smoother._near) < 10


def test_reps_come_out_while_the_video_still_runs() -> None:
    stream = find_reps(moments(knee([Move()] * 400)), SQUAT)
    assert next(stream).number == 1


def test_own_range_weighs_swings_by_their_length() -> None:
    def run(values: list[float]) -> list[Turn]:
        return [Turn(time, value, time, time, high=bool(time % 2)) for time, value in enumerate(values)]

    span, rest = own_range(run([0, 90, 0, 88, 2, 91, 0, 15, 0, 14, 1, 16, 0]))
    assert span == pytest.approx(90, abs=3)
    assert rest <= 2
    assert own_range([]) == (0.0, 0.0)
    assert own_range([None, None]) == (0.0, 0.0)


def test_a_turn_does_not_lean_towards_the_slower_way() -> None:
    there, back = (np.pi * np.arange(count) / count for count in (3 * RATE, RATE))
    bend = np.concatenate([0.5 - 0.5 * np.cos(there), 0.5 + 0.5 * np.cos(back), np.zeros(RATE)])
    reps = list(find_reps(moments(170 - 90 * np.concatenate([np.zeros(RATE), bend, bend, bend])), SQUAT))
    assert [rep.turn for rep in reps] == pytest.approx([4, 9, 14], abs=0.06)
