"""Long sources made of short ones: utterances joined with pauses, and a clip shown again and again."""

from __future__ import annotations

import csv
import random
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.stream import AudioStream

from halfgig.records import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.container import OutputContainer
    from numpy.typing import NDArray

    Pcm = NDArray[np.int16]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CODECS = {".flac": "flac", ".ogg": "libopus", ".opus": "libopus"}
PAUSE = (0.3, 1.5)  # seconds between two utterances


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording of a sentence or two, and what is said in it."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A source with its length in seconds and what is said in it."""

    path: Path
    seconds: float
    text: str


def english_utterances(shared: Path = SHARED_DATA) -> list[Utterance]:
    """Every English utterance of the shared recordings; empty where they are not there."""
    manifest = shared / "speech" / "manifest.csv"
    if not manifest.exists():
        return []
    with manifest.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [
        Utterance(manifest.parent / row["file"], row["reference"])
        for row in rows
        if row["language"] == "en" and "/" in row["file"]
    ]


def joined(utterances: Sequence[Utterance], seconds: float, path: Path, *, seed: int = 1) -> Recording:
    """Write at least `seconds` of the utterances, in a new order on each round, with pauses between them.

    Streams: one utterance is held at a time. The codec follows the suffix, FLAC or Opus. A recording that is
    already there is taken as it is.
    """
    script, done = path.with_suffix(".txt"), path.with_suffix(".seconds")
    if not done.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0
        with script.open("w") as lines, av.open(str(path), "w") as out:
            stream = audio_stream(out, CODECS[path.suffix])
            for utterance, pcm in rounds(utterances, seconds, seed):
                out.mux(stream.encode(audio_frame(pcm, samples)))
                lines.write(utterance.text + "\n")
                samples += len(pcm)
            out.mux(stream.encode(None))
        done.write_text(str(samples / SAMPLE_RATE))
    return Recording(path, float(done.read_text()), script.read_text())


def audio_stream(out: OutputContainer, codec: str) -> AudioStream:
    """A new mono stream at 16 kHz."""
    stream = out.add_stream(codec, rate=SAMPLE_RATE, layout="mono")
    assert isinstance(stream, AudioStream)
    return stream


def rounds(utterances: Sequence[Utterance], seconds: float, seed: int) -> Iterator[tuple[Utterance, Pcm]]:
    """Each utterance with its samples and the pause after it, shuffled anew on each round, for `seconds`."""
    rng = random.Random(seed)
    left = seconds * SAMPLE_RATE
    while left > 0:
        for utterance in rng.sample(utterances, len(utterances)):
            pause = np.zeros(int(rng.uniform(*PAUSE) * SAMPLE_RATE), np.int16)
            pcm = np.concatenate([decoded(utterance.path), pause])
            yield utterance, pcm
            left -= len(pcm)
            if left <= 0:
                return


def decoded(path: Path) -> Pcm:
    """All samples of a short recording: mono, 16 kHz, int16."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in [*frames, *resampler.resample(None)]])


def audio_frame(pcm: Pcm, at: int) -> av.AudioFrame:
    """The samples as a frame that starts at sample `at`."""
    frame = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, at
    return frame


def looped(clip: Path, seconds: float, path: Path) -> Recording:
    """Write the clip's picture again and again until `seconds` are full. Copies packets, decodes nothing."""
    done = path.with_suffix(".seconds")
    if not done.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        done.write_text(str(copy_rounds(clip, seconds, path)))
    return Recording(path, float(done.read_text()), "")


def copy_rounds(clip: Path, seconds: float, path: Path) -> float:
    """Copy the clip's packets to `path` round after round; tells the seconds written."""
    with ExitStack() as stack:
        out = stack.enter_context(av.open(str(path), "w"))
        source = stack.enter_context(av.open(str(clip)))
        picture = source.streams.video[0]
        target = out.add_stream_from_template(picture)
        tick = float(picture.time_base or 0)
        shift = 0
        while shift * tick < seconds:
            source.seek(0)
            end = 0
            for packet in source.demux(picture):
                if packet.dts is None or packet.pts is None:
                    continue
                end = max(end, packet.pts + (packet.duration or 1))
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, target
                out.mux(packet)
            shift += end
        return shift * tick
