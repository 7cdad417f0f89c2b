"""Text tokens with times become words. Pure.

The times come from Whisper's own attention: dynamic time warping over its alignment heads, which CTranslate2 does.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from halfgig.records import Word
from halfgig.speech.tokens import decode, is_special

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from halfgig.records import Seconds, Segment
    from halfgig.speech.segments import Decoding

SECONDS_PER_STEP = 0.02  # one encoder position
SPACE = "Ġ"  # how byte-level BPE writes a space
WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue", "km", "bo"})


@dataclass(frozen=True, slots=True)
class Alignment:
    """When one text token was spoken, in the window's own time, and its probability."""

    start: Seconds
    end: Seconds
    probability: float


def token_times(path: Iterable[tuple[int, int]], probabilities: Sequence[float]) -> list[Alignment]:
    """Times of tokens from a warping path of (token, step) pairs; a token lasts until the next one starts."""
    starts: dict[int, int] = {}
    last = 0
    for token, step in path:
        starts.setdefault(token, step)
        last = max(last, step)
    times = [starts.get(i, last) * SECONDS_PER_STEP for i in range(len(probabilities) + 1)]
    return [Alignment(times[i], max(times[i], times[i + 1]), float(p)) for i, p in enumerate(probabilities)]


def with_words(
    segments: Iterable[Segment], decoding: Decoding, alignments: Sequence[Alignment], language: str
) -> list[Segment]:
    """Segments with their words; a segment's start and end move to its first and last word."""
    texts = [(n, token) for n, token in zip(decoding.ids, decoding.tokens, strict=True) if not is_special(token)]
    ids, tokens = [n for n, _ in texts], [token for _, token in texts]
    out, at = [], 0
    for segment in segments:
        at = _find(segment.tokens, ids, at)
        span = slice(at, at + len(segment.tokens))
        words = tuple(make_words(tokens[span], alignments[span], spaced=language not in WITHOUT_SPACES))
        out.append(_fitted(segment, words))
        at = span.stop
    return out


def _find(run: Sequence[int], ids: Sequence[int], at: int) -> int:
    """Where a segment's tokens stand: at `at` or later, as the tokens of a piece without length are in no segment."""
    return next(i for i in range(at, len(ids)) if tuple(ids[i : i + len(run)]) == tuple(run))


def make_words(tokens: Sequence[str], alignments: Sequence[Alignment], *, spaced: bool) -> Iterator[Word]:
    """Words of a run of text tokens: cut at spaces, or where scripts have none, at whole characters."""
    for first, last in _bounds(tokens, spaced=spaced):
        inside = alignments[first:last]
        text = decode(tokens[first:last])
        if inside and text.strip():
            mean = sum(one.probability for one in inside) / len(inside)
            yield Word(inside[0].start, inside[-1].end, text, mean)


def _bounds(tokens: Sequence[str], *, spaced: bool) -> Iterator[tuple[int, int]]:
    first = 0
    for i in range(1, len(tokens)):
        if _starts_word(tokens[first:i], tokens[i], spaced=spaced):
            yield first, i
            first = i
    if tokens:
        yield first, len(tokens)


def _starts_word(before: Sequence[str], token: str, *, spaced: bool) -> bool:
    if spaced:
        return token.startswith(SPACE)
    text = decode([token])
    whole = "\ufffd" not in decode(before) and "\ufffd" not in text
    return whole and not all(unicodedata.category(c).startswith("P") for c in text)


def _fitted(segment: Segment, words: tuple[Word, ...]) -> Segment:
    if not words:
        return segment
    return replace(segment, start=words[0].start, end=max(words[-1].end, words[0].start), words=words)
