from __future__ import annotations

import numpy as np

from halfgig.motion.pose_batches import pack_poses, unpack_poses
from halfgig.records import Pose, PoseAt


def pose(seed: int) -> Pose:
    numbers = np.random.default_rng(seed)
    landmarks, world = (numbers.normal(size=(33, 3)).astype(np.float32) for _ in range(2))
    return Pose(landmarks, world, numbers.random(33).astype(np.float32), float(numbers.random()))


def test_poses_come_back_to_the_last_bit() -> None:
    moments = [PoseAt(0.1, pose(1), cut=True), PoseAt(0.2, None), PoseAt(1 / 3, pose(2)), PoseAt(0.5, None, cut=True)]
    batch = pack_poses(moments)
    back = list(unpack_poses(batch))
    assert [moment.time for moment in back] == [0.1, 0.2, 1 / 3, 0.5]
    assert [moment.pose is None for moment in back] == [False, True, False, True]
    assert [moment.cut for moment in back] == [True, False, False, True]
    assert pack_poses(back) == batch
    first, again = moments[0].pose, back[0].pose
    assert first is not None
    assert again is not None
    assert first.score == again.score
    for name in ("landmarks", "world", "visibility"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert getattr(again, name).dtype == np.float32


def test_an_empty_batch_is_empty() -> None:
    assert list(unpack_poses(pack_poses([]))) == []
