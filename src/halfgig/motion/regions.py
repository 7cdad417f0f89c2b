"""Regions: the turned square of a frame that a pose model looks at, and the pixels inside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from halfgig.records import Pixels

BODY_MARGIN = 1.25  # of the circle through the farthest body point, as the models were trained


@dataclass(frozen=True, slots=True)
class Region:
    """A square of `size` pixels around (x, y), turned clockwise by `angle` radians; upright is 0.

    `held`: the person in it was still there when last looked for.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0
    held: bool = True

    def to_frame(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 2) points of the unit square, (0.5, 0.5) its centre, to (n, 2) pixels of the frame."""
        offsets = (points - np.float32(0.5)) * np.float32(self.size)
        return turn(offsets, self.angle) + np.array([self.x, self.y], np.float32)


def whole_frame(pixels: Pixels) -> Region:
    """The smallest upright square that holds the frame; what lies outside the frame is the letterbox."""
    height, width = pixels.shape[:2]
    return Region(width / 2, height / 2, float(max(height, width)))


def around_body(center: NDArray[np.float32], rim: NDArray[np.float32]) -> Region:
    """The region of a person from BlazePose's two alignment points, (2,) pixels each: mid-hip, and a point on
    the circle around the whole body in the direction of the head. The direction becomes up."""
    across, along = (float(v) for v in rim - center)
    size = 2 * math.hypot(across, along) * BODY_MARGIN
    return Region(float(center[0]), float(center[1]), size, math.atan2(across, -along))


def turn(points: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """(n, 2) points turned clockwise (y down) by `angle` radians about the origin."""
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    x, y = points[:, 0], points[:, 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)


def cut_out(pixels: Pixels, region: Region, side: int, *, letterbox: bool = False) -> NDArray[np.float32]:
    """The region as (side, side, 3) float32 in [0, 1], sampled bilinearly.

    Outside the frame it is black with `letterbox`, otherwise the frame's edge goes on.
    """
    height, width = pixels.shape[:2]
    points = region.to_frame(_grid(side)) - np.float32(0.5)
    x, y = points[:, 0], points[:, 1]
    picture = _sample(pixels, np.clip(x, 0, width - 1), np.clip(y, 0, height - 1))
    if letterbox:
        picture[(x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)] = 0
    return picture.reshape(side, side, 3)


@cache
def _grid(side: int) -> NDArray[np.float32]:
    """Centres of the cells of a unit square, (side * side, 2), row by row."""
    centers = ((np.arange(side) + 0.5) / side).astype(np.float32)
    x, y = np.meshgrid(centers, centers)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _sample(pixels: Pixels, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pixels at (n,) places inside the frame, (n, 3). The three colours are mixed in one 64-bit number each: a
    colour has 16 bits there, and 8-bit weights that sum to 256 cannot carry into the next. Six times as fast as
    float arithmetic on three planes."""
    height, width = pixels.shape[:2]
    left, right, across = _neighbours(x, width)
    top, bottom, down = _neighbours(y, height)
    top, bottom = top * width, bottom * width
    packed = _pack(pixels)
    both = across * down >> 8
    mixed = packed.take(top + left) * (256 - across - down + both).astype(np.uint64)
    mixed += packed.take(top + right) * (across - both).astype(np.uint64)
    mixed += packed.take(bottom + left) * (down - both).astype(np.uint64)
    mixed += packed.take(bottom + right) * both.astype(np.uint64)
    colours = mixed.view(np.uint16).reshape(-1, 4)[:, :3]
    scaled: NDArray[np.float32] = np.multiply(colours, np.float32(1 / (255 * 256)), dtype=np.float32)
    return scaled


def _neighbours(
    places: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """The pixels before and after each place, and the weight of the one after, 0 to 255."""
    fixed = (places * 256).astype(np.int32)
    before = fixed >> 8
    return before, np.minimum(before + 1, count - 1), fixed & 255


def _pack(pixels: Pixels) -> NDArray[np.uint64]:
    packed = np.zeros((pixels.shape[0] * pixels.shape[1], 4), np.uint16)
    packed[:, :3] = pixels.reshape(-1, 3)
    return packed.view(np.uint64).ravel()
