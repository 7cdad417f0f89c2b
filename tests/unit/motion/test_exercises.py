from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.errors import BadRequest
from halfgig.motion.angles import COLUMN, JOINT_NAMES, SIGNALS, AnglesAt
from halfgig.motion.exercises import EXERCISES, exercise_named
from halfgig.motion.forms import DEGREES, TRUNK, blend

if TYPE_CHECKING:
    from halfgig.motion.forms import Exercise


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_rows_are_complete(exercise: Exercise) -> None:
    assert exercise.joint in COLUMN or f"left_{exercise.joint}" in COLUMN
    assert exercise.work in ("low", "high")
    assert exercise.least > 0
    assert all(exercise_named(name) is exercise for name in (exercise.name, *exercise.aliases))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("squat_half", "half squat"),
        ("pushup_decline", "decline push-up"),
        ("bicep_curl_alternating", "alternating curl"),
        ("lat_pulldown", "lat pull-down"),
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


def test_the_exercises_that_people_do_are_there() -> None:
    asked = (
        "squat, half squat, jump squat, split squat, lunge, side lunge, alternating lunge, push-up, incline push-up, "
        "decline push-up, knee push-up, pull-up, bicep curl, alternating curl, shoulder press, sit-up, crunch, "
        "deadlift, jumping jack, high knees, mountain climber, front raise, lateral raise, bench press, "
        "triceps extension, triceps push-down, row, lat pull-down, leg press, calf raise, step-up, dip, burpee, "
        "plank, wall sit"
    )
    assert {exercise_named(name).name for name in asked.split(", ")} == set(asked.split(", "))


def test_a_family_is_one_movement() -> None:
    assert exercise_named("lat pull-down").family == exercise_named("pull-up").family == "pull-up"
    assert {row.family for row in EXERCISES} <= {row.name for row in EXERCISES} | {"raise", "triceps"}


def test_the_docs_tell_what_is_recognised_as_another_and_what_never() -> None:
    pages = (Path(__file__).parents[3] / "docs" / "reps.md").read_text(encoding="utf-8").split("\n\n")
    (paragraph,) = (part.lower() for part in pages if part.startswith("Those without a form"))
    as_another, never = paragraph.split("a form of.")
    shown = {row.family for row in EXERCISES if row.form and row.prior > 0}
    for row in EXERCISES:
        if not row.form or row.prior == 0:
            place = as_another if row.family in shown else never
            assert [word for word in row.name.split() if word not in place] == []


def moment(**signals: float) -> AnglesAt:
    row = np.full(len(SIGNALS), np.nan, np.float32)
    for name, value in signals.items():
        row[COLUMN[name]] = value
    return AnglesAt(0.0, row)


def test_signals_with_and_without_sides_in_their_units() -> None:
    assert exercise_named("burpee").signal(moment(trunk=80)) == 80
    assert exercise_named("step-up").signal(moment(shoulder_place=1.5)) == pytest.approx(150)
    assert (exercise_named("step-up").unit, exercise_named("squat").unit) == (TRUNK, DEGREES)
    assert exercise_named("squat").signal(moment(left_knee=90, right_knee=100)) == 95


def test_the_arm_that_the_other_hides_is_presumed_to_rest() -> None:
    curl = exercise_named("alternating curl")
    assert curl.signal(moment(right_elbow=60), "left") == curl.rest
    assert curl.signal(moment(right_elbow=60), "right") == 60
    assert math.isnan(curl.signal(moment(), "left"))


def guessed(left: float, right: float, **seen: float) -> AnglesAt:
    joints = np.full(len(JOINT_NAMES), np.nan, np.float32)
    joints[[COLUMN["left_elbow"], COLUMN["right_elbow"]]] = left, right
    return replace(moment(**seen), guesses=joints)


def test_what_neither_side_shows_is_as_the_model_guesses_it() -> None:
    curl = exercise_named("bicep curl")
    assert curl.signal(guessed(60, 70)) == 65
    assert math.isnan(curl.signal(guessed(60, math.nan)))  # one arm alone is cut off by the picture's edge, it may be
    assert curl.signal(guessed(60, 90, right_elbow=90)) == 90  # what is seen needs no guess


def test_a_hidden_arm_is_guessed_while_the_other_rests() -> None:
    curl = exercise_named("alternating curl")
    assert curl.signal(guessed(60, 150, right_elbow=150), "left") == 60
    assert curl.signal(guessed(60, 80, right_elbow=80), "left") == curl.rest
    assert curl.signal(guessed(math.nan, 150, right_elbow=150), "left") == curl.rest
    assert curl.signal(guessed(60, math.nan), "left") == 60


def test_the_seen_side_stands_for_both() -> None:
    assert blend(90, math.nan) == 90
    assert blend(math.nan, 80) == 80
    assert blend(90, 80) == 85
    assert math.isnan(blend(math.nan, math.nan))
