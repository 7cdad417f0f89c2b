from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.errors import BadRequest
from halfgig.motion.angles import COLUMN, measure
from halfgig.motion.pose_batches import LANDMARKS
from halfgig.motion.sent import TRUNK, read_landmarks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.records import Pose, PoseAt

    Perform = Callable[..., Iterator[PoseAt]]

ROWS = [[0.1 * n, 0.2 * n, 0.0, 1.0] for n in range(LANDMARKS)]
JOINTS = [COLUMN[name] for name in ("left_knee", "right_knee", "left_hip", "left_elbow")]


def rows_of(pose: Pose, width: float = 1.0, height: float = 1.0) -> list[list[float]]:
    """The landmarks as MediaPipe tells them: shares of the frame, z in the scale of x."""
    places = pose.landmarks / (width, height, width)
    rows: list[list[float]] = np.concatenate([places, pose.visibility[:, None]], axis=1).tolist()
    return rows


@pytest.mark.parametrize("size", [None, (640, 480)])
def test_angles_are_those_of_the_pose_that_was_sent(perform: Perform, size: tuple[int, int] | None) -> None:
    for moment in list(perform("squat", 1))[::5]:
        assert moment.pose is not None
        sent = read_landmarks(rows_of(moment.pose, *(size or (1, 1))), size)
        assert measure(sent)[JOINTS] == pytest.approx(measure(moment.pose)[JOINTS], abs=1.0)


def test_a_trunk_has_the_length_of_most(perform: Perform) -> None:
    pose = next(perform("squat", 1)).pose
    assert pose is not None
    world = read_landmarks(rows_of(pose)).world
    assert np.linalg.norm(world[[11, 12]].mean(axis=0) - world[[23, 24]].mean(axis=0)) == pytest.approx(TRUNK, rel=1e-4)


def test_a_person_without_extent_is_no_crash() -> None:
    assert np.isfinite(read_landmarks([[0.5, 0.5, 0, 1]] * LANDMARKS).world).all()


def test_visibility_is_a_share() -> None:
    assert set(read_landmarks([[*row[:3], 7] for row in ROWS]).visibility) == {1.0}


@pytest.mark.parametrize(
    "rows",
    [
        *(None, 3, "abc", {}, [], ROWS[:32], [*ROWS, ROWS[0]], [row[:3] for row in ROWS], [[], *ROWS[1:]]),
        *([["1", 2, 3, 4], *ROWS[1:]], [[None, 2, 3, 4], *ROWS[1:]], [[True] * 4] * LANDMARKS),
        *([[math.nan, 0, 0, 1], *ROWS[1:]], [[math.inf, 0, 0, 1], *ROWS[1:]], [[1e9, 0, 0, 1], *ROWS[1:]]),
        [[10**400, 0, 0, 1], *ROWS[1:]],
    ],
)
def test_other_rows_are_refused_in_words(rows: Any) -> None:
    with pytest.raises(BadRequest, match="33 landmarks"):
        read_landmarks(rows)


@pytest.mark.parametrize("size", [[0, 480], [640], "640x480", [-1, -1], [math.nan, 1]])
def test_a_frame_without_size_is_refused(size: Any) -> None:
    with pytest.raises(BadRequest, match="size"):
        read_landmarks(ROWS, size)
