from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.cuts import mark_cuts
from halfgig.records import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from halfgig.records import Pixels

DRAW = np.random.default_rng(1)
GYM, STUDIO = (DRAW.integers(0, 255, (48, 64, 3)).astype(np.uint8) for _ in range(2))


def cuts(pictures: Iterable[Pixels]) -> list[int]:
    frames = [Frame(number / 10, picture) for number, picture in enumerate(pictures)]
    marked = list(mark_cuts(frames))
    assert [frame.time for frame in marked] == [frame.time for frame in frames]
    return [number for number, frame in enumerate(marked) if frame.cut]


def test_another_shot_is_a_cut() -> None:
    assert cuts([GYM] * 5 + [STUDIO] * 5 + [GYM]) == [5, 10]
    assert cuts([]) == []
    assert cuts([GYM]) == []


def test_movement_a_flash_and_a_moved_camera_are_none() -> None:
    dimmed = [np.full((48, 64, 3), 100 + 20 * (number % 2), np.uint8) for number in range(20)]
    assert cuts(dimmed) == []
    assert cuts([GYM] * 5 + [np.full_like(GYM, 255)] + [GYM] * 5) == []
    assert cuts(np.roll(GYM, 3 * number, axis=1) for number in range(20)) == []


def test_pictures_smaller_than_the_small_one_are_taken() -> None:
    assert cuts([np.full((1, 1, 3), value, np.uint8) for value in (0, 0, 200, 200)]) == [2]
