from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from halfgig.errors import SourceError
from halfgig.media.jpeg import read_jpeg


def jpeg(width: int, height: int, *, mode: str = "RGB", turned: int = 1) -> bytes:
    """A picture that is bright on its left half; `turned` is its orientation as Exif counts them."""
    rows = np.zeros((height, width), np.uint8)
    rows[:, : width // 2] = 220
    out, exif = BytesIO(), Image.Exif()
    exif[0x0112] = turned
    Image.fromarray(rows).convert(mode).save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_picture_keeps_its_size_where_that_is_not_too_large() -> None:
    pixels = read_jpeg(jpeg(480, 360), 640)
    assert pixels.shape == (360, 480, 3)
    assert pixels.dtype == np.uint8
    assert pixels[:, 10].mean() > 200
    assert pixels[:, -10].mean() < 20


def test_a_large_picture_is_made_smaller_with_its_shape() -> None:
    assert read_jpeg(jpeg(1920, 1080), 640).shape == (360, 640, 3)
    assert read_jpeg(jpeg(1000, 500), 640).shape == (320, 640, 3)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_kinds_of_jpeg_become_colours(mode: str) -> None:
    assert read_jpeg(jpeg(64, 48, mode=mode), 640).shape == (48, 64, 3)


def test_a_picture_that_was_turned_stands_upright() -> None:
    pixels = read_jpeg(jpeg(64, 48, turned=6), 640)  # to be turned to the right
    assert pixels.shape == (64, 48, 3)
    assert pixels[:10].mean() > 200


@pytest.mark.parametrize("broken", [b"", b"GIF89a" + bytes(100), jpeg(64, 48)[:200], bytes(1000)])
def test_what_is_no_whole_jpeg_is_refused(broken: bytes) -> None:
    with pytest.raises(SourceError, match=r"cannot be decoded as a JPEG.*whole JPEG"):
        read_jpeg(broken, 640)


def test_other_formats_are_not_tried() -> None:
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    with pytest.raises(SourceError):
        read_jpeg(out.getvalue(), 640)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    head = jpeg(64, 48)
    at = head.index(b"\xff\xc0") + 5  # height and width in the frame's header
    forged = head[:at] + (8_000).to_bytes(2, "big") * 2 + head[at + 4 :]
    with pytest.raises(SourceError, match="8000 x 8000"):
        read_jpeg(forged, 640)


def test_a_large_progressive_picture_is_refused_for_it_would_be_held_whole() -> None:
    out = BytesIO()
    Image.new("RGB", (2560, 1440)).save(out, "JPEG", progressive=True)
    with pytest.raises(SourceError, match=r"2560 x 1440.*at most 1920 x 1088"):
        read_jpeg(out.getvalue(), 480)
    out = BytesIO()
    Image.new("RGB", (1088, 1920)).save(out, "JPEG", progressive=True)
    assert read_jpeg(out.getvalue(), 480).shape[2] == 3
