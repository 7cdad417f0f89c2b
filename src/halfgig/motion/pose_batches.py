"""Batches of poses as bytes, so that work that was cut off can go on: what is read back is what was written. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from halfgig.records import Pose, PoseAt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LANDMARKS = 33
# time and score as float64, the score NaN where nobody was found; where a shot begins it is below 0, -inf where nobody
# was found; then x, y, z, world x, y, z and visibility of each landmark
_ROW = np.dtype([("time", "<f8"), ("score", "<f8"), ("figures", "<f4", (LANDMARKS, 7))])

POSE_BYTES = _ROW.itemsize


def pack_poses(poses: Sequence[PoseAt]) -> bytes:
    """The moments as bytes, 940 a moment."""
    rows = np.zeros(len(poses), _ROW)
    for row, moment in zip(rows, poses, strict=True):
        row["time"] = moment.time
        row["score"] = _packed(moment)
        if moment.pose is not None:
            pose = moment.pose
            row["figures"] = np.concatenate([pose.landmarks, pose.world, pose.visibility[:, None]], axis=1)
    return rows.tobytes()


def unpack_poses(batch: bytes) -> Iterator[PoseAt]:
    """The moments of `pack_poses`."""
    for row in np.frombuffer(batch, _ROW):
        score, figures = float(row["score"]), row["figures"]
        pose = None
        if math.isfinite(score):
            pose = Pose(figures[:, :3].copy(), figures[:, 3:6].copy(), figures[:, 6].copy(), abs(score))
        yield PoseAt(float(row["time"]), pose, cut=score < 0)


def _packed(moment: PoseAt) -> float:
    if moment.pose is None:
        return -math.inf if moment.cut else math.nan
    return -moment.pose.score if moment.cut else moment.pose.score
