from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.errors import BadRequest
from halfgig.motion.angles import measure_angles
from halfgig.motion.exercises import exercise_named
from halfgig.motion.learning import learn
from halfgig.motion.report import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.records import PoseAt

    Perform = Callable[..., Iterator[PoseAt]]


@pytest.mark.parametrize(
    ("exercise", "joints", "work"),
    [("squat", {"knee", "hip"}, "low"), ("bicep curl", {"elbow"}, "low"), ("jumping jack", {"shoulder"}, "high")],
)
def test_the_joint_that_moves_as_often_is_learned(perform: Perform, exercise: str, joints: set[str], work: str) -> None:
    found = learn("mine", list(measure_angles(perform(exercise, 5))), 5)
    assert found.joint in joints
    assert (found.name, found.work) == ("mine", work)
    assert count(perform(exercise, 7, 1.8), found).count == 7


def test_what_was_learned_is_recognised_where_nothing_else_is(perform: Perform) -> None:
    found = learn("mine", list(measure_angles(perform("deadlift", 5))), 5)
    assert count(perform("deadlift", 4), None, learned=(found,)).exercise in {"mine", "deadlift"}
    assert count(perform("bicep curl", 4), None, learned=(found,)).exercise == "bicep curl"


def test_a_number_that_nothing_moves_is_refused(perform: Perform) -> None:
    with pytest.raises(BadRequest, match="9 times"):
        learn("mine", list(measure_angles(perform("squat", 4))), 9)


def test_a_taught_name_is_found_and_the_table_comes_first(perform: Perform) -> None:
    found = learn("hip circle", list(measure_angles(perform("squat", 3))), 3)
    assert exercise_named("Hip-Circles", (found,)) is found
    assert exercise_named("squat", (found,)).name == "squat"
    with pytest.raises(BadRequest):
        exercise_named("hip circle")
