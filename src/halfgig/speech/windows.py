"""Windows of speech: silence is left out, and a window is cut where it is quietest. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from halfgig.records import SAMPLE_RATE
from halfgig.speech.vad import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from halfgig.records import Samples, Seconds
    from halfgig.speech.vad import ScoredBlock

CHUNKS_PER_SECOND = SAMPLE_RATE / CHUNK
FAINT = 0.35  # speech probability of the weak beginnings and ends of words
QUIET = 8  # chunks whose mean probability tells how quiet a moment is


@dataclass(frozen=True, slots=True)
class WindowShape:
    """How windows are cut: lengths in seconds, `onset` and `offset` speech probabilities."""

    longest: Seconds = 20.0
    lead: Seconds = 0.4  # silence kept before speech
    trail: Seconds = 1.0  # silence kept after speech
    least_speech: Seconds = 0.1  # a window with less is a click or a cough
    farthest: Seconds = 30.0  # a longer silence inside a window ends it
    onset: float = 0.5
    offset: float = FAINT


@dataclass(frozen=True, slots=True)
class Span:
    """`length` samples that stand at `at` in the window and came from `origin` in the source."""

    at: int
    origin: int
    length: int

    def clipped(self, first: int, last: int) -> Span:
        """What of it lies between two samples of the window, as seen by a window that starts at `first`."""
        start, end = max(self.at, first), min(self.at + self.length, last)
        return Span(start - first, self.origin + start - self.at, end - start)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of speech for the recogniser: mono 16 kHz samples, (n * CHUNK,), where in the source they came
    from, and the n speech probabilities of their chunks. `part_number` is that of its part of the source.
    """

    samples: Samples
    spans: tuple[Span, ...]
    probabilities: NDArray[np.float32]
    part_number: int = 0

    @property
    def start(self) -> Seconds:
        """Where the window starts on the source's clock."""
        return self.spans[0].origin / SAMPLE_RATE

    @property
    def end(self) -> Seconds:
        """Where the window ends on the source's clock."""
        return (self.spans[-1].origin + self.spans[-1].length) / SAMPLE_RATE

    @property
    def duration(self) -> Seconds:
        """Seconds of sound in the window; left-out silence does not count."""
        return len(self.samples) / SAMPLE_RATE

    def spoken(self, start: Seconds = 0.0, end: Seconds = math.inf) -> Seconds:
        """Seconds of speech between two moments of the window."""
        first, last = (min(len(self.probabilities), t * CHUNKS_PER_SECOND) for t in (start, end))
        return float(np.sum(self.probabilities[round(first) : round(last)] >= 0.5)) / CHUNKS_PER_SECOND

    def voiced(self, start: Seconds, end: Seconds) -> tuple[Seconds, Seconds]:
        """From where to where somebody speaks in a stretch of the window; the whole stretch where nobody does."""
        first = int(start * CHUNKS_PER_SECOND)
        loud = np.flatnonzero(self.probabilities[first : math.ceil(end * CHUNKS_PER_SECOND)] >= FAINT)
        if not len(loud):
            return start, end
        begin, finish = first + int(loud[0]), first + int(loud[-1]) + 1
        return max(start, begin / CHUNKS_PER_SECOND), min(end, finish / CHUNKS_PER_SECOND)

    def split(self) -> tuple[Window, Window]:
        """Two windows, cut where this one is quietest between its first and its last third."""
        numbers = np.concatenate([np.arange(s.length // CHUNK) + s.origin // CHUNK for s in self.spans])
        third = len(numbers) // 3
        cut = quietest(numbers[: len(numbers) - third], self.probabilities[: len(numbers) - third], third)
        return self.part(0, cut), self.part(cut, len(numbers))

    def part(self, first: int, last: int) -> Window:
        """The window's chunks from `first` up to `last`."""
        spans = (span.clipped(first * CHUNK, last * CHUNK) for span in self.spans)
        return Window(
            self.samples[first * CHUNK : last * CHUNK],
            tuple(span for span in spans if span.length > 0),
            self.probabilities[first:last],
        )

    def source_time(self, time: Seconds, *, ending: bool = False) -> Seconds:
        """Map seconds inside the window to the source's clock; an `ending` time stays before a left-out silence."""
        sample = max(time * SAMPLE_RATE, 0.0)
        for span in self.spans:
            past = sample - span.at - span.length
            if past < 0 or (ending and past == 0):
                return (span.origin + sample - span.at) / SAMPLE_RATE
        return self.end


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """One scored chunk: its number in the source, its samples, and its speech probability."""

    number: int
    samples: Samples
    probability: float


def find_windows(scored: Iterable[ScoredBlock], shape: WindowShape | None = None) -> Iterator[Window]:
    """Pack speech into windows of at most `shape.longest` seconds, each cut at its quietest late moment."""
    shape = shape or WindowShape()
    limit, farthest = round(shape.longest * CHUNKS_PER_SECOND), shape.farthest * CHUNKS_PER_SECOND
    kept: list[Chunk] = []
    for chunk in keep_speech(scored, shape):
        if kept and chunk.number - kept[-1].number > farthest:
            yield from _window(kept, shape)
            kept = []
        kept.append(chunk)
        if len(kept) >= limit:
            numbers, probabilities = _numbers(kept), _probabilities(kept)
            cut = quietest(numbers, probabilities, len(kept) // 2)
            yield from _window(kept[:cut], shape)
            kept = kept[cut:]
    yield from _window(kept, shape)


def keep_speech(scored: Iterable[ScoredBlock], shape: WindowShape) -> Iterator[Chunk]:
    """The chunks with speech, each run with `shape.lead` seconds before it and `shape.trail` seconds after it."""
    before: deque[Chunk] = deque(maxlen=round(shape.lead * CHUNKS_PER_SECOND))
    trail = round(shape.trail * CHUNKS_PER_SECOND)
    speaking, after = False, 0
    for chunk in _chunks(scored):
        speaking = chunk.probability >= (shape.offset if speaking else shape.onset)
        if speaking:
            yield from before
            before.clear()
            after = trail
            yield chunk
        elif after:
            after -= 1
            yield chunk
        else:
            before.append(chunk)


def quietest(numbers: NDArray[np.int64], probabilities: NDArray[np.float32], least: int) -> int:
    """Index to cut before, `least` or later: at left-out silence if there is one, else in the quietest quarter second.

    `numbers` and `probabilities` are (n,): the chunks' numbers in the source and their speech probabilities.
    """
    gaps = np.flatnonzero(np.diff(numbers)[least:] > 1)
    if len(gaps):
        return least + int(gaps[-1]) + 1
    smooth = np.convolve(probabilities, np.ones(QUIET) / QUIET, mode="same")[least : -QUIET // 2]
    return least + len(smooth) - 1 - int(np.argmin(smooth[::-1]))


def _chunks(scored: Iterable[ScoredBlock]) -> Iterator[Chunk]:
    number: int | None = None
    for block in scored:
        number = block.start // CHUNK if number is None else number
        for samples, probability in zip(block.samples.reshape(-1, CHUNK), block.probabilities, strict=True):
            yield Chunk(number, samples, float(probability))
            number += 1


def _window(chunks: Sequence[Chunk], shape: WindowShape) -> Iterator[Window]:
    spoken = sum(chunk.probability >= shape.onset for chunk in chunks)
    if spoken >= max(1.0, shape.least_speech * CHUNKS_PER_SECOND):
        samples = np.concatenate([chunk.samples for chunk in chunks])
        yield Window(samples, tuple(_spans(chunks)), _probabilities(chunks))


def _numbers(chunks: Sequence[Chunk]) -> NDArray[np.int64]:
    return np.array([chunk.number for chunk in chunks], np.int64)


def _probabilities(chunks: Sequence[Chunk]) -> NDArray[np.float32]:
    return np.array([chunk.probability for chunk in chunks], np.float32)


def _spans(chunks: Sequence[Chunk]) -> Iterator[Span]:
    first = 0
    for i in range(1, len(chunks) + 1):
        if i == len(chunks) or chunks[i].number != chunks[i - 1].number + 1:
            yield Span(first * CHUNK, chunks[first].number * CHUNK, (i - first) * CHUNK)
            first = i
