"""The talk: a recording of synthetic speech and its slides become one video, and the truth about what is said when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

import av

from halfgig.demo.slides import HEIGHT, WIDTH, advance, draw
from halfgig.records import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer

    from halfgig.records import Seconds

FPS = 5


@dataclass(frozen=True, slots=True)
class Slide:
    """One topic of the talk: its title, the name of its picture, when it is shown, and what is said meanwhile."""

    title: str
    picture: str
    start: Seconds
    end: Seconds
    text: str


def slides() -> tuple[Slide, ...]:
    """The slides in order, without gaps."""
    rows = json.loads(files("halfgig.demo").joinpath("talk.json").read_text(encoding="utf-8"))
    return tuple(Slide(**row) for row in rows)


def render(talk: Sequence[Slide]) -> Iterator[Frame]:
    """The frames of the talk, five a second."""
    end, number = talk[-1].end, 0
    for slide in talk:
        picture = draw(slide.title, slide.picture)
        while number < slide.end * FPS:
            yield Frame(number / FPS, advance(picture, number / FPS / end))
            number += 1


def write(path: Path) -> None:
    """Write the talk as a video, H.264 where this PyAV has it, else MPEG-4, with AAC sound."""
    codec: Literal["libx264", "mpeg4"] = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    recording = files("halfgig.demo").joinpath("talk.opus")
    with recording.open("rb") as file, av.open(file, "r") as speech, av.open(str(path), "w") as video:
        picture = video.add_stream(codec, rate=FPS, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        sound = video.add_stream("aac", rate=48_000, layout="mono", bit_rate=64_000)
        blocks = _sound(speech)
        for frame in render(slides()):
            image = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
            image.pts, image.time_base = round(frame.time * FPS), Fraction(1, FPS)
            video.mux(picture.encode(image))
            for block in blocks:
                video.mux(sound.encode(block))
                if block.time is not None and block.time > frame.time:
                    break
        video.mux(picture.encode(None))
        video.mux(sound.encode(None))


def _sound(speech: InputContainer) -> Iterator[av.AudioFrame]:
    resampler = av.AudioResampler("fltp", "mono", 48_000)
    for block in speech.decode(audio=0):
        yield from resampler.resample(block)
    yield from resampler.resample(None)
