"""Passages: overlapping stretches of a transcript, cut at sentences where there are any, sized for one vector."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from halfgig.records import Passage, Segment, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from halfgig.records import Seconds

# Weights are counted in half words, because a character of a script without spaces counts as half a word.
WORD = 2
MAX_PASSAGE = 120 * WORD  # about 160 wordpieces, inside the 256 that the embedder sees
ENOUGH = 80 * WORD  # a passage this long ends at the next sentence
MAX_SENTENCE = 60 * WORD  # longer runs without punctuation are cut here,
SOFT_SENTENCE = 25 * WORD  # or at the end of a segment, once they are this long
MAX_OVERLAP = 30 * WORD  # whole sentences that two neighbours share
CUT_OVERLAP = 20 * WORD  # what they share where the last sentence alone is longer than that
LONG_SILENCE = 15.0  # seconds without speech after which the subject may have changed
MAX_LETTERS = 60  # of one word; longer runs (a spelled-out address, noise) are cut

# Han, kana, Thai, Lao, Burmese and Khmer are written without spaces.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}\U00020000-\U0003ffff]")
_TOKEN = re.compile(
    rf"(\s*)([{UNSPACED}\U00020000-\U0003ffff][、。！？，．：；」』）]*"
    rf"|[^\s{UNSPACED}\U00020000-\U0003ffff]{{1,{MAX_LETTERS}}})"
)
_SENTENCE_END = re.compile(r"[.!?…。！？।؟][\"'”’»)\]」』）]*$")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word, or a character where words are not told apart by spaces; `text` keeps its leading space."""

    start: Seconds
    end: Seconds
    text: str
    weight: int
    closes: bool = False  # it is the last of its segment


def make_passages(segments: Iterable[Segment]) -> Iterator[Passage]:
    """Yield passages of about 40 to 120 words, numbered from 0, each sharing about a sentence with the one before.

    A silence of more than 15 s starts a passage afresh. Times come from the words where the segments have them,
    and are spread by length over the segment where not; they never decrease. Holds one passage and one segment.
    """
    for number, run in enumerate(_runs(_sentences(_pieces(segments)))):
        yield Passage(number, run[0].start, max(piece.end for piece in run), "".join(p.text for p in run).strip())


def _pieces(segments: Iterable[Segment]) -> Iterator[_Piece]:
    """Cut segments into pieces whose times never decrease, whatever the segments' own times do."""
    clock = 0.0
    for segment in segments:
        ahead: _Piece | None = None
        for span in _spans(segment):
            for piece in _spread(span, clock):
                clock = piece.start
                if ahead is not None:
                    yield ahead
                ahead = piece
        if ahead is not None:
            yield _Piece(ahead.start, ahead.end, ahead.text, ahead.weight, closes=True)


def _spans(segment: Segment) -> Iterator[Word]:
    """Yield the segment's words where they say the same as its text, else the whole segment as one span."""
    text = segment.text.strip()
    timed = "".join(word.text for word in segment.words)
    if "".join(timed.split()) == "".join(text.split()) and text:
        yield from segment.words
    else:
        yield Word(segment.start, segment.end, _lead(text) + text, 1.0)


def _lead(text: str) -> str:
    return "" if UNSPACED_CHARACTER.match(text) else " "


def _spread(span: Word, earliest: Seconds) -> Iterator[_Piece]:
    """Yield the pieces of a span, its time spread over them by their number of characters."""
    start, end = max(span.start, earliest), max(span.end, span.start, earliest)
    size = max(len(span.text.rstrip()), 1)
    for token in _TOKEN.finditer(span.text):
        space, body = token.groups()
        weight = 1 if UNSPACED_CHARACTER.match(body) else WORD
        begins, ends = (min(end, start + (end - start) * place / size) for place in token.span())  # rounding adds up
        yield _Piece(begins, ends, (" " if space else "") + body, weight)


def _sentences(pieces: Iterable[_Piece]) -> Iterator[list[_Piece]]:
    """Group pieces into sentences: by punctuation, else at a segment's end or at the longest allowed."""
    sentence: list[_Piece] = []
    for piece in pieces:
        if sentence and piece.start - sentence[-1].end > LONG_SILENCE:
            yield sentence
            sentence = []
        sentence.append(piece)
        if _ends_sentence(piece, _weight(sentence)):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _ends_sentence(piece: _Piece, weight: int) -> bool:
    soft = piece.closes and weight >= SOFT_SENTENCE
    return soft or weight >= MAX_SENTENCE or ends_sentence(piece.text)


def ends_sentence(text: str) -> bool:
    """Whether the text ends with a mark that ends a sentence."""
    return _SENTENCE_END.search(text) is not None


def _runs(sentences: Iterable[list[_Piece]]) -> Iterator[list[_Piece]]:
    """Pack sentences into runs; after each the next begins with its tail, unless a long silence lies between."""
    run: list[_Piece] = []
    for sentence in sentences:
        silent = bool(run) and sentence[0].start - run[-1].end > LONG_SILENCE
        if run and (silent or _weight(run) >= ENOUGH or _weight(run) + _weight(sentence) > MAX_PASSAGE):
            yield run
            run = [] if silent else _tail(run)
        run = run + sentence
    if run:
        yield run


def _tail(run: Sequence[_Piece]) -> list[_Piece]:
    """What a passage hands on to the next: its last sentences, else segments, that fit, else its last words."""
    near = _last(run, MAX_OVERLAP)
    before = [piece for piece, _ in pairwise(run[near - 1 :])]
    sentences = [near + n for n, piece in enumerate(before) if ends_sentence(piece.text)]
    segments = [near + n for n, piece in enumerate(before) if piece.closes]
    first = next(iter([*sentences, *segments]), _last(run, CUT_OVERLAP))
    return list(run[first:])


def _last(run: Sequence[_Piece], weight: int) -> int:
    """Where the last pieces of no more than this weight begin; never at the first."""
    first, held = len(run), 0
    while first > 1 and held + run[first - 1].weight <= weight:
        first -= 1
        held += run[first].weight
    return first


def _weight(pieces: Iterable[_Piece]) -> int:
    return sum(piece.weight for piece in pieces)
