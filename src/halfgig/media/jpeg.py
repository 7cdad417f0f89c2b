"""JPEG: one picture, as a camera sends it, becomes pixels of a bounded width."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from halfgig.errors import SourceError
from halfgig.media.pictures import fit_frame

if TYPE_CHECKING:
    from halfgig.records import Pixels

MOST_PIXELS = 1920 * 1088  # a progressive one is held whole, at 6 bytes a pixel, however small it is wanted
REMEDY = "Send a whole JPEG of at most 1920 x 1088 pixels; 480 pixels across are enough."


def read_jpeg(jpeg: bytes, most_width: int) -> Pixels:
    """The picture, (height, width, 3) uint8 RGB, upright and fitted to `most_width` by `fit_frame`.

    A large one is decoded at a half, a quarter or an eighth of its size. SourceError where it is none, is cut off or is
    too large.
    """
    try:
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise SourceError(f"The picture has {picture.width} x {picture.height} pixels.", REMEDY)
            picture.draft("RGB", fit_frame(picture.width, picture.height, most_width))
            return _scaled(ImageOps.exif_transpose(picture.convert("RGB")), most_width)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise SourceError("The picture cannot be decoded as a JPEG.", REMEDY) from error


def _scaled(picture: Image.Image, most_width: int) -> Pixels:
    size = fit_frame(picture.width, picture.height, most_width)
    return np.asarray(picture if picture.size == size else picture.resize(size, Image.Resampling.BILINEAR))
