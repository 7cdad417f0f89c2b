"""Poses for drawing: every record of one size, places as shares of the frame, nothing where nobody is."""

from __future__ import annotations

import struct

import numpy as np

from halfgig.motion.drawn_poses import UNIT, Stretch, draw_poses
from halfgig.motion.pose_batches import LANDMARKS
from halfgig.records import Pose, PoseAt

HEAD, RECORD = 16, 172


def pose(x: float, y: float, seen: float = 1.0) -> Pose:
    places = np.tile(np.array([x, y, 0.0], np.float32), (LANDMARKS, 1))
    return Pose(places, places, np.full(LANDMARKS, seen, np.float32), 0.9)


def read(content: bytes, number: int) -> tuple[int, tuple[int, int], int]:
    """Milliseconds, the place of the last landmark, and its visibility."""
    record = content[HEAD + number * RECORD :][:RECORD]
    (time,) = struct.unpack_from("<I", record)
    place = struct.unpack_from("<hh", record, 4 + 4 * (LANDMARKS - 1))
    return time, (place[0], place[1]), record[4 + 4 * LANDMARKS + LANDMARKS - 1]


def test_a_moment_is_a_record() -> None:
    moments = [PoseAt(0.1, pose(320, 90, 0.5)), PoseAt(0.2, None), PoseAt(1.2345, pose(0, 360))]
    content = b"".join(draw_poses(moments, [Stretch(0, 640, 360)]))
    assert struct.unpack_from("<4sHHHHI", content) == (b"HGP1", RECORD, LANDMARKS, 640, 360, 0)
    assert len(content) == HEAD + 2 * RECORD
    assert read(content, 0) == (100, (UNIT // 2, UNIT // 4), 128)
    assert read(content, 1) == (1234, (0, UNIT), 255)


def test_frames_may_become_smaller() -> None:
    moments = [PoseAt(0.0, pose(320, 90)), PoseAt(0.1, None), PoseAt(0.2, pose(160, 45))]
    content = b"".join(draw_poses(moments, [Stretch(0, 640, 360), Stretch(2, 320, 180)]))
    assert read(content, 0)[1] == read(content, 1)[1] == (UNIT // 2, UNIT // 4)
    assert struct.unpack_from("<HH", content, 8) == (320, 180)


def test_odd_numbers_do_no_harm() -> None:
    moments = [PoseAt(-0.01, pose(1e9, -1e9, 7.0)), PoseAt(1.0, pose(float("nan"), 0.0, float("nan")))]
    content = b"".join(draw_poses(moments, [Stretch(0, 640, 360)]))
    assert read(content, 0) == (0, (32767, -32768), 255)
    assert read(content, 1) == (1000, (0, 0), 0)


def test_without_a_person_there_is_a_head() -> None:
    assert len(b"".join(draw_poses([PoseAt(0.0, None)], [Stretch(0, 1, 1)]))) == HEAD
