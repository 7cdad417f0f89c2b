"""A scope as SQL: which sources it means by id, name, language, tag and day."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from halfgig.records import Scope

MOST_TAG = 64  # characters

# Four characters of an id may name a source. (json_each has an id of its own.)
NAMED = """EXISTS (SELECT 1 FROM json_each(?) WHERE value IN (sources.id, address, title)
 OR (length(value) >= 4 AND substr(sources.id, 1, length(value)) = lower(value)))"""
_SPOKEN = "language IN (SELECT value FROM json_each(?))"
_TAGGED = "id IN (SELECT source_id FROM tags WHERE tag IN (SELECT value FROM json_each(?)))"
_SINCE = "substr(added_at, 1, 10) >= ?"
_UNTIL = "substr(added_at, 1, 10) <= ?"


def source_conditions(scope: Scope) -> tuple[str, list[str]]:
    """The SQL condition of the sources that a scope means, empty where it means all, and its values.

    BadRequest for a day that is none.
    """
    parts = [
        *((condition, json.dumps(values)) for condition, values in _lists(scope) if values),
        *((condition, check_day(day)) for condition, day in ((_SINCE, scope.since), (_UNTIL, scope.until)) if day),
    ]
    return " AND ".join(condition for condition, _ in parts), [value for _, value in parts]


def _lists(scope: Scope) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (NAMED, scope.sources), (_SPOKEN, scope.languages), (_TAGGED, tuple(map(check_tag, scope.tags)))


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
