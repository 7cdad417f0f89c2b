"""Poses as what a page needs to draw them over the video, compact and of one size each. Pure.

All numbers are little-endian. First come 16 bytes: "HGP1", the bytes of a record, the number of landmarks, width and
height of a frame in pixels (16 bits each), 4 bytes of zeros. Then a record for each moment with a person: milliseconds
(32 bits), x and y of each landmark (16 bits each, in 1/8192 of the frame's width and height), the visibility of each (8
bits, 255 is certain), zeros up to a multiple of 4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.pose_batches import LANDMARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from halfgig.records import PoseAt

UNIT = 8192  # of a frame's side; a landmark may lie outside of the frame, up to three times as far
_ROW = np.dtype([("time", "<u4"), ("places", "<i2", (LANDMARKS, 2)), ("visibility", "u1", (LANDMARKS,)), ("pad", "V3")])
_HEAD = struct.Struct("<4sHHHHI")
_FARTHEST = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of one size, in pixels, from number `first` on."""

    first: int
    width: int
    height: int


def draw_poses(moments: Iterable[PoseAt], stretches: Sequence[Stretch]) -> Iterator[bytes]:
    """Yield the bytes of the poses, their head first; frames may have had several sizes, the last is told."""
    last = stretches[-1]
    yield _HEAD.pack(b"HGP1", _ROW.itemsize, LANDMARKS, last.width, last.height, 0)
    for number, moment in enumerate(moments):
        if moment.pose is not None:
            size = next(stretch for stretch in reversed(stretches) if stretch.first <= number)
            yield _record(moment, size)


def _record(moment: PoseAt, size: Stretch) -> bytes:
    assert moment.pose is not None
    row = np.zeros((), _ROW)
    places = moment.pose.landmarks[:, :2] / (size.width, size.height) * UNIT
    row["time"] = max(0, round(moment.time * 1000))
    row["places"] = np.clip(np.rint(np.nan_to_num(places)), _FARTHEST.min, _FARTHEST.max)
    row["visibility"] = np.rint(np.clip(np.nan_to_num(moment.pose.visibility), 0, 1) * 255)
    return row.tobytes()
