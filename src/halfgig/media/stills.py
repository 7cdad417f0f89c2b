"""Stills: small JPEGs along a video, from its key frames, to tell it by in lists and among search hits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from halfgig.errors import MIB
from halfgig.media.container import open_whole, origin, prepare, refuse_picture, refuse_video, stated_duration
from halfgig.media.frames import Scaler
from halfgig.media.pictures import BYTES_PER_PIXEL, HELD_ALONE
from halfgig.media.streams import choose_video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import InputContainer

    from halfgig.records import Bytes, Pixels, Seconds, Source

WIDTH = 320  # pixels
APART: Seconds = 10.0  # between two stills, in a video that is short
MOST = 24  # of a video, however long it is
REMOTE = 1  # of one that is read from afar, where each costs requests
MEMORY: Bytes = 64 * MIB  # that decoding one may take: 8K pictures are left out
QUALITY = 5  # of 1, the best, to 31
EARLY = 0.1  # share of a video's length at which the first is taken: what comes before is often dark


@dataclass(frozen=True, slots=True)
class Still:
    """One JPEG at most `WIDTH` pixels wide; `detail` is the deviation of its brightness, little where it is blank."""

    time: Seconds
    jpeg: bytes
    detail: float


def take_stills(source: Source, beat: Callable[[], object]) -> Iterator[Still]:
    """Yield stills in order of time, one where the source is read from afar; none of pictures that are too large.

    Only key frames are decoded, one at a time; `beat` is called before each. Errors: SourceError, MissingStream,
    TooLarge.
    """
    with open_whole(source) as container:
        stream = choose_video(container, source.title)
        refuse_video(source.title, stream, container.format.name)
        if stream.width * stream.height * BYTES_PER_PIXEL * HELD_ALONE > MEMORY:
            return
        prepare(container, stream)
        stream.codec_context.skip_frame = "NONKEY"
        scaler = Scaler(WIDTH, stream.sample_aspect_ratio)
        last: Seconds = -1.0
        for moment in moments(stated_duration(container), MOST if source.stream is None else REMOTE):
            beat()
            found = _key_frame(container, stream, moment)
            if found is None or found[0] <= last:
                continue
            last, picture = found
            refuse_picture(source.title, picture.width, picture.height)
            pixels = scaler.scale(picture)
            yield Still(max(0.0, last), to_jpeg(pixels), float(pixels.mean(axis=2).std()))


def moments(duration: Seconds | None, most: int) -> list[Seconds]:
    """Seconds at which stills are taken of a video of this length, at most so many."""
    if duration is None:
        return [0.0]
    count = min(max(3, int(duration / APART)), most)
    step = duration * (1 - EARLY) / count
    return [duration * EARLY + step * number for number in range(count)]


def _key_frame(
    container: InputContainer, stream: av.VideoStream, moment: Seconds
) -> tuple[Seconds, av.VideoFrame] | None:
    """The key frame at or before a moment, with its time; None where none decodes."""
    zero = float(origin(container))
    with suppress(av.FFmpegError):  # it cannot be sought in, or is damaged there
        container.seek(int((moment + zero) * av.time_base))
        for frame in container.decode(stream):
            return (frame.time or zero) - zero, frame
    return None


def to_jpeg(pixels: Pixels) -> bytes:
    """The picture, (height, width, 3) uint8 RGB, as a JPEG."""
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuvj420p")
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "yuvj420p"
    context.time_base, context.thread_count = Fraction(1, 25), 1
    context.qmin = context.qmax = QUALITY
    frame.pts = 0
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
