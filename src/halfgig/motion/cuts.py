"""Cuts: where another shot begins, told from how much of a small picture of each frame changes at once."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from halfgig.records import Frame, Pixels

SIDE = 24  # pixels of the small picture
LEAST_CHANGE = 30.0  # grey levels on average between two frames that can be a cut
SUDDEN = 3.0  # times the change before, that a cut is; a camera that is moved changes frame after frame
ALONE = 2.0  # times the changes next to it: a flash is two of them
RECENT = 3  # changes before, the middle one of which is the usual one


def mark_cuts(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames, those with `cut` that begin another shot; one is held back until the next is there."""
    recent: deque[float] = deque(maxlen=RECENT)
    held: Frame | None = None
    change, picture = 0.0, None
    for frame in frames:
        after = small(frame.pixels)
        step = 0.0 if picture is None else float(np.abs(after - picture).mean())
        if held is not None:
            yield replace(held, cut=_is_cut(change, recent, step))
            recent.append(change)
        held, change, picture = frame, step, after
    if held is not None:
        yield replace(held, cut=_is_cut(change, recent, 0.0))


def small(pixels: Pixels) -> NDArray[np.int16]:
    """(SIDE, SIDE, 3) pixels of a frame, evenly spaced."""
    rows, columns = (np.linspace(0, length - 1, SIDE).astype(np.intp) for length in pixels.shape[:2])
    return pixels[rows[:, None], columns].astype(np.int16)


def _is_cut(change: float, before: deque[float], after: float) -> bool:
    usual = sorted(before)[len(before) // 2] if before else 0.0
    beside = max(before[-1] if before else 0.0, after)
    return change > LEAST_CHANGE and change > SUDDEN * usual and change > ALONE * beside
