from __future__ import annotations

import random
from statistics import mean, pstdev
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.motion.angles import COLUMN, SIGNALS, AnglesAt
from halfgig.motion.kept import Sight
from halfgig.motion.periodic import LEAST_REPS, NAME, Runs, Spread
from halfgig.motion.recognition import Recognizer
from halfgig.records import Rep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def reps(starts: Iterable[float], seconds: float = 1.0, depth: float = 60.0) -> list[Rep]:
    return [Rep(1, start, start + seconds / 2, start + seconds, 100.0, 100.0 + depth) for start in starts]


def even_run(reps: Iterable[Rep]) -> list[Rep]:
    runs = Runs()
    for rep in reps:
        runs.add(rep, Sight("side", None, 1.0))
    return [rep for rep, _ in runs.even()]


def test_a_run_is_even_if_its_reps_are_alike() -> None:
    assert len(even_run(reps(range(8)))) == 8
    assert even_run(reps(range(LEAST_REPS - 1))) == []
    assert even_run([*reps(range(5)), *reps(range(5, 10), depth=160)]) == []
    assert len(even_run([*reps([0, 1]), *reps(range(20, 26))])) == 6
    assert even_run([]) == []


@given(st.lists(st.floats(0.3, 20.0), min_size=1))
def test_a_spread_is_the_deviation_by_the_mean(values: list[float]) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    assert spread.total == pytest.approx(sum(values))
    assert spread.share == pytest.approx(pstdev(values) / mean(values), abs=1e-6)


def swinging(count: int, gap: float) -> Iterator[AnglesAt]:
    """Somebody on their back who opens and closes both legs: no exercise of the table."""
    for number in range(count * 15):
        bend = 60 * (0.5 - 0.5 * np.cos(2 * np.pi * number / 15))
        row = np.full(len(SIGNALS), np.nan, np.float32)
        row[[COLUMN[name] for name in ("trunk", "left_hip", "right_hip", "hip_gap", "knee_gap")]] = (
            *(160, 90 + bend, 90 + bend),
            *(gap, gap),
        )
        yield AnglesAt(number / 10, row)


def test_an_even_movement_of_no_known_exercise_is_counted_and_called_unknown() -> None:
    exercise, found = Recognizer().recognize(swinging(7, gap=5))
    assert exercise is not None
    assert exercise.name == NAME
    assert 6 <= len(list(found)) <= 7


def test_legs_that_take_turns_are_walking() -> None:
    assert Recognizer().recognize(swinging(7, gap=60)) == (None, ())


def test_fidgeting_is_not_periodic() -> None:
    draw = random.Random(1)
    starts = [sum(draw.uniform(1, 6) for _ in range(number)) for number in range(10)]
    assert even_run(reps(starts, depth=draw.uniform(30, 90))) == []
