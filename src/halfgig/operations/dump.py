"""The library as lines of JSON, so that nobody is locked in: each source with all that is known of it.

The first line tells the version and the embedding model; then each source is a line, followed by those of what belongs
to it. Every line is an object with one member, which names what it is.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from array import array
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from halfgig.errors import BadRequest
from halfgig.operations.indexes import own_events, own_index
from halfgig.records import Passage, Segment, StoredSource, Word
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.reps import Event
from halfgig.store.edits import Edit, Edits
from halfgig.store.library import Library
from halfgig.store.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from halfgig.operations.indexes import Place
    from halfgig.records import Floats
    from halfgig.retrieval.index import Index
    from halfgig.store.database import Database

VERSION = 1
_NUMBERS = (
    "temperature",
    "avg_logprob",
    "compression_ratio",
    "no_speech_prob",
)  # of a segment, null where they are NaN


def dump(connection: Database, place: Place | None = None) -> Iterator[str]:
    """Yield the lines, each with its end. What the library holds when it begins is read in one transaction.

    `place` is where the index is, which is the library's own unless it is told. One outside is asked without holding a
    transaction, so that what is indexed meanwhile may be in it or not.
    """
    _opened(connection, place)  # makes what tables are missing, which a block that only reads cannot
    with nullcontext() if place and place.outside else connection.reading():
        index, library = _opened(connection, place), Library(connection)
        model = asdict(index.model) if index.model else None
        yield _line("library", {"version": VERSION, "model": model, "learnt": index.learnt()})
        for source in library.sources():
            yield from source_lines(connection, index, source)


def source_lines(connection: Database, index: Index, source: StoredSource) -> Iterator[str]:
    """Yield the lines of one source: all that is known of it, and of two that are the same the same."""
    yield _line("source", asdict(source))
    yield from (_line("segment", _told(segment)) for segment in Library(connection).segments(source.id))
    yield from (_line("passage", _row(*pair)) for pair in index.embedded(source.id))
    yield from (_line("event", asdict(event)) for event in own_events(connection).events(source.id))
    yield from (_line("edit", asdict(edit)) for edit in Edits(connection).all(source.id))
    report = Reports(connection).find(source.id)
    yield from () if report is None else (_line("report", report),)


def load(connection: Database, lines: Iterable[str], place: Place | None = None) -> int:
    """Put what the lines tell in the place of what the library has of the same sources; returns how many they are.

    Each source is put in place in one transaction; other sources stay. BadRequest for lines that are none of `dump`'s,
    or whose vectors are of another model than the library's.
    """
    told = _read(lines)
    nothing: tuple[str, dict[str, Any]] = ("nothing", {})
    kind, head = next(told, nothing)
    if kind != "library" or head.get("version") != VERSION:
        raise BadRequest("This is no export of a library that is known here.", "Export it with: halfgig library export")
    model = EmbeddingModel(**head["model"]) if head["model"] else None
    index = _opened(connection, place, model)
    if head["learnt"]:
        index.learn(lambda: head["learnt"])
    return sum(1 for _ in map(_Restoring(connection, index).put, _sources(told)))


def _opened(connection: Database, place: Place | None, model: EmbeddingModel | None = None) -> Index:
    return own_index(connection, model) if place is None else place.open(connection, model)


class _Restoring:
    """Puts one source after another in place."""

    def __init__(self, connection: Database, index: Index) -> None:
        self._connection, self._index = connection, index
        self._library, self._events = Library(connection), own_events(connection)

    def put(self, parts: dict[str, list[Any]]) -> None:
        (source,) = parts["source"]
        known = StoredSource(**{**source, "tags": tuple(source["tags"])})

        def restore() -> None:
            self._library.restore(known, map(_segment, parts.get("segment", [])))
            self._events.replace(known.id, (Event(**event) for event in parts.get("event", [])))
            Edits(self._connection).restore(known.id, (Edit(**edit) for edit in parts.get("edit", [])))
            for report in parts.get("report", []):
                Reports(self._connection).put(known.id, report)

        if "passage" in parts:
            self._index.replace(known.id, map(_pair, parts["passage"]), restore)
        else:
            self._index.remove(known.id, restore)


def _sources(told: Iterable[tuple[str, Any]]) -> Iterator[dict[str, list[Any]]]:
    """Yield each source with what belongs to it, by kind. Holds one source."""
    parts: dict[str, list[Any]] = {}
    for kind, value in told:
        if kind == "source" and parts:
            yield parts
            parts = {}
        if kind != "source" and not parts:
            raise _refused(f"a {kind} belongs to no source")
        parts.setdefault(kind, []).append(value)
    if parts:
        yield parts


def _read(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            ((kind, value),) = json.loads(line).items()
        except (ValueError, AttributeError, RecursionError) as error:
            raise _refused(f"line {number} is none of it") from error
        yield kind, value


def _refused(why: str) -> BadRequest:
    return BadRequest(f"This is no whole export of a library: {why}.", "Export it again: halfgig library export")


def _line(kind: str, value: Any) -> str:
    return json.dumps({kind: value}, ensure_ascii=False, separators=(",", ":")) + "\n"


def _told(segment: Segment) -> dict[str, Any]:
    told = {name: value for name, value in asdict(segment).items() if name not in _NUMBERS}
    numbers = {name: getattr(segment, name) for name in _NUMBERS}
    return told | {name: None if math.isnan(number) else number for name, number in numbers.items()}


def _segment(told: dict[str, Any]) -> Segment:
    numbers = {name: math.nan if told[name] is None else told[name] for name in _NUMBERS}
    words = tuple(Word(**word) for word in told["words"])
    return Segment(**{**told, **numbers, "words": words, "tokens": tuple(told["tokens"])})


def _row(passage: Passage, vector: Floats) -> dict[str, Any]:
    """The passage, its vector as base64 of float32, little-endian."""
    numbers = array("f")
    numbers.frombytes(memoryview(vector).tobytes())  # type: ignore[arg-type]  # numpy's is a buffer
    return {**asdict(passage), "vector": base64.b64encode(_little(numbers).tobytes()).decode()}


def _pair(told: dict[str, Any]) -> tuple[Passage, Floats]:
    numbers = array("f")
    numbers.frombytes(base64.b64decode(told["vector"]))
    return Passage(**{name: value for name, value in told.items() if name != "vector"}), _little(numbers)


def _little(numbers: array[float]) -> array[float]:
    """The numbers with their bytes as a little-endian machine has them, or back."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
