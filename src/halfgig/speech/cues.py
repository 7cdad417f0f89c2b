"""Captions that somebody has made already, SubRip or WebVTT, read as segments. Pure.

Forgiving, as players are: numbers, names, settings, notes and styles are passed over, markup and entities become text,
and lines that captions which roll up show again above new ones are not said again.
"""

from __future__ import annotations

import html
import re
from math import inf
from typing import TYPE_CHECKING

from halfgig.records import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from halfgig.records import Seconds

    Cue: TypeAlias = tuple[Seconds, Seconds, list[str]]  # when it comes and goes, and its lines

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMES = re.compile(rf"^\s*{_TIME}\s*-{{1,2}}>\s*{_TIME}(?:\s|$)")
_ASIDE = re.compile(r"^(NOTE|STYLE|REGION)(\s|$)")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|<\d+:[\d:.]+>|\{\\[^{}]*\}")  # <i>, <c.red>, <00:00:01.000>, {\an8}
SOON: Seconds = 0.5  # after the end of a caption, the next may still show its lines
BLINK: Seconds = 0.05  # nothing is said in it: between two captions that roll up, YouTube has one of 0.01


def read_cues(text: str) -> Iterator[Segment]:
    """Yield the captions of a file as segments, in the order of their starts; none where it holds none."""
    before: Cue = (-inf, -inf, [])
    for cue in sorted(_cues(text.lstrip("\ufeff").splitlines()), key=lambda cue: cue[0]):
        start, end, _ = cue
        if fresh := _fresh(cue, before):
            yield Segment(start, max(start, end), " " + " ".join(fresh))
        before = cue


def _fresh(cue: Cue, before: Cue) -> list[str]:
    """The lines that are said anew: not those which captions that roll up keep above a new one.

    The same caption after the one before is over is said again, unless it is too short for that.
    """
    (start, end, lines), (_, over, shown) = cue, before
    again = lines == shown and start >= over and end - start > BLINK
    return lines if again or start > over + SOON else lines[_kept(shown, lines) :]


def _kept(shown: list[str], lines: list[str]) -> int:
    """How many lines that were shown last are now the first."""
    return max(n for n in range(len(lines) + 1) if lines[:n] == shown[len(shown) - n :])


def _cues(lines: Iterable[str]) -> Iterator[Cue]:
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
