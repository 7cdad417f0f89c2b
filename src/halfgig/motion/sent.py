"""Sent: landmarks that somebody else has found, as MediaPipe tells them, become a pose. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from halfgig.errors import BadRequest
from halfgig.motion.angles import HIPS, SHOULDERS
from halfgig.motion.pose_batches import LANDMARKS
from halfgig.records import Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIGURES = 4  # x, y, z, visibility
FARTHEST = 1e6
TRUNK = 0.5  # metres from the shoulders to the hips: by it a person of no known size is measured
REMEDY = "Send 33 landmarks of BlazePose as [x, y, z, visibility], all of them numbers."


def read_landmarks(rows: Any, size: Any = None) -> Pose:
    """The pose of 33 rows of x, y, z and visibility; y goes down, z away from the camera, all in one unit.

    Where x and y are shares of the frame's width and height, as MediaPipe gives them, `size` is that (width, height).
    BadRequest for anything else.
    """
    figures = _numbers(rows, (LANDMARKS, FIGURES), REMEDY)
    sides = (
        (1.0, 1.0) if size is None else _numbers(size, (2,), "Send size as [width, height] of the frame, in pixels.")
    )
    if min(sides) <= 0:
        raise BadRequest("The frame has no size.", "Send size as [width, height] of the frame, in pixels.")
    places = figures[:, :3] * (sides[0], sides[1], sides[0])
    return Pose(
        landmarks=places.astype(np.float32),
        world=_metres(places).astype(np.float32),
        visibility=np.clip(figures[:, 3], 0, 1).astype(np.float32),
        score=1.0,
    )


def _numbers(given: Any, shape: tuple[int, ...], remedy: str) -> NDArray[np.float64]:
    try:
        numbers = np.array(given)
    except ValueError as error:  # its rows are of different lengths
        raise BadRequest("The rows are of different lengths.", remedy) from error
    if numbers.shape != shape or numbers.dtype.kind not in "if":
        raise BadRequest(f"That is no array of {' x '.join(map(str, shape))} numbers.", remedy)
    if not (np.abs(numbers) < FARTHEST).all():
        raise BadRequest("A number is out of range.", remedy)
    return numbers.astype(np.float64)


def _metres(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same from the middle of the hips, as large as most people are."""
    shoulders, hips = places[[*SHOULDERS]].mean(axis=0), places[[*HIPS]].mean(axis=0)
    trunk = float(np.linalg.norm(shoulders - hips))
    metres: NDArray[np.float64] = (places - hips) * (TRUNK / max(trunk, 1e-9))
    return metres
