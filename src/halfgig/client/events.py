"""Server-Sent Events as the WHATWG describes them, from the lines of a stream. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_LINES = 1000  # of one event


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that a job tells: state, segment, rep, note or progress. `id` is None where it cannot be replayed."""

    type: str
    data: dict[str, Any]
    id: int | None = None


def parse_events(lines: Iterable[bytes]) -> Iterator[JobEvent]:
    """The events of a stream; one that is cut off at its end is dropped, as are those that hold no JSON object."""
    fields: list[tuple[str, str]] = []
    for line in lines:
        text = line.decode(errors="replace").rstrip("\r\n")
        if text and len(fields) < MOST_LINES:
            name, _, value = text.partition(":")
            fields.append((name, value.removeprefix(" ")))
        elif fields:
            yield from _event(fields)
            fields = []


def _event(fields: list[tuple[str, str]]) -> Iterator[JobEvent]:
    told = dict(fields)
    try:
        data = json.loads("\n".join(value for name, value in fields if name == "data"))
    except (ValueError, RecursionError):
        return
    if isinstance(data, dict):
        number = told.get("id", "")
        yield JobEvent(told.get("event", "message"), data, int(number) if number.isdecimal() else None)
