"""Which of a container's streams is meant, and what each of them says about itself before it is decoded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from halfgig.errors import MissingStream
from halfgig.records import AudioStream, VideoStream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from av.container import InputContainer
    from av.stream import Stream

NOT_MAIN = Disposition.comment | Disposition.visual_impaired | Disposition.hearing_impaired | Disposition.descriptions
PICTURE_ONLY = Disposition.attached_pic | Disposition.timed_thumbnails
ODD_ASPECT = 4  # a sample aspect ratio past this is taken for damage
DEFAULT_FPS = 25.0


def choose_audio(container: InputContainer, title: str) -> av.AudioStream:
    """The stream marked as default, of several the one with most channels. Errors: MissingStream."""
    streams = container.streams.audio
    known = [stream for stream in streams if decodable(stream)]
    if not known:
        raise _missing(title, "sound", map(_codec_name, streams))
    return max(known, key=lambda stream: (*_standing(stream), stream.codec_context.layout.nb_channels, -stream.index))


def choose_video(container: InputContainer, title: str) -> av.VideoStream:
    """The stream marked as default, of several the largest; cover art does not count. Errors: MissingStream."""
    streams = moving(container)
    known = [stream for stream in streams if decodable(stream)]
    if not known:
        raise _missing(title, "picture", map(_codec_name, streams))
    return max(known, key=rank)


def rank(stream: av.VideoStream) -> tuple[bool, ...] | tuple[bool, bool, bool, int, int]:
    """What the stream to look at has most of; those that cannot be decoded come last."""
    if not decodable(stream):
        return (False,)
    return True, *_standing(stream), stream.width * stream.height, -stream.index


def decodable(stream: Stream) -> bool:
    """Whether there is a decoder; without one PyAV gives the stream no codec context, whatever its types say."""
    return bool(stream.codec_context)


def moving(container: InputContainer) -> list[av.VideoStream]:
    """The video streams without cover art and thumbnails."""
    return [stream for stream in container.streams.video if not stream.disposition & PICTURE_ONLY]


def _standing(stream: av.AudioStream | av.VideoStream) -> tuple[bool, bool]:
    return not stream.disposition & NOT_MAIN, bool(stream.disposition & Disposition.default)


def _codec_name(stream: Stream) -> str:
    return getattr(stream, "name", None) or "an unknown codec"  # PyAV asks the decoder, so without one it has no name


def _missing(title: str, what: str, codecs: Iterable[str]) -> MissingStream:
    names = ", ".join(sorted(set(codecs)))
    if names:
        return MissingStream(
            f"{title} has {what} in {names}, which cannot be decoded.", "Convert it with ffmpeg first."
        )
    if what == "sound":
        return MissingStream(f"{title} has no sound.", "Give a recording with an audio track.")
    return MissingStream(f"{title} has no moving picture.", "Give a video; a sound file can be transcribed only.")


def describe_audio(stream: av.AudioStream) -> AudioStream:
    """What an audio stream says about itself."""
    language = None if stream.language == "und" else stream.language
    if not decodable(stream):
        return AudioStream(stream.index, "unknown", 0, 0, language)
    context = stream.codec_context
    return AudioStream(stream.index, context.name, context.sample_rate, context.layout.nb_channels, language)


def describe_video(stream: av.VideoStream, rotation: int) -> VideoStream:
    """What a video stream says about itself; `rotation` is the container's, in degrees clockwise."""
    if not decodable(stream):
        return VideoStream(stream.index, "unknown", 0, 0, 0.0, rotation)
    context = stream.codec_context
    width, height = shown_size(context.width, context.height, stream.sample_aspect_ratio, rotation)
    return VideoStream(stream.index, context.name, width, height, frame_rate(stream), rotation)


def frame_rate(stream: av.VideoStream) -> float:
    """Frames a second: the average that the container states, else a guess, else 25."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= 1000:
            return float(rate)
    return DEFAULT_FPS


def shown_size(width: int, height: int, aspect: Fraction | None, rotation: int) -> tuple[int, int]:
    """Width and height of the upright picture with square pixels, never larger than what is stored.

    `aspect` is the width of one stored pixel over its height, `rotation` degrees clockwise (a multiple of 90).
    An `aspect` past 4 to 1 is taken for damage and left out of account.
    """
    if aspect and 1 / ODD_ASPECT <= float(aspect) <= ODD_ASPECT:
        width, height = _at_least_one(width * min(float(aspect), 1.0)), _at_least_one(height / max(float(aspect), 1.0))
    return (height, width) if rotation % 180 else (width, height)


def _at_least_one(pixels: float) -> int:
    return max(1, round(pixels))


def rotations(container: InputContainer) -> dict[int, int]:
    """Degrees clockwise by which the pictures of each video stream must be turned, by stream index.

    PyAV shows the display matrix of decoded frames only, but FFmpeg's own description of the container names it.
    """
    found: dict[int, int] = {}
    index = -1
    for line in _description(container).splitlines():
        if heading := re.match(r"\s*Stream #\d+:(\d+)", line):
            index = int(heading[1])
        elif turn := re.search(r"rotation of (-?[\d.]+) degrees", line):
            found.setdefault(index, quarter_turns(-float(turn[1])) * 90)
    return found


def _description(container: InputContainer) -> str:
    """FFmpeg's description of the container, which it gives as log lines only, and PyAV silences those."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        return str(container.dumps_format())  # type: ignore[attr-defined]  # PyAV's stubs lack it
    finally:
        av.logging.set_level(level)


def quarter_turns(degrees: float) -> int:
    """The nearest number of clockwise quarter turns, 0 to 3."""
    return round(degrees / 90) % 4
