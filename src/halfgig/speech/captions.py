"""A transcript in the formats that other software reads, piece by piece as its segments arrive. Pure.

`json` and `verbose_json` follow OpenAI's audio API, `tsv` Whisper's own (milliseconds), SRT and WebVTT their players.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from halfgig.records import Seconds, Segment, Word

    Closing: TypeAlias = Callable[[], "Facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a transcript once it is whole. `task` is transcribe or translate; `language` is a code."""

    task: str
    language: str
    duration: Seconds


def render(segments: Iterable[Segment], form: str, closing: Closing) -> Iterator[str]:
    """Pieces of text that make the whole transcript in `form`, one of FORMATS; `closing` is asked after the last."""
    yield from FORMATS[form](segments, closing)


def text_lines(segments: Iterable[Segment], closing: Closing) -> Iterator[str]:  # noqa: ARG001  # one shape for all
    """Plain text, a line for each segment."""
    for segment in segments:
        yield f"{_line(segment.text)}\n"


def json_text(segments: Iterable[Segment], closing: Closing) -> Iterator[str]:  # noqa: ARG001
    """OpenAI's `json`: the text alone."""
    yield _json({"text": " ".join(segment.text for segment in segments)}) + "\n"


def verbose_json(segments: Iterable[Segment], closing: Closing) -> Iterator[str]:
    """OpenAI's `verbose_json`; words stand there only where they were asked for."""
    texts: list[str] = []
    words: list[str] = []
    yield '{"segments": ['
    for number, segment in enumerate(segments):
        texts.append(segment.text)
        words.extend(_json(_word(word)) for word in segment.words)
        yield (",\n" if number else "\n") + _json(_segment(number, segment))
    yield "\n]"
    if words:
        yield ', "words": [\n' + ",\n".join(words) + "\n]"
    facts = closing()
    told = {
        "task": facts.task,
        "language": facts.language,
        "duration": round(facts.duration, 3),
        "text": " ".join(texts),
    }
    yield ", " + _json(told)[1:] + "\n"


def srt(segments: Iterable[Segment], closing: Closing) -> Iterator[str]:  # noqa: ARG001
    """SubRip captions; an arrow in the text is shortened, as it would be read as a time line."""
    for number, segment in enumerate(segments, 1):
        start, end = clock(segment.start, ","), clock(segment.end, ",")
        yield f"{number}\n{start} --> {end}\n{_line(segment.text).replace('-->', '->')}\n\n"


def vtt(segments: Iterable[Segment], closing: Closing) -> Iterator[str]:  # noqa: ARG001
    """WebVTT captions."""
    yield "WEBVTT\n\n"
    for segment in segments:
        text = html.escape(_line(segment.text), quote=False)  # an arrow too, which would be read as a time line
        yield f"{clock(segment.start, '.')} --> {clock(segment.end, '.')}\n{text}\n\n"


def tsv(segments: Iterable[Segment], closing: Closing) -> Iterator[str]:  # noqa: ARG001
    """Tab-separated start and end in milliseconds, and text."""
    yield "start\tend\ttext\n"
    for segment in segments:
        yield f"{round(segment.start * 1000)}\t{round(segment.end * 1000)}\t{_line(segment.text)}\n"


FORMATS: dict[str, Callable[[Iterable[Segment], Closing], Iterator[str]]] = {
    "txt": text_lines,
    "json": json_text,
    "verbose_json": verbose_json,
    "srt": srt,
    "vtt": vtt,
    "tsv": tsv,
}


def clock(seconds: Seconds, mark: str) -> str:
    """`hh:mm:ss` and milliseconds after `mark`."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}{mark}{milliseconds:03d}"


def _line(text: str) -> str:
    """The text on one line: a break or a tab would end the caption or the field."""
    return " ".join(text.split())


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": 0,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": segment.tokens,
        "temperature": segment.temperature,
        "avg_logprob": round(segment.avg_logprob, 4),
        "compression_ratio": round(segment.compression_ratio, 4),
        "no_speech_prob": round(segment.no_speech_prob, 4),
    }


def _word(word: Word) -> dict[str, Any]:
    return {"word": word.text.strip(), "start": word.start, "end": word.end, "probability": round(word.probability, 4)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
