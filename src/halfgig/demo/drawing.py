"""Drawing: rounded, shaded shapes on RGB pixels with numpy alone, smooth at their edges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from halfgig.records import Pixels

    Spot: TypeAlias = tuple[float, float]
    Plane: TypeAlias = NDArray[np.floating[Any]]

Colour: TypeAlias = "tuple[int, int, int]"
LIGHT = (-0.42, -0.62, 0.66)  # direction to the lamp: left, above, in front
AMBIENT, DIFFUSE = 0.58, 0.50


@dataclass(frozen=True, slots=True)
class Capsule:
    """A limb: a rod between two spots in pixels, with a radius at each end, as seen `depth` metres away."""

    start: Spot
    end: Spot
    start_radius: float
    end_radius: float
    colour: Colour
    depth: float = 0.0

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what it covers."""
        widest = max(self.start_radius, self.end_radius) + 1.5
        (x0, y0), (x1, y1) = self.start, self.end
        return min(x0, x1) - widest, min(y0, y1) - widest, max(x0, x1) + widest, max(y0, y1) + widest

    def relief(self, x: Plane, y: Plane) -> tuple[Plane, Plane, Plane]:
        """(distance outside the edge, normal x, normal y) at pixel centres; the normal is 1 long at the edge."""
        dx, dy = self.end[0] - self.start[0], self.end[1] - self.start[1]
        along = _share((x - self.start[0]) * dx + (y - self.start[1]) * dy, dx, dy)
        off_x, off_y = x - self.start[0] - along * dx, y - self.start[1] - along * dy
        radius = self.start_radius + (self.end_radius - self.start_radius) * along
        return np.sqrt(off_x * off_x + off_y * off_y) - radius, off_x / radius, off_y / radius


@dataclass(frozen=True, slots=True)
class Slab:
    """A trunk: a rounded four-sided plate, corners in order round it, all within `radius` pixels of its outline."""

    corners: tuple[Spot, Spot, Spot, Spot]
    radius: float
    colour: Colour
    depth: float = 0.0

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what it covers."""
        xs, ys = zip(*self.corners, strict=True)
        widest = self.radius + 1.5
        return min(xs) - widest, min(ys) - widest, max(xs) + widest, max(ys) + widest

    def relief(self, x: Plane, y: Plane) -> tuple[Plane, Plane, Plane]:
        """As for a capsule: flat in the middle, rounded towards the edge."""
        best_x, best_y = np.full_like(x, 1e6), np.full_like(x, 1e6)
        inside = np.zeros(x.shape, bool)
        for start, end in zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True):
            off_x, off_y = _off_line(x, y, start, end)
            nearer = off_x * off_x + off_y * off_y < best_x * best_x + best_y * best_y
            best_x, best_y = np.where(nearer, off_x, best_x), np.where(nearer, off_y, best_y)
            inside ^= _left_of(x, y, start, end)
        distance = np.sqrt(best_x * best_x + best_y * best_y)
        distance[inside] *= -1
        best_x[inside] = best_y[inside] = 0
        return distance - self.radius, best_x / self.radius, best_y / self.radius


def _off_line(x: Plane, y: Plane, start: Spot, end: Spot) -> tuple[Plane, Plane]:
    """From the nearest spot of a line to each pixel."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = _share((x - start[0]) * dx + (y - start[1]) * dy, dx, dy)
    return x - start[0] - along * dx, y - start[1] - along * dy


def _left_of(x: Plane, y: Plane, start: Spot, end: Spot) -> NDArray[np.bool_]:
    """Whether a ray to the right of each pixel crosses the line: an odd number of crossings means inside."""
    (x0, y0), (x1, y1) = start, end
    if abs(y1 - y0) < 1e-6:
        return np.zeros(x.shape, bool)
    crosses: NDArray[np.bool_] = ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return crosses


def _share(product: Plane, dx: float, dy: float) -> Plane:
    """How far along a line (dx, dy) the foot of a perpendicular lies, in [0, 1], from their scalar product."""
    share: Plane = np.clip(product / np.float32(max(dx * dx + dy * dy, 1e-6)), 0, 1)
    return share


def paint(pixels: Pixels, shapes: Iterable[Capsule | Slab]) -> None:
    """Draw shapes into (height, width, 3) pixels, the furthest first."""
    for shape in sorted(shapes, key=lambda shape: -shape.depth):
        _paint_one(pixels, shape)


def _paint_one(pixels: Pixels, shape: Capsule | Slab) -> None:
    height, width = pixels.shape[:2]
    left, top, right, bottom = shape.box()
    x0, y0 = max(0, math.floor(left)), max(0, math.floor(top))
    x1, y1 = min(width, math.ceil(right)), min(height, math.ceil(bottom))
    if x0 >= x1 or y0 >= y1:
        return
    x, y = np.arange(x0, x1, dtype=np.float32) + 0.5, np.arange(y0, y1, dtype=np.float32) + 0.5
    distance, normal_x, normal_y = shape.relief(*np.broadcast_arrays(x[None, :], y[:, None]))
    under = pixels[y0:y1, x0:x1]
    colour = _lit(normal_x, normal_y)[..., None] * np.array(shape.colour, np.float32)
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    under[:] = np.clip(under + (colour - under) * cover, 0, 255)


def _lit(normal_x: Plane, normal_y: Plane) -> Plane:
    towards = np.sqrt(np.clip(1 - normal_x * normal_x - normal_y * normal_y, 0, 1))
    falling = LIGHT[0] * normal_x + LIGHT[1] * normal_y + LIGHT[2] * towards
    lit: Plane = AMBIENT + DIFFUSE * np.clip(falling, 0, 1)
    return lit


def room(width: int, height: int, horizon: float) -> Pixels:
    """An empty gym: a wall that darkens upwards, a skirting board at `horizon` (share of the height), a floor."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    wall = 0.80 + 0.16 * y / horizon - 0.10 * x * x
    floor = 0.62 + 0.30 * (y - horizon) / (1 - horizon) - 0.06 * x * x
    on_wall = np.broadcast_to(y < horizon, wall.shape)
    light = np.where(on_wall, wall, floor)[..., None]
    picture = light * np.where(on_wall[..., None], np.array([214, 222, 228]), np.array([196, 164, 128]))
    board = round(horizon * height)
    picture[board : board + max(2, height // 90)] *= 0.72
    pixels: Pixels = np.clip(picture, 0, 255).astype(np.uint8)
    return pixels


def shade_floor(pixels: Pixels, center: Spot, radii: Spot) -> None:
    """Darken an ellipse around `center`, softly: a shadow on the floor."""
    height, width = pixels.shape[:2]
    x0, x1 = (int(np.clip(center[0] + sign * radii[0], 0, width)) for sign in (-1, 1))
    y0, y1 = (int(np.clip(center[1] + sign * radii[1], 0, height)) for sign in (-1, 1))
    x = (np.arange(x0, x1, dtype=np.float32)[None, :] - center[0]) / radii[0]
    y = (np.arange(y0, y1, dtype=np.float32)[:, None] - center[1]) / radii[1]
    dark = 1 - 0.38 * np.clip(1 - x * x - y * y, 0, 1)
    pixels[y0:y1, x0:x1] = pixels[y0:y1, x0:x1] * dark[..., None]
