"""Poses: frames become one person's landmarks, tracked from frame to frame by BlazePose on LiteRT."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.detector import PoseDetector, open_interpreter, run, sigmoid
from halfgig.motion.pose_batches import LANDMARKS
from halfgig.motion.regions import Region, around_body, cut_out, turn
from halfgig.records import Frame, Pose, PoseAt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.motion.detector import Detection
    from halfgig.records import Pixels

SIDE = 256  # pixels, the landmark model's picture
MASK = 2  # an output of the landmark model: the body against the background, a third of its time, and nobody reads it
POINTS, SCORE, HEAT, WORLD = range(4)  # the outputs without it
CENTER, RIM = 33, 34  # the two further points that place the next frame's region
MIN_SCORE = 0.5  # of the pose flag; below it the person is lost
HEAT_SIDE = 64  # cells of the heat map
HEAT_REACH = 3  # cells to each side that refine a landmark
MIN_HEAT = 0.5


class PoseTracker:
    """Owns both BlazePose interpreters for its own lifetime.

    `region` is where the person was last seen, None where nobody is known; one that is not `held` was lost, and the
    next frame begins with the detector. Whoever sets it to what it was after some frame goes on from there.

    `models` is a folder with pose_detection.tflite and pose_landmark_full.tflite or pose_landmark_lite.tflite.
    Raises ModelError where one is missing or damaged.
    """

    def __init__(self, models: Path, model: str = "full", threads: int = 1) -> None:
        self._detector = PoseDetector(models / "pose_detection.tflite", threads)
        self._landmarker = open_interpreter(models / f"pose_landmark_{model}.tflite", threads, without=MASK)
        self.region: Region | None = None

    def track(self, pixels: Pixels) -> Pose | None:
        """The person in the next (height, width, 3) uint8 frame; None where nobody is found."""
        if self.region is not None and self.region.held and (pose := self._look(pixels, self.region)):
            return pose
        for detection in choose(self._detector.detect(pixels), pixels, self.region)[:1]:
            return self._look(pixels, detection.region)
        return None

    def forget(self) -> None:
        """Start the next frame with the detector, as at the start of another video."""
        self.region = None

    def _look(self, pixels: Pixels, region: Region) -> Pose | None:
        output = run(self._landmarker, cut_out(pixels, region, SIDE))
        score = float(output[SCORE][0, 0])
        if score < MIN_SCORE:
            self.region = replace(self.region, held=False) if self.region else None
            return None
        points = output[POINTS].reshape(-1, 5)
        points[:, :2] = refine(points[:, :2] / np.float32(SIDE), output[HEAT][0])
        places = region.to_frame(points[:, :2])
        self.region = around_body(places[CENTER], places[RIM])
        return _pose(places, points, output[WORLD].reshape(-1, 3), region, score)


def track_poses(frames: Iterable[Frame], tracker: PoseTracker) -> Iterator[PoseAt]:
    """The pose in each frame, one frame held at a time; None where no person was found.

    In another shot the person is looked for anew.
    """
    for frame in frames:
        if frame.cut:
            tracker.forget()
        yield PoseAt(frame.time, tracker.track(frame.pixels), frame.cut)


def choose(detections: list[Detection], pixels: Pixels, last: Region | None = None) -> list[Detection]:
    """People in the order in which they are likely to be the one who exercises: large, central, certain, and near to
    where that one was last seen, where that is known.
    """
    middle = pixels.shape[1] / 2

    def weight(person: Detection) -> float:
        central = 1 - 0.5 * min(abs(person.region.x - middle) / middle, 1.0)
        return float(person.score * person.region.size * (central if last is None else likeness(person.region, last)))

    return sorted(detections, key=weight, reverse=True)


def likeness(one: Region, other: Region) -> float:
    """1 for the same place and size, a half where it is a region's size away, or one and a half times as large."""
    apart = math.hypot(one.x - other.x, one.y - other.y) / other.size
    grown = math.log(one.size / other.size) / math.log(1.5)
    return 1 / (1 + apart * apart + grown * grown)


def refine(points: NDArray[np.float32], heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2) landmarks of the unit square moved to the centre of mass of their heat, (64, 64, n) logits.

    A landmark stays where its heat nearby is faint. The rule is that of MediaPipe's heat-map refinement.
    """
    cells = np.clip((points * HEAT_SIDE).astype(np.intp), 0, HEAT_SIDE - 1)
    reach = np.arange(-HEAT_REACH, HEAT_REACH + 1)
    x, y = (cells[:, axis, None] + reach for axis in (0, 1))
    inside = _within(y)[:, :, None] & _within(x)[:, None, :]
    patch = heat[_hold(y)[:, :, None], _hold(x)[:, None, :], np.arange(len(points))[:, None, None]]
    warmth = np.where(inside, sigmoid(patch), 0)
    total = warmth.sum(axis=(1, 2))
    mass = np.stack([(warmth * x[:, None, :]).sum(axis=(1, 2)), (warmth * y[:, :, None]).sum(axis=(1, 2))], axis=1)
    clear = warmth.max(axis=(1, 2)) >= MIN_HEAT
    moved = mass / np.maximum(total, 1e-6)[:, None] / HEAT_SIDE
    return np.where(clear[:, None], moved, points).astype(np.float32)


def _within(cells: NDArray[np.intp]) -> NDArray[np.bool_]:
    return (cells >= 0) & (cells < HEAT_SIDE)


def _hold(cells: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.clip(cells, 0, HEAT_SIDE - 1)


def _pose(
    places: NDArray[np.float32],
    points: NDArray[np.float32],
    world: NDArray[np.float32],
    region: Region,
    score: float,
) -> Pose:
    depth = points[:LANDMARKS, 2:3] / SIDE * region.size
    upright = np.concatenate([turn(world[:LANDMARKS, :2], region.angle), world[:LANDMARKS, 2:]], axis=1)
    return Pose(
        landmarks=np.concatenate([places[:LANDMARKS], depth], axis=1).astype(np.float32),
        world=upright.astype(np.float32),
        visibility=sigmoid(points[:LANDMARKS, 3]),
        score=score,
    )
