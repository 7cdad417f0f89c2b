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
BAND = 64  # rows that are sampled at a time, so that what is reckoned with stays in the processor's cache
OUTER = np.uint32(0xFF00FF)  # red and blue of a packed pixel


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
    steps = _centers(side) * np.float32(region.size)
    cos, sin = np.float32(math.cos(region.angle)), np.float32(math.sin(region.angle))
    packed = _pack(pixels)
    picture = np.empty((side, side, 3), np.float32)
    for top in range(0, side, BAND):
        down = steps[top : top + BAND, None]
        x = cos * steps - sin * down + np.float32(region.x) - np.float32(0.5)
        y = sin * steps + cos * down + np.float32(region.y) - np.float32(0.5)
        band = picture[top : top + BAND]
        _sample(packed, np.clip(x, 0, width - 1), np.clip(y, 0, height - 1), band)
        if letterbox:
            band[(x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)] = 0
    return picture


@cache
def _centers(side: int) -> NDArray[np.float32]:
    """How far the centres of `side` cells are from the middle of a line of length 1."""
    centers: NDArray[np.float32] = ((np.arange(side) + 0.5) / side).astype(np.float32) - np.float32(0.5)
    return centers


def _sample(
    packed: NDArray[np.uint32], x: NDArray[np.float32], y: NDArray[np.float32], picture: NDArray[np.float32]
) -> None:
    """Fill (m, n, 3) `picture` with the pixels at (m, n) places inside the frame.

    Red and blue are mixed in one 32-bit number: each has 16 bits there, and 8-bit weights that sum to 256 cannot
    carry into the next.
    """
    height, width = packed.shape
    left, right, across = _neighbours(x, width)
    top, bottom, down = _neighbours(y, height)
    top, bottom = top * width, bottom * width
    both = across * down >> 8
    weights = (256 - across - down + both, across - both, down - both, both)
    outer, green = np.zeros(x.shape, np.uint32), np.zeros(x.shape, np.uint32)
    for place, weight in zip((top + left, top + right, bottom + left, bottom + right), weights, strict=True):
        colour = packed.take(place)
        outer += (colour & OUTER) * weight
        green += (colour >> 8 & 255) * weight
    red_blue = outer.view("<u2")
    for index, mixed in enumerate((red_blue[:, 0::2], green, red_blue[:, 1::2])):
        np.multiply(mixed, np.float32(1 / (255 * 256)), out=picture[..., index], casting="same_kind", dtype=np.float32)


def _neighbours(
    places: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint32]]:
    """The pixels before and after each place, and the weight of the one after, 0 to 255."""
    fixed = (places * 256).astype(np.int32)
    before = fixed >> 8
    return before, np.minimum(before + 1, count - 1), (fixed & 255).astype(np.uint32)


def _pack(pixels: Pixels) -> NDArray[np.uint32]:
    """(height, width) numbers of 32 bits: red, green, blue from the lowest on, and something else in the highest.

    They are read over the bytes as they lie, three further on for each; the last one would end outside.
    """
    bytes_ = np.ascontiguousarray(pixels).reshape(-1)
    packed = np.empty(pixels.shape[:2], np.uint32)
    words = packed.reshape(-1)
    words[:-1] = np.ndarray((len(words) - 1,), "<u4", bytes_, strides=(3,))
    words[-1] = int.from_bytes(bytes_[-3:].tobytes(), "little")
    return packed
