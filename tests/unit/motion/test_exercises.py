from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import BadRequest
from halfgig.motion.angles import COLUMN
from halfgig.motion.exercises import EXERCISES, blend, exercise_named

if TYPE_CHECKING:
    from halfgig.motion.exercises import Exercise


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_rows_are_complete(exercise: Exercise) -> None:
    assert f"left_{exercise.joint}" in COLUMN
    assert exercise.work in ("low", "high")
    assert exercise.least > 0
    assert all(exercise_named(name) is exercise for name in (exercise.name, *exercise.aliases))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Squats", "squat"),
        ("push_ups", "push-up"),
        ("PULLUP", "pull-up"),
        ("chin-ups", "pull-up"),
        ("biceps curl", "bicep curl"),
    ],
)
def test_names_are_taken_as_people_write_them(said: str, meant: str) -> None:
    assert exercise_named(said).name == meant


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadRequest) as caught:
        exercise_named("squatt")
    assert "Did you mean squat?" in caught.value.remedy
    assert "pull-up" in caught.value.remedy
    with pytest.raises(BadRequest):
        exercise_named("")


def test_no_two_names_mean_the_same_but_for_spelling() -> None:
    names = [name for exercise in EXERCISES for name in (exercise.name, *exercise.aliases)]
    assert len({name.lower().replace("-", "").replace(" ", "").rstrip("s") for name in names}) == len(names)


def test_the_seen_side_stands_for_both() -> None:
    assert blend(90, math.nan) == 90
    assert blend(math.nan, 80) == 80
    assert blend(90, 80) == 85
    assert math.isnan(blend(math.nan, math.nan))
