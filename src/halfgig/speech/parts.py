"""Parts of a long source, each heard as if nothing were before it, cut in the longest silence near each quarter hour.

So a part's text depends on its own sound only, and is the same whoever hears it, alone or after others. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import TYPE_CHECKING

import numpy as np

from halfgig.records import SAMPLE_RATE
from halfgig.speech.vad import CHUNK, ScoredBlock, detect_speech
from halfgig.speech.windows import FAINT, QUIET, find_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from halfgig.records import Samples, Seconds
    from halfgig.speech.vad import VoiceDetector
    from halfgig.speech.windows import Window

PART: Seconds = 900.0
NEAR: Seconds = 30.0  # from where a part would end by the clock to where it may end, at the most
RUN_UP: Seconds = 5.0  # of sound that the detector hears before it is believed


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of about `length` seconds, 10 or more: from number `first` to the one before `until`, or to the last."""

    length: Seconds = PART
    first: int = 0
    until: int | None = None

    def ends(self, part: int) -> Seconds:
        """Where a part would end by the clock."""
        return (part + 1) * self.length

    @property
    def near(self) -> Seconds:
        """How far from there it may end."""
        return min(NEAR, self.length / 4)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Samples of one part, (n,), of which the first is number `start` in the source."""

    samples: Samples
    part: int
    start: int


def cut_into_parts(blocks: Iterable[Samples], detector: VoiceDetector, parts: Parts) -> Iterator[Piece]:
    """The pieces of the wanted parts, and of those before them empty ones, which tell how far it is.

    `blocks` begin with the source; a minute of sound is held back at each cut.

    A part begins and ends where it does whichever are wanted, as long as the blocks are the same. It ends with the
    source where less than `near` seconds follow its end by the clock.
    """
    part, at = max(0, parts.first - 1), 0
    held: list[Piece] = []
    for block in blocks:
        piece, at = Piece(block, part, at), at + len(block)
        if at <= round((parts.ends(part) - parts.near - RUN_UP) * SAMPLE_RATE):
            yield from _wanted([piece], parts)
            continue
        held.append(piece)
        if at >= round((parts.ends(part) + parts.near) * SAMPLE_RATE):
            cut = find_cut(held, detector, parts)
            part += 1
            yield from _wanted(_divided(held, cut), parts)
            held = []
            if part == parts.until:
                return
    yield from _wanted(held, parts)


def find_cut(held: Sequence[Piece], detector: VoiceDetector, parts: Parts) -> int:
    """The sample, at the border of a chunk, at which the part of these pieces ends."""
    scored = detect_speech((piece.samples for piece in held), detector)
    probabilities = np.concatenate([block.probabilities for block in scored])
    begin, least = held[0].start, (parts.ends(held[0].part) - parts.near) * SAMPLE_RATE
    first = max(0, round((least - begin) / CHUNK))
    chunk = first + middle_of_silence(probabilities[first:])
    return round((begin + chunk * CHUNK) / CHUNK) * CHUNK


def middle_of_silence(probabilities: NDArray[np.float32]) -> int:
    """The middle of the longest run of chunks, (n,), in which nobody speaks; else the quietest moment."""
    quiet = np.concatenate([[False], probabilities < FAINT, [False]])
    borders = np.flatnonzero(quiet[1:] != quiet[:-1])
    if not len(borders):
        beyond = np.pad(probabilities, QUIET, mode="edge")
        return int(np.argmin(np.convolve(beyond, np.ones(QUIET) / QUIET, mode="same")[QUIET:-QUIET]))
    begins, ends = borders[::2], borders[1::2]
    longest = int(np.argmax(ends - begins))
    return int(begins[longest] + ends[longest]) // 2


def score_parts(pieces: Iterable[Piece], detector: VoiceDetector) -> Iterator[ScoredBlock]:
    """Speech probabilities of the pieces; the detector begins anew with each part. An empty one has an empty block."""
    for part, group in groupby(pieces, key=lambda piece: piece.part):
        first = next(group)
        at = first.start
        if not len(first.samples):
            yield from (_passed(piece) for piece in chain([first], group))
            continue
        for scored in detect_speech((piece.samples for piece in chain([first], group)), detector):
            yield replace(scored, part=part, start=at)
            at += len(scored.samples)


def find_windows_of_parts(scored: Iterable[ScoredBlock]) -> Iterator[Window]:
    """Windows of speech; none reaches from one part into the next."""
    for part, group in groupby(scored, key=lambda block: block.part):
        for window in find_windows(group):
            yield replace(window, part_number=part)


def _divided(held: Sequence[Piece], cut: int) -> Iterator[Piece]:
    """The same sound, the samples from number `cut` on as the next part."""
    for piece in held:
        before = max(0, min(cut - piece.start, len(piece.samples)))
        yield replace(piece, samples=piece.samples[:before])
        yield Piece(piece.samples[before:], piece.part + 1, piece.start + before)


def _wanted(pieces: Iterable[Piece], parts: Parts) -> Iterator[Piece]:
    for piece in pieces:
        if len(piece.samples) and (parts.until is None or piece.part < parts.until):
            yield piece if piece.part >= parts.first else _emptied(piece)


def _emptied(piece: Piece) -> Piece:
    return replace(piece, samples=piece.samples[:0], start=piece.start + len(piece.samples))


def _passed(piece: Piece) -> ScoredBlock:
    return ScoredBlock(piece.samples, np.empty(0, np.float32), piece.part, piece.start)
