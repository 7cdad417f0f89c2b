"""Lettering: capital letters drawn as pixels, five wide and seven high, so that slides need no font."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from halfgig.demo.drawing import Colour
    from halfgig.records import Pixels

WIDTH, HEIGHT, GAP = 5, 7, 1  # cells of a letter, and between two letters
# Seven rows from the top, each a number whose five bits are cells from the left.
LETTERS = {
    "A": (14, 17, 17, 31, 17, 17, 17),
    "B": (30, 17, 17, 30, 17, 17, 30),
    "C": (15, 16, 16, 16, 16, 16, 15),
    "D": (30, 17, 17, 17, 17, 17, 30),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "G": (15, 16, 16, 19, 17, 17, 15),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "J": (7, 2, 2, 2, 2, 18, 12),
    "K": (17, 18, 20, 24, 20, 18, 17),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17),
    "N": (17, 25, 21, 21, 19, 17, 17),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "Q": (14, 17, 17, 17, 21, 18, 13),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14),
    "V": (17, 17, 17, 17, 10, 10, 4),
    "W": (17, 17, 17, 21, 21, 27, 17),
    "X": (17, 10, 10, 4, 10, 10, 17),
    "Y": (17, 17, 10, 4, 4, 4, 4),
    "Z": (31, 1, 2, 4, 8, 16, 31),
    " ": (0, 0, 0, 0, 0, 0, 0),
}


def cells(text: str) -> NDArray[np.bool_]:
    """Which cells of a line of text are inked, (7, 6 * length - 1); KeyError for a character without a letter."""
    line = np.zeros((HEIGHT, len(text) * (WIDTH + GAP)), bool)
    for place, character in enumerate(text):
        rows = np.array(LETTERS[character.upper()])[:, None] >> np.arange(WIDTH - 1, -1, -1)
        line[:, place * (WIDTH + GAP) :][:, :WIDTH] = rows & 1
    return line[:, : max(line.shape[1] - GAP, 0)]


def write(pixels: Pixels, text: str, top: int, scale: int, colour: Colour) -> None:
    """Write one line in the middle of (height, width, 3) pixels, a cell being `scale` pixels; too wide is cut."""
    inked = np.kron(cells(text), np.ones((scale, scale), bool))
    left = max(0, (pixels.shape[1] - inked.shape[1]) // 2)
    place = pixels[top : top + inked.shape[0], left : left + inked.shape[1]]
    place[inked[: place.shape[0], : place.shape[1]]] = colour
