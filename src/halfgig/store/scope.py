"""A scope as SQL: which sources it means by id, name, language, tag and day."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from halfgig.records import Scope

MOST_TAG = 64  # characters

# Four characters of an id may name a source. (What tells the names may have an id of its own.)
NAMED = """EXISTS (SELECT 1 FROM ({each[?]}) AS named WHERE value IN (sources.id, address, title)
 OR (length(value) >= 4 AND substr(sources.id, 1, length(value)) = lower(value)))"""
_SPOKEN = "language IN ({each[?]})"
_TAGGED = "id IN (SELECT source_id FROM tags WHERE tag IN ({each[?]}))"
_SINCE = "substr(added_at, 1, 10) >= ?"
_UNTIL = "substr(added_at, 1, 10) <= ?"


def source_conditions(scope: Scope) -> tuple[str, list[str]]:
    """The SQL condition of the sources that a scope means, to be spelt, empty where it means all, and its values.

    BadRequest for a day that is none.
    """
    parts = [
        *((condition, as_list(values)) for condition, values in _lists(scope) if values),
        *((condition, check_day(day)) for condition, day in ((_SINCE, scope.since), (_UNTIL, scope.until)) if day),
    ]
    return " AND ".join(condition for condition, _ in parts), [value for _, value in parts]


def _lists(scope: Scope) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (NAMED, scope.sources), (_SPOKEN, scope.languages), (_TAGGED, tuple(map(check_tag, scope.tags)))


def as_list(texts: Iterable[str]) -> str:
    """Texts as the statements here take them: JSON without what a database cannot hold."""
    return json.dumps([text.encode("utf-8", "replace").decode().replace("\0", "\ufffd") for text in texts])


def check_day(text: str) -> str:
    """The day as YYYY-MM-DD; BadRequest where it is none."""
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise BadRequest(f"{text} is no day.", "Give one as 2026-01-31.") from None


def check_tag(tag: str) -> str:
    """The tag without space around it, in lower case; BadRequest where nothing is left of it, or it is too long."""
    told = tag.strip().lower()
    if not 1 <= len(told) <= MOST_TAG:
        raise BadRequest(f"{tag!r} is no tag.", f"Give a word of 1 to {MOST_TAG} characters.")
    return told
