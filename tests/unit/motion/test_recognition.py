from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.demo.athlete import Beat, Script
from halfgig.motion.angles import COLUMN, SIGNALS, AnglesAt, measure_angles
from halfgig.motion.exercises import EXERCISES
from halfgig.motion.forms import mean, moves, reaches
from halfgig.motion.recognition import FAINT_FORM, Memory, Recognizer, fit
from halfgig.records import PoseAt, Rep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Perform = Callable[..., Iterator[PoseAt]]

NONE = "none"


def recognize(angles: Iterable[AnglesAt]) -> tuple[str, list[Rep]]:
    exercise, found = Recognizer().recognize(angles)
    return exercise.name if exercise else NONE, found


FAMILIES = {"alternating curl": {"alternating curl", "bicep curl"}}


@pytest.mark.parametrize(
    "exercise",
    [
        "squat",
        "push-up",
        "bicep curl",
        "alternating curl",
        "pull-up",
        "jumping jack",
        "lunge",
        "deadlift",
        "shoulder press",
    ],
)
@pytest.mark.parametrize("tempo", [1.5, 3.0])
def test_each_drawn_exercise_is_recognised_and_counted(perform: Perform, exercise: str, tempo: float) -> None:
    name, found = recognize(measure_angles(perform(exercise, 4, tempo)))
    assert name in FAMILIES.get(exercise, {exercise})
    assert sum(not rep.partial for rep in found) == 4


def test_standing_is_no_exercise(perform: Perform) -> None:
    still = Script("squat", (), lead=10)
    assert recognize(measure_angles(perform(still))) == (NONE, [])


def test_small_movements_are_no_exercise(perform: Perform) -> None:
    fidget = Script("squat", tuple(Beat(depth=0.15) for _ in range(8)))
    assert recognize(measure_angles(perform(fidget))) == (NONE, [])


def test_one_clear_rep_is_enough(perform: Perform) -> None:
    name, found = recognize(measure_angles(perform("squat", 1)))
    assert (name, len(found)) == ("squat", 1)


def test_nobody_is_no_exercise() -> None:
    empty = (PoseAt(number / 15, None) for number in range(200))
    assert recognize(measure_angles(empty)) == (NONE, [])
    assert recognize(iter(())) == (NONE, [])


def test_the_exercise_that_fills_most_of_the_time_is_chosen(perform: Perform) -> None:
    squats, curls = perform("squat", 2), perform("bicep curl", 6)
    later = (PoseAt(moment.time + 8, moment.pose) for moment in curls)
    name, _ = recognize(measure_angles(itertools.chain(squats, later)))
    assert name in {"bicep curl", "alternating curl"}


def test_a_candidate_keeps_only_what_may_be_its_own(perform: Perform) -> None:
    recognizer = Recognizer()
    exercise, found = recognizer.recognize(measure_angles(perform("squat", 4)))
    assert (exercise and exercise.name, len(found)) == ("squat", 4)
    assert all(fit >= FAINT_FORM for candidate in recognizer.candidates for fit in candidate.fits)
    assert all(len(candidate.found) == len(candidate.fits) for candidate in recognizer.candidates)
    assert not next(one for one in recognizer.candidates if one.exercise.name == "front raise").found


def moment(time: float, **signals: float) -> AnglesAt:
    row = np.full(len(SIGNALS), np.nan, np.float32)
    for name, value in signals.items():
        row[COLUMN[name]] = value
    return AnglesAt(time, row)


def test_memory_forgets_the_oldest() -> None:
    memory = Memory(moments=4)
    for number in range(10):
        memory.add(moment(float(number), trunk=number))
    seen = memory.during(Rep(1, 0, 5, 9, 0, 1))[:, COLUMN["trunk"]]
    assert sorted(seen) == [6, 7, 8, 9]


def test_fit_is_a_product_of_likenesses_and_unseen_signals_do_not_count() -> None:
    rows = np.stack([moment(0, trunk=10, left_knee=170).values, moment(1, trunk=20, left_knee=90).values])
    assert fit((mean("trunk", most=45), moves("knee", 45), reaches("knee", 100)), rows, "both") == 1
    assert fit((moves("elbow", 50),), rows, "both") == 1
    assert fit((mean("trunk", 30, soft=15),), rows, "both") == pytest.approx(0.5)
    assert fit((moves("knee", 45),), rows, "right") == 1
    assert fit((mean("trunk", 30, soft=15), moves("knee", 95, soft=15)), rows, "left") == pytest.approx(0.25)
    assert fit((moves("knee", 45),), rows[:0], "both") == 1


def test_forms_are_of_signals_that_exist() -> None:
    for exercise in EXERCISES:
        for trait in exercise.form:
            assert trait.signal in COLUMN or f"left_{trait.signal}" in COLUMN
