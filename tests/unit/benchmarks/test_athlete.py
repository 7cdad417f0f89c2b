from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks.athlete import TEMPOS, TROUBLES, UNEVEN, cases, errors, late, troubled, uneven_cases
from tests.unit.motion.conftest import true_pose

from halfgig.demo.athlete import VIEWS, bodies
from halfgig.demo.body import EXERCISES
from halfgig.motion.exercises import exercise_named
from halfgig.motion.report import count
from halfgig.records import Frame, PoseAt

if TYPE_CHECKING:
    from benchmarks.athlete import Case


def poses(case: Case) -> list[PoseAt]:
    return [PoseAt(time, true_pose(body)) for time, body in bodies(case.script)]


def test_the_grid_has_every_exercise_from_every_view_in_every_tempo() -> None:
    names = [case.name for case in cases(2, VIEWS, TEMPOS, TROUBLES)]
    assert len(set(names)) == len(names) == len(EXERCISES) * len(VIEWS) * len(TEMPOS) * len(TROUBLES)


@pytest.mark.parametrize("tempo", TEMPOS)
def test_true_poses_are_counted_exactly_and_their_turns_are_where_they_are_drawn(tempo: float) -> None:
    for case in cases(3, ["side"], [tempo], ["none"]):
        report = count(poses(case), exercise_named(case.script.exercise))
        assert report.count == 3, case.name
        assert late(case, report) <= 0.1, case.name


def test_turns_are_where_they_are_drawn_also_where_one_way_is_slow() -> None:
    checked = list(uneven_cases(3, ["side"]))
    assert len({case.name for case in checked}) == len(checked) == len(UNEVEN) * len(EXERCISES)
    for case in checked:
        report = count(poses(case), exercise_named(case.script.exercise))
        assert report.count == 3, case.name
        assert late(case, report) <= 0.1, case.name


def test_an_angle_is_compared_with_the_drawn_one() -> None:
    case = next(cases(1, ["side"], [2.0], ["none"]))
    found = dict(errors(case, poses(case)))
    assert found["knee", "side"].mean() < 5
    assert np.isfinite(found["elbow", "side"]).all()


def test_noise_and_a_post_change_the_picture_and_nothing_else() -> None:
    plain = Frame(1.0, np.full((20, 50, 3), 100, np.uint8))
    (same,), (noisy,), (hidden,) = (list(troubled([plain], trouble)) for trouble in TROUBLES)
    assert (same.pixels == plain.pixels).all()
    assert noisy.pixels.std() > 5
    assert set(np.unique(hidden.pixels)) == {60, 64, 70, 100}
    assert plain.pixels.min() == 100
