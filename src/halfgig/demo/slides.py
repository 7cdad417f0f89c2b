"""Slides: a title, a drawing made of rods and plates, and a bar that tells how far the talk has come."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from halfgig.demo.drawing import Capsule, Slab, paint
from halfgig.demo.lettering import HEIGHT as LETTER_HEIGHT
from halfgig.demo.lettering import WIDTH as LETTER_WIDTH
from halfgig.demo.lettering import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.demo.drawing import Colour, Spot
    from halfgig.records import Pixels

    Shapes = list[Capsule | Slab]

WIDTH, HEIGHT = 640, 360
BAR = 6  # pixels
PAPER: Colour = (28, 34, 46)
INK: Colour = (238, 232, 214)
COPPER: Colour = (214, 132, 72)
IRON: Colour = (126, 132, 144)
WATER: Colour = (86, 158, 214)
FAINT: Colour = (58, 66, 82)
STONE: Colour = (206, 204, 196)
WOOD: Colour = (158, 112, 70)


def draw(title: str, picture: str) -> Pixels:
    """A slide of 640 x 360 pixels; KeyError where there is no such picture."""
    pixels: Pixels = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
    paint(pixels, PICTURES[picture]())
    scale = min(5, WIDTH // ((LETTER_WIDTH + 1) * (len(title) + 1)))
    write(pixels, title, 28 + (5 - scale) * LETTER_HEIGHT // 2, scale, INK)
    return pixels


def advance(pixels: Pixels, share: float) -> Pixels:
    """A copy with the bar at the bottom filled up to `share` of the width, in [0, 1]."""
    pixels = pixels.copy()
    pixels[HEIGHT - BAR :] = FAINT
    pixels[HEIGHT - BAR :, : round(WIDTH * share)] = COPPER
    return pixels


def _ball(center: Spot, radius: float, colour: Colour, depth: float = 0.0) -> Capsule:
    return Capsule(center, center, radius, radius, colour, depth)


def _rod(start: Spot, end: Spot, radius: float, colour: Colour, depth: float = 0.0) -> Capsule:
    return Capsule(start, end, radius, radius, colour, depth)


def _round(center: Spot, radii: Spot, steps: int) -> list[Spot]:
    turns = [2 * math.pi * step / steps for step in range(steps)]
    return [(center[0] + radii[0] * math.cos(turn), center[1] + radii[1] * math.sin(turn)) for turn in turns]


def _path(spots: list[Spot], radius: float, colour: Colour, depth: float = 0.0) -> Shapes:
    return [_rod(*ends, radius, colour, depth) for ends in pairwise(spots)]


def _ring(center: Spot, radii: Spot, thick: float, colour: Colour, depth: float = 0.0) -> Shapes:
    spots = _round(center, radii, 20)
    return _path([*spots, spots[0]], thick, colour, depth)


def _memory() -> Shapes:
    """Sixteen chips in two rows: half of them lit."""
    return [chip for column in range(8) for chip in _chips(92 + 65 * column, COPPER if column < 4 else FAINT)]


def _chips(x: float, colour: Colour) -> Iterator[Slab]:
    for y in (170.0, 260.0):
        yield Slab(((x - 14, y - 24), (x + 14, y - 24), (x + 14, y + 24), (x - 14, y + 24)), 8, colour)


def _rings() -> Shapes:
    """A plane of rings on their wires, each tilted one way or the other."""
    wires: Shapes = [_rod((60, 140 + 70 * row), (580, 140 + 70 * row), 2, COPPER) for row in range(3)]
    wires += [_rod((110 + 84 * column, 104), (110 + 84 * column, 316), 2, COPPER) for column in range(6)]
    for row in range(3):
        for column in range(6):
            wide = 22 if (row * 5 + column * 3) % 4 < 2 else 12
            wires += _ring((110 + 84 * column, 140 + 70 * row), (wide, 34 - wide), 6, IRON, -1)
    return wires


def _moon() -> Shapes:
    """The moon, and a wire that goes through some rings and around others."""
    craters = [((500, 150), 16), ((548, 178), 10), ((512, 206), 8), ((552, 132), 7)]
    shapes: Shapes = [_ball((526, 166), 74, STONE, 2), *(_ball(spot, size, IRON, 1) for spot, size in craters)]
    wire: list[Spot] = [(30, 290)]
    for number, through in enumerate((True, False, True, True, False)):
        x = 90.0 + 84 * number
        shapes += _ring((x, 250), (15, 34), 7, IRON)
        wire += [(x - 26, 290), (x, 250 if through else 308), (x + 26, 290)]
    return shapes + _path([*wire, (480, 290)], 3, COPPER, -1)


def _buckets() -> Shapes:
    """Buckets, fuller and emptier, with drops below."""
    shapes: Shapes = []
    for number, level in enumerate((1.0, 0.7, 0.45, 0.2)):
        x, top, bottom = 110.0 + 140 * number, 130.0, 240.0
        surface = bottom - level * (bottom - top - 12)
        shapes.append(Slab(((x - 44, top), (x + 44, top), (x + 30, bottom), (x - 30, bottom)), 7, IRON, 1))
        half = 30 + 12 * level
        shapes.append(Slab(((x - half, surface), (x + half, surface), (x + 29, bottom), (x - 29, bottom)), 2, WATER))
        shapes += [_ball((x, 268 + 24 * drop), 6 - drop, WATER) for drop in range(3)]
    return shapes


def _river() -> Shapes:
    """A water wheel in a stream."""
    hub = (320.0, 200.0)
    wheel = _ring(hub, (84, 84), 6, WOOD) + [_rod(hub, spot, 4, WOOD) for spot in _round(hub, (84, 84), 8)]
    paddles: Shapes = [_ball(spot, 12, WOOD, -1) for spot in _round(hub, (92, 92), 8)]
    for row in range(4):
        spots = [(float(x), 292 + 14 * row + 6 * math.sin(x / 26 + row)) for x in range(-20, WIDTH + 21, 12)]
        paddles += _path(spots, 8, WATER, -2 - row)
    return wheel + paddles


PICTURES: dict[str, Callable[[], Shapes]] = {
    "memory": _memory,
    "rings": _rings,
    "moon": _moon,
    "buckets": _buckets,
    "river": _river,
}
