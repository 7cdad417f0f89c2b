from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.demo.athlete import bodies, steady
from halfgig.motion.angles import COLUMN, JOINT_NAMES, SIGNALS, joint_angle, measure, measure_angles
from halfgig.records import Pose, PoseAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Perform = Callable[..., Iterator[PoseAt]]


def first_pose(poses: Iterator[PoseAt]) -> Pose:
    pose = next(poses).pose
    assert pose is not None
    return pose


def points(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def test_joint_angles() -> None:
    a, c = points([1, 0, 0], [1, 0, 0], [1, 0, 0]), points([0, 1, 0], [-2, 0, 0], [3, 0, 0])
    assert joint_angle(a, np.zeros((3, 3), np.float32), c).tolist() == pytest.approx([90, 180, 0])


def test_points_that_coincide_have_no_angle() -> None:
    origin = points([0, 0, 0])
    assert np.isnan(joint_angle(origin, origin, points([1, 0, 0]))).all()
    assert np.isnan(joint_angle(points([math.nan, 0, 0]), origin, points([1, 0, 0]))).all()


def test_a_body_from_the_side_has_its_true_angles(perform: Perform) -> None:
    script = steady("squat", 1)
    for moment, (_, body) in zip(perform(script), bodies(script), strict=True):
        assert moment.pose is not None
        row, truth = measure(moment.pose), body.angles()
        errors = [abs(row[COLUMN[name]] - truth[name]) for name in JOINT_NAMES]
        assert max(errors) < 5  # depth counts for less than it is


def test_heights_and_spreads_are_in_trunk_lengths(perform: Perform) -> None:
    hanging = measure(first_pose(perform("pull-up", 1)))
    standing = measure(first_pose(perform("squat", 1)))
    assert hanging[COLUMN["left_wrist_height"]] > 0.8
    assert standing[COLUMN["left_wrist_height"]] < -0.8
    assert standing[COLUMN["trunk"]] < 10
    assert measure(first_pose(perform("push-up", 1)))[COLUMN["trunk"]] > 60


def test_what_is_out_of_sight_is_nan(perform: Perform) -> None:
    pose = first_pose(perform("squat", 1))
    hidden = pose.visibility.copy()
    hidden[25] = 0.1
    row = measure(replace(pose, visibility=hidden))
    assert np.isnan(row[[COLUMN["left_knee"], COLUMN["left_hip"], COLUMN["knee_gap"]]]).all()
    assert np.isfinite(row[COLUMN["right_knee"]])


def test_a_hidden_end_is_guessed_where_that_is_asked_for_and_two_are_not(perform: Perform) -> None:
    pose = first_pose(perform("squat", 1))
    hidden = pose.visibility.copy()
    hidden[[15, 14, 16]] = 0.1  # the left wrist; right elbow and wrist
    (moment,) = measure_angles([PoseAt(0.0, replace(pose, visibility=hidden))], guess=True)
    assert math.isnan(moment["left_elbow"])
    assert moment.guess("left_elbow") == pytest.approx(measure(pose)[COLUMN["left_elbow"]])
    assert math.isnan(moment.guess("right_elbow"))
    (unasked,) = measure_angles([PoseAt(0.0, replace(pose, visibility=hidden))])
    assert math.isnan(unasked.guess("left_elbow"))
    assert unasked.guess("left_knee") == unasked["left_knee"]


def test_without_a_pose_every_signal_is_nan() -> None:
    (moment,) = measure_angles([PoseAt(1.5, None)])
    assert moment.time == 1.5
    assert np.isnan(moment.values).all()
    assert math.isnan(moment["left_knee"])


def test_where_somebody_stands_does_not_change_their_size(perform: Perform) -> None:
    pose = first_pose(perform("squat", 1))
    aside = replace(pose, landmarks=pose.landmarks + np.array([700, -30, 0], np.float32))
    np.testing.assert_allclose(measure(aside)[: len(JOINT_NAMES)], measure(pose)[: len(JOINT_NAMES)], atol=0.01)


def test_there_is_a_cut_where_a_shot_begins_or_the_person_was_away(perform: Perform) -> None:
    pose = first_pose(perform("squat", 1))
    away = [PoseAt(0.2 + number / 10, None) for number in range(5)]
    seen = [
        PoseAt(0.1, pose),
        *away,
        PoseAt(0.7, pose),
        PoseAt(0.8, None),
        PoseAt(0.9, pose),
        PoseAt(1.0, pose, cut=True),
    ]
    assert [moment.time for moment in measure_angles(seen) if moment.cut] == [0.7, 1.0]
    shot = [PoseAt(0.0, pose), PoseAt(0.1, None, cut=True), PoseAt(0.2, pose)]
    assert [moment.time for moment in measure_angles(shot) if moment.cut] == [0.2]


def test_two_frames_a_second_are_slow_but_nobody_was_away(perform: Perform) -> None:
    pose = first_pose(perform("squat", 1))
    assert not any(moment.cut for moment in measure_angles(PoseAt(3 + number / 2, pose) for number in range(9)))


def test_a_collapsed_pose_gives_numbers_or_nan_but_no_error() -> None:
    flat = Pose(np.zeros((33, 3), np.float32), np.zeros((33, 3), np.float32), np.ones(33, np.float32), 1.0)
    row = measure(flat)
    assert row.shape == (len(SIGNALS),)
    assert row.dtype == np.float32
    assert not np.isinf(row).any()
