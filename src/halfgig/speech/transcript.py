"""Segments on the source's clock, in order: what the recogniser heard window by window, stitched together. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from halfgig.records import Seconds, Segment
    from halfgig.speech.windows import Window

    # A window comes back in the parts that it was heard in, each with its segments in the part's own time.
    Parts: TypeAlias = Sequence[tuple[Window, Sequence[Segment]]]

ECHOES = 2  # times that a segment may repeat the one before it, word for word
LONGEST_LOOP = 12  # words of a run that is looked for when a text repeats itself
LOOPS = 4  # times in a row that a run of words must stand to be a loop and not emphasis,
LEAST_LOOP = 8  # and words that it must fill by that: a person may well say one word five times


@dataclass(frozen=True, slots=True)
class Seam:
    """Where the transcript of the windows so far ends, and all that the next one must know to go on from there.

    `position` is where the last window ends, `last` where the last segment does; `text` is what was said last, and
    `echoes` how often in a row before that, in the part of the source that has the number `part`. Times are seconds on
    the source's clock.
    """

    position: Seconds = 0.0
    last: Seconds = 0.0
    text: str = ""
    echoes: int = 0
    part: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """The segments of one window, and the seam behind them."""

    segments: tuple[Segment, ...]
    seam: Seam


def stitch(heard: Iterable[tuple[Window, Parts]], seam: Seam | None = None) -> Iterator[Stretch]:
    """A stretch for each window, with its segments on the source's clock; goes on from `seam`.

    Loops and echoes of the decoder are cut, and times never run backwards. With each part of the source it begins anew.
    """
    seam = seam or Seam()
    for window, parts in heard:
        if window.part_number != seam.part:
            seam = Seam(part=window.part_number)
        segments: list[Segment] = []
        for part, said in parts:
            for segment in said:
                seam, kept = _join(segment, part, seam)
                segments += kept
        seam = replace(seam, position=window.end)
        yield Stretch(tuple(segments), seam)


def _join(segment: Segment, part: Window, seam: Seam) -> tuple[Seam, list[Segment]]:
    """The seam after one more segment, and the segment itself unless it is an echo too many."""
    moved = cut_loops(_moved(segment, part, seam.last))
    echoes = seam.echoes + 1 if moved.text == seam.text else 0
    if echoes >= ECHOES:
        return replace(seam, text=moved.text, echoes=echoes), []
    return replace(seam, last=moved.end, text=moved.text, echoes=echoes), [moved]


def cut_loops(segment: Segment) -> Segment:
    """A run of up to LONGEST_LOOP words is kept once where it stands LOOPS times in a row, over LEAST_LOOP words."""
    words = segment.text.split()
    kept = _without_loops(words)
    if len(kept) == len(words):
        return segment
    timed = tuple(segment.words[i] for i in kept) if len(segment.words) == len(words) else ()
    return replace(segment, text=" ".join(words[i] for i in kept), words=timed)


def _without_loops(words: list[str]) -> list[int]:
    kept: list[int] = []
    i = 0
    while i < len(words):
        size, times = _loop_at(words, i)
        kept.extend(range(i, i + size))
        i += size * times
    return kept


def _loop_at(words: list[str], at: int) -> tuple[int, int]:
    for size in range(1, min(LONGEST_LOOP, (len(words) - at) // LOOPS) + 1):
        run, times = words[at : at + size], 1
        while words[at + size * times : at + size * (times + 1)] == run:
            times += 1
        if times >= LOOPS and times * size >= LEAST_LOOP:
            return size, times
    return 1, 1


def _moved(segment: Segment, window: Window, earliest: Seconds) -> Segment:
    start = max(earliest, window.source_time(segment.start))
    end = max(start, window.source_time(segment.end, ending=True))
    words = []
    for word in segment.words:
        word_start = min(max(start, window.source_time(word.start)), end)
        word_end = min(max(word_start, window.source_time(word.end, ending=True)), end)
        words.append(replace(word, start=round(word_start, 3), end=round(word_end, 3)))
    return replace(segment, start=round(start, 3), end=round(end, 3), words=tuple(words))
