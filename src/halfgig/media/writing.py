"""Writing video: frames become an mp4, one frame held at a time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import av

from halfgig.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from halfgig.records import Frame

TICKS = 1000  # a second
SAY_PRESET = {"preset": "veryfast", "crf": "26"}


def write_video(frames: Iterable[Frame], path: Path, rate: int) -> int:
    """Write frames at their own times, about `rate` a second, as H.264 where this PyAV has it, else MPEG-4.

    Returns their number; SourceError where there is none.
    """
    codec: Literal["libx264", "mpeg4"] = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    count = 0
    with av.open(str(path), "w", format="mp4") as container:
        options = SAY_PRESET if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=rate, pix_fmt="yuv420p", options=options)
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.codec_context.thread_count = 1
        for frame in frames:
            height, width = (side // 2 * 2 for side in frame.pixels.shape[:2])
            if count == 0:
                stream.height, stream.width = height, width
            picture = av.VideoFrame.from_ndarray(frame.pixels[:height, :width].copy(), format="rgb24")
            picture.pts, picture.time_base = round(frame.time * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(picture))
            count += 1
        if count == 0:
            raise SourceError("There is no frame to draw on.", "Give a video that can be decoded.")
        container.mux(stream.encode(None))
    return count
