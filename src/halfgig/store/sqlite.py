"""The library in one SQLite file: opened, brought to its schema, and asked for sources and their segments."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from halfgig.errors import BadRequest, LibraryError, NotFound
from halfgig.records import Segment, StoredSource, Word
from halfgig.store.database import Design
from halfgig.store.scope import NAMED, check_tag, source_conditions
from halfgig.store.sqlite_database import connect, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import apsw

    from halfgig.records import Scope, Seconds
    from halfgig.store.sqlite_database import SqliteDatabase

DESIGN = Design(
    name="library",
    application_id=0x48414C46,  # "HALF"
    package="halfgig.store",
    schema=3,
    restore="Restore it from a backup, or move it away and index the sources again.",
)

_ADD = """INSERT INTO sources (id, address, title, duration, language, model, added_at, state)
 VALUES (:id, :address, :title, :duration, :language, :model, :now, 'recognizing')
 ON CONFLICT (id) DO UPDATE SET address = :address, title = :title,
 attempt = attempt + (state != 'ready'), duration = coalesce(:duration, duration)"""
_FORGET_OTHER_MODEL = """DELETE FROM segments WHERE source_id = :id AND EXISTS (
 SELECT 1 FROM sources WHERE id = :id AND state != 'ready' AND model != :model)"""
_TAKE_MODEL = """UPDATE sources SET model = :model, language = :language, state = 'recognizing'
 WHERE id = :id AND state != 'ready' AND model != :model"""
_RESTART = """UPDATE sources SET state = 'recognizing', attempt = attempt + 1, model = :model, language = :language
 WHERE id = :id"""
_RESTORE = """INSERT INTO sources (id, address, title, duration, language, model, added_at, state, attempt)
 VALUES (:id, :address, :title, :duration, :language, :model, :added_at, :state, :attempt)"""
_NOTE = """INSERT INTO sources (id, address, title, duration, model, added_at, state)
 VALUES (:id, :address, :title, :duration, '', :now, 'unheard')
 ON CONFLICT (id) DO UPDATE SET address = :address, title = :title, duration = coalesce(:duration, duration)"""
_TAG = "INSERT OR IGNORE INTO tags VALUES (?, ?)"
_SOURCE = """SELECT id, address, title, duration, language, model, added_at, state, attempt,
 (SELECT json_group_array(tag) FROM (SELECT tag FROM tags WHERE source_id = id ORDER BY tag)) FROM sources"""
_MEANT = "SELECT id FROM sources WHERE {condition}"
_APPEND = """INSERT INTO segments (source_id, number, "start", "end", text, words, tokens, temperature, avg_logprob,
 compression_ratio, no_speech_prob) SELECT :source_id, coalesce(max(number) + 1, 0), :start, :end, :text, :words,
 :tokens, :temperature, :avg_logprob, :compression_ratio, :no_speech_prob FROM segments WHERE source_id = :source_id"""
_EDITED = 'SELECT text FROM edits WHERE source_id = ? AND "start" = ? AND original = ?'
_FENCE = "SELECT 1 FROM sources WHERE id = ? AND attempt = ? AND state != 'ready'"
_ADVANCE = "UPDATE sources SET state = :state, language = coalesce(:language, language) WHERE id = :id"
_SEGMENTS = """SELECT number, "start", "end", text, words, tokens, temperature, avg_logprob, compression_ratio,
 no_speech_prob FROM segments WHERE source_id = ? AND number > ? ORDER BY number LIMIT 100"""
_BETWEEN = """SELECT number, "start", "end", text, words, tokens, temperature, avg_logprob, compression_ratio,
 no_speech_prob FROM segments WHERE source_id = ? AND "end" > ? AND "start" < ? ORDER BY number"""
_OLDER = """WHERE (:before IS NULL OR (added_at, id) < (SELECT added_at, id FROM sources WHERE id = :before))
 AND (:tag IS NULL OR id IN (SELECT source_id FROM tags WHERE tag = :tag)) ORDER BY
 added_at DESC, id DESC LIMIT :limit"""
_HEARD = 'SELECT max("end") FROM segments WHERE source_id = ?'


@contextmanager
def open_library(path: Path, *, create: bool = True) -> Iterator[SqliteDatabase]:
    """A connection with sqlite-vec loaded and the schema up to date, closed at the end of the block.

    The connection is the library's for every package: SQLite's own errors inside the block leave it as
    LibraryError with a remedy. BadRequest where the file is missing and `create` is false.
    """
    if not create and not path.exists():
        raise BadRequest("Nothing is indexed yet.", "Index a video first: halfgig index VIDEO")
    with translated(path, DESIGN):
        connection = connect(path, DESIGN)
        try:
            _load_vectors(connection)
            yield connection
        finally:
            connection.close()


def _load_vectors(connection: apsw.Connection) -> None:
    connection.enable_load_extension(enable=True)
    connection.load_extension(vector_extension())
    connection.enable_load_extension(enable=False)


def vector_extension() -> str:
    """The file of sqlite-vec, without its ending. Its package is only looked for: importing it loads numpy as well."""
    spec = find_spec("sqlite_vec")
    if spec is None or not spec.submodule_search_locations:
        raise LibraryError("sqlite-vec is not installed.", "Install halfgig with its dependencies.")
    return str(Path(spec.submodule_search_locations[0]) / "vec0")


def _now() -> datetime:
    return datetime.now(UTC)


class Library:
    """The sources and their segments, on a connection of `open_library`.

    A source's life: `add_source` (`recognizing`), `append_segments`, `close_transcript` (`indexing`), `finish`
    (`ready`). Work that was cut off goes on where its last segment ends: `add_source` again, then `heard`.
    """

    def __init__(self, connection: apsw.Connection, clock: Callable[[], datetime] = _now) -> None:
        self._connection = connection
        self._clock = clock

    def add_source(
        self,
        source_id: str,
        address: str,
        title: str,
        model: str,
        *,
        duration: Seconds | None = None,
        language: str | None = None,
    ) -> StoredSource:
        """Begin work on a source, or go on with it, and return it as it now stands.

        Known content takes the new address and title. If it is `ready` nothing else changes. If not, this begins a
        new attempt, earlier ones may write no more, and segments of another model are forgotten.
        """
        values: dict[str, str | float | None] = {"id": source_id, "model": model, "language": language}
        values |= {"address": _storable(address), "title": _storable(title), "duration": duration}
        values["now"] = self._clock().isoformat(timespec="seconds")
        with self._connection:
            for statement in (_FORGET_OTHER_MODEL, _TAKE_MODEL, _ADD):
                self._connection.execute(statement, values)
        return self._known(source_id)

    def restart(self, source_id: str, model: str, language: str | None = None) -> StoredSource:
        """Begin again from nothing, as with another model: a new attempt without segments. Hidden until it is ready."""
        with self._connection:
            self._connection.execute("DELETE FROM segments WHERE source_id = ?", (source_id,))
            self._connection.execute(_RESTART, {"id": source_id, "model": model, "language": language})
        return self._known(source_id)

    def sources(self) -> list[StoredSource]:
        """Every source, oldest first."""
        return [_stored(row) for row in self._connection.execute(f"{_SOURCE} ORDER BY added_at, id")]

    def page(self, limit: int, before: str | None = None, tag: str | None = None) -> list[StoredSource]:
        """Sources, of a tag where one is given, newest first; the next page begins `before` the id of the last.

        Empty where that is not known.
        """
        rows = self._connection.execute(f"{_SOURCE} {_OLDER}", {"limit": limit, "before": before, "tag": tag})
        return [_stored(row) for row in rows]

    def source(self, source_id: str) -> StoredSource | None:
        """The source of this id, None where it is not known."""
        row = self._connection.execute(f"{_SOURCE} WHERE id = ?", (source_id,)).fetchone()
        return _stored(row) if row else None

    def shown(self, source_id: str, kind: str = "speech") -> StoredSource | None:
        """The source of this id if it is ready to be shown in search, else None. What is seen in it always is."""
        source = self.source(source_id)
        return source if source is not None and (kind != "speech" or source.state == "ready") else None

    def remove_source(self, source_id: str) -> bool:
        """Forget the source and its segments; False where it was not known."""
        self._connection.execute("DELETE FROM sources WHERE id = ?", (source_id,))
        return self._connection.changes() > 0

    def append_segments(self, source: StoredSource, segments: Iterable[Segment]) -> Iterator[Segment]:
        """Yield each segment once it is on disk, numbered after those already there; one short transaction each.

        Where a person changed the same before, the changed text is written. LibraryError where another process has
        begun a newer attempt, or removed the source.
        """
        for segment in segments:
            with self._connection:
                self._check_attempt(source)
                columns = self._edited(source.id, _columns(segment))
                self._connection.execute(_APPEND, {"source_id": source.id, **columns})
            yield segment

    def _edited(self, source_id: str, columns: dict[str, str | float]) -> dict[str, str | float]:
        """The columns with the text that a person has put in its place, whose words have no times."""
        text = self._connection.execute(_EDITED, (source_id, columns["start"], columns["text"])).get
        return columns if text is None else {**columns, "text": text, "words": "[]", "tokens": "[]"}

    def heard(self, source_id: str) -> Seconds:
        """Where the last stored segment ends, in seconds; 0.0 where there is none. Recognition goes on from here."""
        return self._connection.execute(_HEARD, (source_id,)).get or 0.0

    def close_transcript(self, source: StoredSource, language: str | None = None) -> StoredSource:
        """Say that every segment is there; the source waits for its index."""
        return self._advance(source, "indexing", language)

    def finish(self, source: StoredSource) -> StoredSource:
        """Say that the index has every passage, and show the source in search: what an index's `confirm` is for."""
        return self._advance(source, "ready")

    def note_source(self, source_id: str, address: str, title: str, duration: Seconds | None) -> StoredSource:
        """Know a source whose transcript nobody has asked for; one that is known takes the new address and title."""
        values: dict[str, str | float | None] = {"id": source_id, "duration": duration}
        values |= {"address": _storable(address), "title": _storable(title)}
        values["now"] = self._clock().isoformat(timespec="seconds")
        self._connection.execute(_NOTE, values)
        return self._known(source_id)

    def restore(self, source: StoredSource, segments: Iterable[Segment]) -> None:
        """Put a source with its segments and tags in the place of what was known of it, exactly as they are told."""
        values = {"id": source.id, "address": source.address, "title": source.title, "duration": source.duration}
        values |= {"language": source.language, "model": source.model, "added_at": source.added_at}
        with self._connection:
            self.remove_source(source.id)
            self._connection.execute(_RESTORE, {**values, "state": source.state, "attempt": source.attempt})
            for segment in segments:
                self._connection.execute(_APPEND, {"source_id": source.id, **_columns(segment)})
            self._connection.executemany(_TAG, ((source.id, tag) for tag in source.tags))

    def tag(self, source_id: str, tags: Iterable[str]) -> None:
        """Give a source more tags. BadRequest for one that is empty."""
        rows = [(source_id, check_tag(tag)) for tag in tags]
        with self._connection:
            self._connection.executemany(_TAG, rows)

    def within(self, scope: Scope) -> tuple[str, ...] | None:
        """Ids of the sources that a scope means; None where it means all.

        NotFound for a source that is not known, BadRequest for a day that is none.
        """
        condition, values = source_conditions(scope)
        if not condition:
            return None
        for name in scope.sources:
            if not self._connection.execute(_MEANT.format(condition=NAMED), (json.dumps([name]),)).fetchone():
                raise NotFound(f"The library has no source named {name}.", "List them: halfgig library list")
        return tuple(row[0] for row in self._connection.execute(_MEANT.format(condition=condition), values))

    def segments_between(self, source_id: str, start: Seconds, end: Seconds) -> list[Segment]:
        """The segments that touch this stretch of the source, in order."""
        rows = self._connection.execute(_BETWEEN, (source_id, start, end))
        return [_segment(row[1:]) for row in rows]

    def segments(self, source_id: str) -> Iterator[Segment]:
        """Yield the source's segments in order; holds a hundred, and no lock between them."""
        after = -1
        while page := self.segment_page(source_id, after):
            yield from (segment for _, segment in page)
            after = page[-1][0]

    def segment_page(self, source_id: str, after: int = -1) -> list[tuple[int, Segment]]:
        """Up to a hundred segments with their numbers, in order, from the one after number `after`."""
        rows = self._connection.execute(_SEGMENTS, (source_id, after))
        return [(cast("int", row[0]), _segment(row[1:])) for row in rows]

    def _advance(self, source: StoredSource, state: str, language: str | None = None) -> StoredSource:
        with self._connection:
            self._check_attempt(source)
            self._connection.execute(_ADVANCE, {"id": source.id, "state": state, "language": language})
        return self._known(source.id)

    def _check_attempt(self, source: StoredSource) -> None:
        if not self._connection.execute(_FENCE, (source.id, source.attempt)).fetchone():
            raise LibraryError(
                f"Another process has taken over or removed {source.title}.", "Let it finish, or run the command again."
            )

    def _known(self, source_id: str) -> StoredSource:
        source = self.source(source_id)
        if source is None:
            raise LibraryError(f"The library has no source {source_id}.", "List them: halfgig library list")
        return source


def _stored(row: tuple[Any, ...]) -> StoredSource:
    return replace(StoredSource(*row[:9]), tags=tuple(json.loads(row[9])))


def _columns(segment: Segment) -> dict[str, str | float]:
    words = [[word.start, word.end, word.text, word.probability] for word in segment.words]
    return {
        "start": segment.start,
        "end": segment.end,
        "text": _storable(segment.text),
        "words": json.dumps(words),
        "tokens": json.dumps(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def _segment(row: tuple[Any, ...]) -> Segment:
    start, end, text, words, tokens, *figures = row
    numbers = [math.nan if figure is None else figure for figure in figures]  # SQLite keeps NaN as NULL
    return Segment(
        start, end, text, tuple(Word(*word) for word in json.loads(words)), tuple(json.loads(tokens)), *numbers
    )


def _storable(text: str) -> str:
    """The text as SQLite can hold it: bytes of a file name that are no UTF-8 become question marks."""
    return text.encode("utf-8", "replace").decode()
