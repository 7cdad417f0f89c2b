"""Sound as mono float32 blocks at 16 kHz on the source's clock: sample n is at n / 16,000 seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import av
import numpy as np

from halfgig.media.clock import Placed, Stamped, settle
from halfgig.media.container import (
    UNTIMED,
    decode_packets,
    ends_early,
    open_container,
    origin,
    read_packets,
    refuse_sound,
    undecodable,
)
from halfgig.media.source import refuse_long
from halfgig.media.streams import choose_audio
from halfgig.records import SAMPLE_RATE, DecodeLog, Seconds, Source
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.container import InputContainer

    from halfgig.records import Samples

Run: TypeAlias = "tuple[int | None, Samples]"  # samples, and the number of the first; None where it follows the last

BLOCK = SAMPLE_RATE  # samples: one second
JUMP = 0.5  # seconds that a timestamp may be off before the next one must confirm it
TOLERANCE = 0.1  # seconds by which timestamps wander without anything missing
DEFAULTS = Settings()


def decode_audio(
    source: Source,
    *,
    log: DecodeLog,
    block_size: int = BLOCK,
    start: Seconds = 0.0,
    settings: Settings = DEFAULTS,
) -> Iterator[Samples]:
    """Mono blocks of `block_size` float32 samples in [-1, 1] at 16 kHz; only the last one is shorter.

    The first sample is at `start` seconds (rounded to a sample), and every value is the same as in a decode from 0.
    Sound that is missing is silence. What went wrong is told in `log`.
    Errors: MissingStream without sound, SourceError where none can be decoded, TooLarge past the limits.
    """
    with open_container(source) as container:
        samples = _decode(container, source, log, settings)
        yield from reblock(skip(samples, round(start * SAMPLE_RATE)), block_size)


def _decode(container: InputContainer, source: Source, log: DecodeLog, settings: Settings) -> Iterator[Samples]:
    """Runs of samples from time 0 to the end of the sound."""
    stream = choose_audio(container, source.title)
    refuse_sound(source.title, stream)
    frames = decode_packets(read_packets(container, stream, log), log)
    decoded = 0
    zero = None if container.format.name in UNTIMED else float(origin(container))
    for samples in align(mix(settle(_stamp(frames, zero), jump=JUMP)), log):
        decoded += len(samples)
        refuse_long(source.title, decoded / SAMPLE_RATE, settings)
        yield samples
    if not decoded:
        raise undecodable(source, "sound")
    log.truncated |= ends_early(container, stream, decoded / SAMPLE_RATE)


def _stamp(frames: Iterable[av.AudioFrame], zero: Seconds | None) -> Iterator[Stamped[av.AudioFrame]]:
    """The frames with their times counted from `zero`; None where the timestamps mean nothing."""
    for frame in frames:
        if frame.samples and frame.sample_rate:
            time = None if zero is None or frame.time is None else frame.time - zero
            yield Stamped(time, frame.samples / frame.sample_rate, frame)


# --- mixing and resampling -----------------------------------------------------------------------------


class Mixer:
    """Frames of one format become mono samples at 16 kHz; `ends` is where the next frame belongs, in seconds."""

    def __init__(self, first: Placed[av.AudioFrame]) -> None:
        self._resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        self._format = _format(first.item)
        self.ends = first.time

    def continues(self, one: Placed[av.AudioFrame]) -> bool:
        """Whether this frame is of the same format and follows without gap or overlap."""
        return abs(one.time - self.ends) <= TOLERANCE and _format(one.item) == self._format

    def mix(self, one: Placed[av.AudioFrame]) -> Samples:
        """The samples that are ready, (n,) float32; the resampler keeps some back."""
        self.ends += one.seconds
        frame = one.item if _has_layout(one.item) else mean_of_channels(one.item)
        frame.pts = None
        return _join(self._resampler.resample(frame))

    def flush(self) -> Samples:
        """What the resampler has kept back."""
        return _join(self._resampler.resample(None))


def _has_layout(frame: av.AudioFrame) -> bool:
    """Whether swresample can know which channel is where; past two it cannot mix what is merely numbered."""
    return frame.layout.nb_channels <= 2 or not frame.layout.name.endswith("channels")


def mean_of_channels(frame: av.AudioFrame) -> av.AudioFrame:
    """The same sound in one channel, the mean of all."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mean = samples.mean(axis=0, dtype=np.float64, keepdims=True)
    if samples.dtype.kind != "f":
        facts = np.iinfo(samples.dtype.name)
        mean = (mean - (facts.max + 1 + facts.min) / 2) * 2 / (facts.max - facts.min)
    mixed = av.AudioFrame.from_ndarray(mean.astype(np.float32), format="fltp", layout="mono")
    mixed.sample_rate = frame.sample_rate
    return mixed


def _format(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _join(frames: list[av.AudioFrame]) -> Samples:
    """The samples of mono float frames, (n,) float32 in [-1, 1]; what is no number becomes silence."""
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    samples = np.concatenate(parts).astype(np.float32, copy=False) if parts else np.empty(0, np.float32)
    return np.clip(np.nan_to_num(samples, copy=False, posinf=1.0, neginf=-1.0), -1.0, 1.0)


def mix(placed: Iterable[Placed[av.AudioFrame]]) -> Iterator[Run]:
    """Mono samples at 16 kHz; where the clock leaps or the format changes, the number of the next sample is told."""
    mixer: Mixer | None = None
    for one in placed:
        if mixer is None or not mixer.continues(one):
            if mixer is not None:
                yield None, mixer.flush()
            mixer = Mixer(one)
            yield round(one.time * SAMPLE_RATE), np.empty(0, np.float32)
        yield None, mixer.mix(one)
    if mixer is not None:
        yield None, mixer.flush()


# --- arithmetic of samples -----------------------------------------------------------------------------


def align(runs: Iterable[Run], log: DecodeLog) -> Iterator[Samples]:
    """Samples from number 0 on without gap: what is missing is silence, what overlaps is dropped.

    Silence after the first sound is counted in `log`; before it, the sound just starts late.
    """
    told, surplus = 0, 0
    for number, samples in runs:
        if number is not None:
            missing, surplus = max(0, number - told), max(0, told - number)
            log.filled_seconds += missing / SAMPLE_RATE if told else 0.0
            told += missing
            yield from silence(missing)
        fresh = samples[surplus:]
        surplus -= len(samples) - len(fresh)
        told += len(fresh)
        if len(fresh):
            yield fresh


def silence(count: int) -> Iterator[Samples]:
    """`count` zeros, at most a block at a time."""
    for done in range(0, count, BLOCK):
        yield np.zeros(min(BLOCK, count - done), np.float32)


def skip(runs: Iterable[Samples], count: int) -> Iterator[Samples]:
    """The samples after the first `count`."""
    for samples in runs:
        dropped = min(count, len(samples))
        count -= dropped
        if dropped < len(samples):
            yield samples[dropped:]


def reblock(runs: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Cut runs of any length into blocks of exactly `size` samples; the last one may be shorter."""
    block, filled = np.empty(size, np.float32), 0
    for run in runs:
        rest = run
        while len(rest):
            taken = min(size - filled, len(rest))
            block[filled : filled + taken] = rest[:taken]
            rest, filled = rest[taken:], filled + taken
            if filled == size:
                yield block
                block, filled = np.empty(size, np.float32), 0
    if filled:
        yield block[:filled]
