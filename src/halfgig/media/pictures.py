"""What pictures cost to decode, and how they are made to fit: arithmetic, also for who has no decoder. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.errors import MIB

if TYPE_CHECKING:
    from halfgig.records import Bytes

# Measured in docs/decisions/0023: what decoding on one thread adds to a process.
DECODER = 10 * MIB
BYTES_PER_PIXEL = 1.5  # 8 bits, 4:2:0
HELD_PICTURES, HELD_ALONE = 7, 3  # pictures held at once: references, reordering, and the one being scaled
TALLEST = 1.25  # widths: upright pictures show people larger, and would take three times the room of level ones
WITHOUT_REFERENCES = frozenset(
    {"mjpeg", "prores", "dnxhd", "png", "bmp", "tiff", "webp", "gif", "qtrle", "ffv1", "dvvideo"}
)


def decoder_memory(width: int, height: int, codec: str) -> Bytes:
    """What the decoder is likely to hold for pictures of this size; up to twice that with 10 bits or 16 references."""
    held = HELD_ALONE if codec in WITHOUT_REFERENCES else HELD_PICTURES
    return DECODER + int(held * BYTES_PER_PIXEL * width * height)


def fit_frame(width: int, height: int, most: int | None) -> tuple[int, int]:
    """`width` x `height` made at most `most` wide and `TALLEST` times that high, its shape kept; never enlarged."""
    if most is None:
        return width, height
    scale = min(1.0, most / width, TALLEST * most / height)
    return max(1, round(width * scale)), max(1, round(height * scale))
