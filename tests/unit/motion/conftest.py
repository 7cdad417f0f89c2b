"""Poses without a model: the drawn athlete's own joints as BlazePose would tell them, if it made no error."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.demo.athlete import Script, bodies, steady
from halfgig.records import Pose, PoseAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.demo.body import Body

NAMES = {11: "shoulder", 13: "elbow", 15: "wrist", 23: "hip", 25: "knee", 27: "ankle", 31: "toe"}
PIXELS_PER_METRE = 200.0


def true_pose(body: Body) -> Pose:
    """The athlete seen from the side, every landmark in sight."""
    world = np.tile(body.joints["head"], (33, 1))
    for left, name in NAMES.items():
        world[left], world[left + 1] = body.joints[f"left_{name}"], body.joints[f"right_{name}"]
    places = np.stack(
        [PIXELS_PER_METRE * world[:, 0], -PIXELS_PER_METRE * world[:, 1], PIXELS_PER_METRE * world[:, 2]], 1
    )
    center = (world[23] + world[24]) / 2
    upright = (world - center) * (1, -1, 1)
    return Pose(places.astype(np.float32), upright.astype(np.float32), np.ones(33, np.float32), 1.0)


def without_hands(moment: PoseAt) -> PoseAt:
    """The same with both wrists hidden, as by the body."""
    assert moment.pose is not None
    seen = moment.pose.visibility.copy()
    seen[[15, 16]] = 0.1
    return replace(moment, pose=replace(moment.pose, visibility=seen))


@pytest.fixture(scope="session")
def perform() -> Callable[..., Iterator[PoseAt]]:
    """perform(exercise, reps, tempo) or perform(script): the poses of a performance, frame by frame."""

    def poses(script: Script | str, *args: Any, **options: Any) -> Iterator[PoseAt]:
        script = script if isinstance(script, Script) else steady(script, *args, **options)
        for time, body in bodies(script):
            yield PoseAt(time, true_pose(body))

    return poses
