"""Sources of any size with little work in them: a minute of speech beside a heavy picture, and heavily coded athletes.

Sizes are reached as cameras reach them: by the bit rate of a picture with grain.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from benchmarks.recordings import english_utterances, joined
from halfgig.demo.athlete import render, steady
from halfgig.demo.slides import draw
from halfgig.demo.talk import slides
from halfgig.errors import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.container import OutputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from halfgig.records import Bytes, Pixels, Seconds

TALKS, CLIPS = (5, 12, 30, 75, 150, 300), (5, 20, 60, 120)  # MB
TALK = Path(__file__).parents[1] / "src" / "halfgig" / "demo" / "talk.opus"
SPEECH: Seconds = 50.0
REPS = 6
GRAIN = 8  # levels of standard deviation
PICTURES = 8  # different ones, shown in turn
LARGE = 50 * MIB  # from which a picture has 720 lines, else 360
CODING = {"preset": "ultrafast", "g": "1", "bf": "0"}  # each picture for itself, as packets are used again


@dataclass(frozen=True, slots=True)
class Material:
    """One source: where it is, whether it is a talk or a clip, and how many repetitions are in it."""

    path: Path
    kind: str
    reps: int = 0


def material(folder: Path) -> list[Material]:
    """Talks and clips of all sizes in `folder`; those that are there already are taken as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [Material(once(folder / f"talk-{size}.mp4", size * MIB, make_talk), "talk") for size in TALKS]
    return made + [Material(once(folder / f"clip-{size}.mp4", size * MIB, make_clip), "clip", REPS) for size in CLIPS]


def other_content(number: int) -> bytes:
    """An empty box for the end of an mp4: the content is another then, and means the same."""
    return struct.pack(">I4sQ", 16, b"free", number)


def make_talk(path: Path, size: Bytes) -> None:
    """About `size` bytes of slides with grain, and `SPEECH` seconds of speech that is different for each size."""
    speech, seconds = speech_for(path, size // MIB)
    pictures = path.with_suffix(".pictures.mp4")
    encode(_slides(720 if size >= LARGE else 360), pictures, Fraction(10))
    with av.open(str(pictures)) as shown, av.open(str(speech)) as heard, av.open(str(path), "w") as out:
        picture, sound = shown.streams.video[0], heard.streams.audio[0]
        packets = [bytes(packet) for packet in shown.demux(picture) if packet.size]
        target = out.add_stream_from_template(picture)
        voice = out.add_stream("aac", rate=sound.rate, layout="mono")
        rate = Fraction(size * len(packets), sum(map(len, packets)) * round(seconds))
        waiting = repeated(packets, rate, seconds, target)
        for frame in heard.decode(sound):
            mux_until(out, waiting, frame.time or 0.0)
            out.mux(voice.encode(frame))
        mux_until(out, waiting, seconds)
        out.mux(voice.encode(None))
    for left in path.parent.glob(f"{path.stem}.*"):
        if left != path:
            left.unlink()


def speech_for(path: Path, seed: int) -> tuple[Path, Seconds]:
    """Real speech and its length; the demo's talk where the recordings are not here."""
    utterances = english_utterances()
    if not utterances:
        return TALK, slides()[-1].end
    recording = joined(utterances, SPEECH, path.with_suffix(".flac"), seed=seed)
    return recording.path, recording.seconds


def repeated(
    packets: list[bytes], rate: Fraction, seconds: Seconds, stream: VideoStream
) -> Iterator[av.Packet[Stream]]:
    """The pictures in turn, `rate` of them a second."""
    for number in range(int(rate * Fraction(seconds))):
        packet = av.Packet(packets[number % len(packets)])
        packet.stream, packet.is_keyframe = stream, True
        packet.time_base = Fraction(1, 90_000)
        packet.pts = packet.dts = round(number / rate * 90_000)
        yield packet


def mux_until(out: OutputContainer, packets: Iterator[av.Packet[Stream]], time: Seconds) -> None:
    """Write pictures as far as `time`: the container would hold what comes far ahead of the sound."""
    for packet in packets:
        end = (packet.pts or 0) / 90_000
        out.mux(packet)
        if end >= time:
            return


def make_clip(path: Path, size: Bytes) -> None:
    """About `size` bytes of the drawn athlete's squats, with grain."""
    script = steady("squat", REPS)
    if size >= LARGE:
        script = replace(script, width=2 * script.width, height=2 * script.height)
    encode(map(_grained, (frame.pixels for frame in render(script))), path, Fraction(script.fps), size / script.seconds)


def encode(pictures: Iterable[Pixels], path: Path, rate: Fraction, bytes_per_second: float | None = None) -> None:
    """Write H.264 of good quality, or of that many bytes a second."""
    options = {"preset": "ultrafast"} if bytes_per_second else {**CODING, "qp": "14"}
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options=options)
        stream.pix_fmt = "yuv420p"
        if bytes_per_second:
            stream.bit_rate = round(8 * bytes_per_second)
        for number, pixels in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = pixels.shape[:2]
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))


def _slides(lines: int) -> Iterator[Pixels]:
    talk = slides()
    for number in range(PICTURES):
        slide = talk[number % len(talk)]
        pixels = draw(slide.title, slide.picture)
        times = lines // pixels.shape[0]
        yield _grained(pixels.repeat(times, 0).repeat(times, 1), number)


def _grained(pixels: Pixels, seed: int | None = None) -> Pixels:
    grain = np.random.default_rng(seed).normal(0, GRAIN, pixels.shape)
    grained: Pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    return grained


def once(path: Path, size: Bytes, make: Callable[[Path, Bytes], None]) -> Path:
    """The source at `path`, made by `make` where it is not there yet."""
    if not path.exists():
        draft = path.with_stem(f"{path.stem}-draft")
        make(draft, size)
        draft.replace(path)
    return path
