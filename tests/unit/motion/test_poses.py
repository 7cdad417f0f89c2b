"""The tracker's logic with a fake detector and a fake landmark model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.motion import poses
from halfgig.motion.detector import Detection
from halfgig.motion.poses import PoseTracker, choose, likeness, track_poses
from halfgig.motion.regions import Region
from halfgig.records import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = Region(32, 32, 50, 0.5)


class Stage:
    """What the models answer, and how often they were asked."""

    def __init__(self) -> None:
        self.person, self.certain = True, 1.0
        self.detections = self.looks = 0

    def detect(self, _pixels: Any) -> list[Detection]:
        self.detections += 1
        return [Detection(0.9, (0, 0, 64, 64), START)] if self.person else []

    def look(self, _interpreter: Any, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        assert picture.shape == (256, 256, 3)
        self.looks += 1
        points = np.full((39, 5), 128.0, np.float32)  # the middle of the region
        points[:, 3] = 9.0
        points[34, 1] = 28.0  # the rim, straight up
        heat = np.full((1, 64, 64, 39), -20.0, np.float32)
        world = np.tile(np.array([0.0, -1.0, 0.0], np.float32), 39)[None]
        return [points.reshape(1, -1), np.array([[self.certain]], np.float32), heat, world]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    monkeypatch.setattr(poses, "PoseDetector", lambda *_: stage)
    monkeypatch.setattr(poses, "open_interpreter", lambda *_, **__: None)
    monkeypatch.setattr(poses, "run", stage.look)
    return stage


def frames(count: int) -> list[Frame]:
    return [Frame(number / 10, np.zeros((64, 64, 3), np.uint8)) for number in range(count)]


def test_the_detector_runs_only_until_the_person_is_found(stage: Stage) -> None:
    found = list(track_poses(frames(5), PoseTracker(Path())))
    assert [moment.time for moment in found] == [frame.time for frame in frames(5)]
    assert all(moment.pose is not None for moment in found)
    assert (stage.detections, stage.looks) == (1, 5)


def test_a_lost_person_is_looked_for_in_the_same_frame(stage: Stage) -> None:
    tracker, (frame, *_) = PoseTracker(Path()), frames(1)
    assert tracker.track(frame.pixels) is not None
    stage.certain = 0.2
    assert tracker.track(frame.pixels) is None
    assert (stage.detections, stage.looks) == (2, 3)
    stage.certain = 0.9
    assert tracker.track(frame.pixels) is not None
    assert stage.detections == 3


def test_nobody_is_none_for_every_frame(stage: Stage) -> None:
    stage.person = False
    assert [moment.pose for moment in track_poses(frames(3), PoseTracker(Path()))] == [None] * 3
    assert (stage.detections, stage.looks) == (3, 0)


def test_another_video_starts_with_the_detector(stage: Stage) -> None:
    tracker = PoseTracker(Path())
    list(track_poses(frames(2), tracker))
    tracker.forget()
    list(track_poses(frames(2), tracker))
    assert stage.detections == 2


def test_another_shot_starts_with_the_detector(stage: Stage) -> None:
    first, *rest = frames(3)
    found = list(track_poses([first, replace(rest[0], cut=True), rest[1]], PoseTracker(Path())))
    assert [moment.cut for moment in found] == [False, True, False]
    assert stage.detections == 2


def test_who_was_lost_is_looked_for_where_they_were(stage: Stage) -> None:
    tracker, (frame, *_) = PoseTracker(Path()), frames(1)
    tracker.track(frame.pixels)
    stage.certain = 0.2
    tracker.track(frame.pixels)
    assert tracker.region is not None
    assert not tracker.region.held
    lost = Region(10, 32, 20)
    near, far = (Detection(0.9, (0, 0, 1, 1), Region(x, 32, size)) for x, size in ((14, 20), (34, 30)))
    assert choose([near, far], frame.pixels) == [far, near]
    assert choose([near, far], frame.pixels, lost) == [near, far]
    assert likeness(lost, lost) == 1
    assert likeness(Region(30, 32, 20), lost) == pytest.approx(0.5)


def test_a_pose_is_mapped_back_to_the_upright_frame(stage: Stage) -> None:
    pose = PoseTracker(Path()).track(frames(1)[0].pixels)
    assert pose is not None
    assert pose.landmarks.shape == pose.world.shape == (33, 3)
    np.testing.assert_allclose(pose.landmarks[0, :2], [32, 32], atol=1e-3)
    np.testing.assert_allclose(pose.world[0], [np.sin(0.5), -np.cos(0.5), 0], atol=1e-5)
    assert pose.visibility.min() > 0.99
    assert pose.score == 1.0


def test_poses_stream(stage: Stage) -> None:
    endless = (Frame(float(number), np.zeros((64, 64, 3), np.uint8)) for number in range(10**9))
    assert next(track_poses(endless, PoseTracker(Path()))).time == 0
