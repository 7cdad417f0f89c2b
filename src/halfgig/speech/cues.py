"""Captions that somebody has made already, SubRip or WebVTT, read as segments. Pure.

Forgiving, as players are: numbers, names, settings, notes and styles are passed over, markup and entities become text,
and a line that the caption before has shown already (as in captions that roll up) is not said again.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from halfgig.records import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from halfgig.records import Seconds

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"^\s*{_TIME}\s*-{{1,2}}>\s*{_TIME}(?:\s|$)")
_ASIDE = re.compile(r"^(NOTE|STYLE|REGION)(\s|$)")
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")  # <i>, <c.red>, <00:00:01.000>, {\an8}


def read_cues(text: str) -> Iterator[Segment]:
    """Yield the captions of a file as segments, in the order of their starts; none where it holds none."""
    cues = sorted(_cues(text.lstrip("\ufeff").splitlines()), key=lambda cue: cue[0])
    shown: list[str] = []
    for start, end, lines in cues:
        fresh = [line for line in lines if line not in shown]
        if fresh:
            yield Segment(start, max(start, end), " " + " ".join(fresh))
        shown = lines


def _cues(lines: Iterable[str]) -> Iterator[tuple[Seconds, Seconds, list[str]]]:
    """Yield times and lines of text of each caption. A line of times begins one, an empty line ends it."""
    times: tuple[Seconds, Seconds] | None = None
    said: list[str] = []
    for line in lines:
        found = _TIMES.match(line)
        if found is None and line.strip():
            said.append(line)
            continue
        if times is not None and said:
            yield *times, _spoken(said[:-1] if found and _is_number(said[-1]) else said)
        said, times = [], _both(found) if found else None
    if times is not None and said:
        yield *times, _spoken(said)


def _is_number(line: str) -> bool:
    """Whether a line before times is the next caption's number, for want of an empty line."""
    return line.strip().isdigit()


def _both(found: re.Match[str]) -> tuple[Seconds, Seconds]:
    parts = found.groups()
    return _seconds(*parts[:4]), _seconds(*parts[4:])


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> Seconds:
    return 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds) + float(f"0.{fraction or 0}")


def _spoken(lines: Iterable[str]) -> list[str]:
    """The lines as they are spoken: without markup, spaces made one; what is a note or a style says nothing."""
    kept = list(lines)
    if kept and _ASIDE.match(kept[0]):
        return []
    told = (" ".join(html.unescape(_MARKUP.sub("", line)).split()) for line in kept)
    return [line for line in told if line]
