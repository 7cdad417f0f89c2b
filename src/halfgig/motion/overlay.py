"""Overlay: frames with what was seen in them: the skeleton, the angle, the count and the phase; one frame at a time."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from halfgig.motion.angles import COLUMN, MIN_VISIBILITY, measure
from halfgig.motion.forms import BACK, DEGREES, PERCENT, blend
from halfgig.records import Pose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from halfgig.records import Frame, Pixels, PoseAt, Rep, Report, Seconds, Signal

BONES = (
    *((11, 12), (11, 23), (12, 24), (23, 24)),
    *((11, 13), (13, 15), (12, 14), (14, 16), (15, 19), (16, 20)),
    *((23, 25), (25, 27), (24, 26), (26, 28), (27, 29), (27, 31), (29, 31), (28, 30), (28, 32), (30, 32)),
)
LEFT_SIDE, RIGHT_SIDE, MIDDLE, JOINT = (64, 200, 170), (240, 150, 60), (250, 250, 250), (255, 255, 255)
WORDS, EDGE = (255, 255, 255), (16, 20, 28)
SMALLEST = 12  # pixels of a letter
FARTHEST: Seconds = 0.25  # from a frame, that a pose may be seen at
PHASES = {True: ("lowering", "holding", "lifting"), False: ("lifting", "holding", "lowering")}


def overlay(frames: Iterable[Frame], poses: Iterable[PoseAt], report: Report) -> Iterator[Frame]:
    """The same frames, drawn on; `poses` were found in frames of this size, in order of time, and may be fewer."""
    between = Between(poses)
    for frame in frames:
        pose = between.at(frame.time)
        yield replace(frame, pixels=draw_over(frame, pose, report))


class Between:
    """Poses at any rising times, from those at some; between two the landmarks move evenly."""

    def __init__(self, poses: Iterable[PoseAt]) -> None:
        self._poses = iter(poses)
        self._before: PoseAt | None = None
        self._after = next(self._poses, None)

    def at(self, time: Seconds) -> Pose | None:
        """The pose at that time, None where nobody was seen near to it."""
        while self._after is not None and self._after.time <= time:
            self._before, self._after = self._after, next(self._poses, None)
        near = [one for one in (self._before, self._after) if one and one.pose and abs(one.time - time) <= FARTHEST]
        if len(near) < 2 or near[1].cut:
            return near[0].pose if near and near[0] is self._before else None
        first, second = near
        assert first.pose is not None
        assert second.pose is not None
        share = np.float32((time - first.time) / max(second.time - first.time, 1e-6))
        return blended(first.pose, second.pose, share)


def blended(first: Pose, second: Pose, share: np.float32) -> Pose:
    """A pose between two."""

    def between(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
        return (before + share * (after - before)).astype(np.float32)

    landmarks = between(first.landmarks, second.landmarks)
    visibility = between(first.visibility, second.visibility)
    return Pose(landmarks, between(first.world, second.world), visibility, first.score)


def draw_over(frame: Frame, pose: Pose | None, report: Report) -> Pixels:
    """(height, width, 3) pixels with the skeleton and the words."""
    picture = Image.fromarray(frame.pixels)
    draw = ImageDraw.Draw(picture)
    scale = max(min(frame.pixels.shape[:2]) / 360, 0.5)
    if pose is not None:
        _skeleton(draw, pose, scale)
    size = max(SMALLEST, round(20 * scale))
    for number, words in enumerate(said(report, pose, frame.time)):
        _write(draw, (8 * scale, 6 * scale + 1.3 * size * number), words, size)
    return np.asarray(picture)


def said(report: Report, pose: Pose | None, time: Seconds) -> Iterator[str]:
    """What is written at that time: exercise and count, phase, angle."""
    done = sum(rep.end <= time for rep in report.reps)
    yield f"{report.exercise}  {done}"
    yield phase(report.reps, report.attempts, report.signal, time)
    if report.signal is not None and pose is not None:
        value = signal_of(pose, report.signal.name)
        unit = "°" if report.signal.unit == DEGREES else " %"
        yield f"{report.signal.name} hidden" if math.isnan(value) else f"{report.signal.name} {value:.0f}{unit}"


def phase(reps: Sequence[Rep], attempts: Sequence[Rep], signal: Signal | None, time: Seconds) -> str:
    """What is being done at that time."""
    for rep in (*reps, *attempts):
        if rep.start <= time <= rep.end:
            there, held, back = PHASES[signal is None or signal.lift == BACK]
            word = there if time < rep.reached else held if time <= rep.left else back
            return f"{word} (partial)" if rep.partial else word
    return "rest"


def signal_of(pose: Pose, name: str) -> float:
    """The value of a signal in a pose, of both sides together; NaN where it is hidden."""
    row = measure(pose)
    if name in COLUMN:
        return float(row[COLUMN[name]]) * (PERCENT if name.endswith("_place") else 1)
    return blend(float(row[COLUMN[f"left_{name}"]]), float(row[COLUMN[f"right_{name}"]]))


def _skeleton(draw: ImageDraw.ImageDraw, pose: Pose, scale: float) -> None:
    places, seen = pose.landmarks[:, :2], pose.visibility >= MIN_VISIBILITY
    for one, other in BONES:
        if seen[one] and seen[other]:
            colour = MIDDLE if one % 2 != other % 2 else LEFT_SIDE if one % 2 else RIGHT_SIDE
            draw.line([tuple(places[one]), tuple(places[other])], colour, max(2, round(3 * scale)))
    radius = max(2.0, 3 * scale)
    for x, y in places[11:][seen[11:]]:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), JOINT)


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], words: str, size: int) -> None:
    edge = max(1, size // 10)
    draw.text(place, words, WORDS, ImageFont.load_default(size), stroke_width=edge, stroke_fill=EDGE)
