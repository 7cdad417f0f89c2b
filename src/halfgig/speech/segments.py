"""One decoded window becomes segments, and is judged: does the text account for the speech? Pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from halfgig.records import Segment
from halfgig.speech.tokens import decode, is_special, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.records import Seconds
    from halfgig.speech.windows import Window

LOOPING = 2.4  # text that gzip shrinks more than this repeats itself (the threshold of the Whisper paper)
UNSURE = -1.0  # mean log probability of a token below which Whisper's own decoding tries again
FREE = -2.0  # the same for translations, of which the decoder is never as sure
SILENT = 0.6  # no-speech probability above which an unsure decoding is taken for silence
SPARSE = 4.0  # bytes of text per second of speech; people speak 12 to 25 in any language and script
UNHEARD = 1.5  # seconds of speech after the last timestamp that the decoder has skipped


@dataclass(frozen=True, slots=True)
class Decoding:
    """What the decoder made of one window: its tokens as text and as ids, and its own figures for them.

    A mean log probability below `least_logprob` is a guess.
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    temperature: float = 0.0
    least_logprob: float = UNSURE

    @property
    def text(self) -> str:
        """The text without marks."""
        return decode(self.tokens).strip()

    @property
    def compression_ratio(self) -> float:
        """How many times zlib shrinks the text; 0 without text."""
        return compression_ratio(self.text)

    @property
    def is_silence(self) -> bool:
        """Whether the decoder heard nobody and was not sure of what it wrote."""
        return self.no_speech_prob > SILENT and self.avg_logprob < UNSURE

    @property
    def is_looping(self) -> bool:
        """Whether the text repeats itself."""
        return self.compression_ratio > LOOPING

    @property
    def is_sound(self) -> bool:
        """Whether the text neither loops nor guesses."""
        return not self.is_looping and self.avg_logprob >= self.least_logprob


def compression_ratio(text: str) -> float:
    """How many times zlib shrinks a text; 0 for none."""
    content = text.encode()
    return len(content) / len(zlib.compress(content)) if content else 0.0


def accounts_for(window: Window, segments: Sequence[Segment]) -> bool:
    """Whether segments, in the window's own time, cover its speech at a rate at which people speak."""
    last = max((segment.end for segment in segments), default=0.0)
    if window.spoken(last) > UNHEARD:
        return False
    return not any(_is_sparse(window, segment) for segment in segments)


def split_segments(decoding: Decoding, duration: Seconds) -> Iterator[Segment]:
    """Segments of a decoding in the window's own time: timestamps stand around text."""
    start, first = 0.0, 0
    for i, token in enumerate(decoding.tokens):
        time = timestamp(token)
        if time is None:
            continue
        yield from _segment(decoding, first, i, start, min(time, duration))
        start, first = min(time, duration), i + 1
    yield from _segment(decoding, first, len(decoding.tokens), start, duration)


def fitted(segment: Segment, window: Window) -> Segment:
    """The segment and its words without the silence around them, which Whisper's own times include."""
    start, end = window.voiced(segment.start, segment.end)
    words = []
    for word in segment.words:
        begin, finish = window.voiced(max(word.start, start), max(start, min(word.end, end)))
        words.append(replace(word, start=begin, end=max(begin, finish)))
    return replace(segment, start=start, end=end, words=tuple(words))


def _segment(decoding: Decoding, first: int, last: int, start: Seconds, end: Seconds) -> Iterator[Segment]:
    tokens = decoding.tokens[first:last]
    text = decode(tokens).strip()
    if text and end > start:
        yield Segment(
            start=start,
            end=end,
            text=text,
            tokens=tuple(n for n, token in zip(decoding.ids[first:last], tokens, strict=True) if not is_special(token)),
            temperature=decoding.temperature,
            avg_logprob=decoding.avg_logprob,
            compression_ratio=decoding.compression_ratio,
            no_speech_prob=decoding.no_speech_prob,
        )


def _is_sparse(window: Window, segment: Segment) -> bool:
    spoken = window.spoken(segment.start, segment.end)
    return spoken > 2 and len(segment.text.encode()) < SPARSE * spoken
