"""Pictures as upright RGB frames on the source's clock, chosen by time and scaled as they are decoded."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from halfgig.errors import DoesNotFit
from halfgig.media.clock import Placed, Stamped, ascend, every, sample, settle, slot
from halfgig.media.container import (
    decode_packets,
    ends_early,
    open_container,
    origin,
    read_packets,
    refuse_picture,
    refuse_video,
    undecodable,
)
from halfgig.media.pictures import decoder_memory, fit_frame
from halfgig.media.source import refuse_large, refuse_long
from halfgig.media.streams import choose_video, frame_rate, quarter_turns, shown_size
from halfgig.records import DecodeLog, Frame, Seconds, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    import av
    from av.container import InputContainer
    from av.packet import Packet

    from halfgig.records import Bytes, Pixels
    from halfgig.settings import Settings

# One decoded picture, or none once it is let go of: stages keep what they handed on until they are asked for more, and
# a picture of 4K has 12 MB.
Held: TypeAlias = "list[av.VideoFrame]"

JUMP = 10.0  # seconds between two frames before the next timestamp must confirm them


def decode_frames(
    source: Source,
    *,
    rate: float | None,
    width: int | None,
    log: DecodeLog,
    settings: Settings,
    memory: Bytes | None = None,
) -> Iterator[Frame]:
    """At most `rate` upright RGB frames a second (None: all), with strictly rising times, at most `width` pixels wide,
    and `pictures.TALLEST` times that high.

    FRAME_SKIP_RATE takes the place of `rate`, and VIDEO_RESIZE_WIDTH of `width`, where they are set; frames are never
    enlarged. What went wrong is told in `log`.
    Errors: MissingStream without pictures, SourceError where none can be decoded, TooLarge past the limits, DoesNotFit
    where the decoder would need more than `memory`; all but SourceError before anything is decoded.
    """
    with open_container(source) as container:
        size = source.size if source.size is not None else container.size
        refuse_large(source.title, size, settings.max_video_size_mb, "MAX_VIDEO_SIZE_MB")
        stream = choose_video(container, source.title)
        refuse_video(source.title, stream, container.format.name)
        refuse_unfit(source.title, stream, memory)
        scaler = Scaler(settings.video_resize_width or width, stream.sample_aspect_ratio)
        step = settings.frame_skip_rate
        rate = rate if step is None else None
        pictures = _decode(container, stream, source, log, settings, rate=rate)
        chosen = sample(pictures, rate) if step is None else every(pictures, step)
        for one in islice(chosen, settings.max_frames_to_analyze):
            yield Frame(one.time, scaler.scale(one.item[0]))


def refuse_unfit(title: str, stream: av.VideoStream, memory: Bytes | None) -> None:
    """DoesNotFit where the decoder of `stream` is likely to need more than `memory`."""
    needs = decoder_memory(stream.width, stream.height, stream.codec_context.name)
    if memory is not None and needs > memory:
        raise DoesNotFit(f"Decoding {title} at {stream.width} x {stream.height} pixels", needs, memory)


def _decode(
    container: InputContainer,
    stream: av.VideoStream,
    source: Source,
    log: DecodeLog,
    settings: Settings,
    *,
    rate: float | None,
) -> Iterator[Placed[Held]]:
    """Decoded pictures with believable times, those that `rate` asks for among them; limits are checked on each.

    A picture is gone when the next one is asked for.
    """
    zero = float(origin(container))
    packets = read_packets(container, stream, log)
    if rate is not None:
        packets = spare(packets, stream, zero, rate)
    stamped = _stamp(decode_packets(packets, log), zero, 1 / frame_rate(stream))
    ends: Seconds | None = None
    for one in ascend(settle(stamped, jump=JUMP)):
        refuse_picture(source.title, one.item[0].width, one.item[0].height)
        ends = one.time + one.seconds
        refuse_long(source.title, one.time, settings)
        yield one
        one.item.clear()
    if ends is None:
        raise undecodable(source, "picture")
    log.truncated |= ends_early(container, stream, ends)


def spare(
    packets: Iterable[Packet[av.VideoStream]], stream: av.VideoStream, zero: Seconds, rate: float
) -> Iterator[Packet[av.VideoStream]]:
    """The same packets; the decoder is told to leave out those that no slot of `rate` and no other picture needs.

    Whether a picture is the first of its slot follows from its own time where frames come at an even pace; elsewhere
    all are decoded. A decoder obeys for pictures that no other one refers to, so the chosen ones stay as they are.
    """
    even = stream.average_rate == stream.guessed_rate and frame_rate(stream) > rate
    pace = 1 / frame_rate(stream)
    for packet in packets:
        needed = True
        if even and packet.pts is not None and packet.time_base is not None:
            time = float(packet.pts * packet.time_base) - zero
            needed = slot(time, rate) > slot(time - 1.1 * pace, rate) or time < pace
        stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
        yield packet


def _stamp(frames: Iterable[av.VideoFrame], zero: Seconds, seconds: Seconds) -> Iterator[Stamped[Held]]:
    for frame in frames:
        time = None if frame.pts is None else frame.time - zero
        held = [frame]
        del frame
        yield Stamped(time, seconds, held)


class Scaler:
    """Decoded pictures become upright RGB that `fit_frame` fits to `width`, with square pixels; one scaler for all."""

    def __init__(self, width: int | None, aspect: Fraction | None) -> None:
        self._width, self._aspect = width, aspect
        self._reformatter = VideoReformatter()

    def scale(self, frame: av.VideoFrame) -> Pixels:
        """(height, width, 3) uint8 RGB, upright, contiguous."""
        turns = quarter_turns(-frame.rotation)
        shown = shown_size(frame.width, frame.height, self._aspect, turns * 90)
        width, height = fit_frame(*shown, self._width)
        if turns % 2:
            width, height = height, width
        rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA, threads=1)
        return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), k=-turns)).astype(np.uint8, copy=False)
