"""The library: its sources and their segments, asked for and written in whichever database they are."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from halfgig.errors import LibraryError, NotFound
from halfgig.records import Segment, StoredSource, Word
from halfgig.store.database import Design
from halfgig.store.scope import NAMED, as_list, check_tag, source_conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from halfgig.records import Scope, Seconds
    from halfgig.store.database import Database, Rows

PAGE = 100  # segments that are read or written at once
DESIGN = Design(
    name="library",
    application_id=0x48414C46,  # "HALF"
    package="halfgig.store",
    schema=3,
    postgres=1,
    restore="Restore it from a backup, or move it away and index the sources again.",
)

_ADD = """INSERT INTO sources (id, address, title, duration, language, model, added_at, state)
 VALUES (:id, :address, :title, :duration, :language, :model, :now, 'recognizing')
 ON CONFLICT (id) DO UPDATE SET address = :address, title = :title, duration = coalesce(:duration, sources.duration),
 attempt = sources.attempt + CASE WHEN sources.state = 'ready' THEN 0 ELSE 1 END"""
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
 ON CONFLICT (id) DO UPDATE SET address = :address, title = :title, duration = coalesce(:duration, sources.duration)"""
_TAG = "INSERT INTO tags VALUES (?, ?) ON CONFLICT DO NOTHING"
_SOURCE = """SELECT id, address, title, duration, language, model, added_at, state, attempt,
 (SELECT {gathered[tag]} FROM (SELECT tag FROM tags WHERE source_id = id ORDER BY tag) AS told) FROM sources"""
_MEANT = "SELECT id FROM sources WHERE {condition}"
_APPEND = """INSERT INTO segments (source_id, number, "start", "end", text, words, tokens, temperature, avg_logprob,
 compression_ratio, no_speech_prob) SELECT :source_id, coalesce(max(number) + 1, 0), :start, :end, :text, :words,
 :tokens, :temperature, :avg_logprob, :compression_ratio, :no_speech_prob FROM segments WHERE source_id = :source_id"""
_EDITED = 'SELECT "start", original, text FROM edits WHERE source_id = ?'
_HOLD = "SELECT 1 FROM sources WHERE id = ? {lock}"
_FENCE = "SELECT 1 FROM sources WHERE id = ? AND attempt = ? AND state != 'ready' {lock}"
_ADVANCE = "UPDATE sources SET state = :state, language = coalesce(:language, language) WHERE id = :id"
_SEGMENTS = """SELECT number, "start", "end", text, words, tokens, temperature, avg_logprob, compression_ratio,
 no_speech_prob FROM segments WHERE source_id = ? AND number > ? ORDER BY number LIMIT 100"""
_BETWEEN = """SELECT number, "start", "end", text, words, tokens, temperature, avg_logprob, compression_ratio,
 no_speech_prob FROM segments WHERE source_id = ? AND "end" > ? AND "start" < ? ORDER BY number"""
_OLDER = """WHERE (:before IS NULL OR (added_at, id) < (SELECT added_at, id FROM sources WHERE id = :before))
 AND (:tag IS NULL OR id IN (SELECT source_id FROM tags WHERE tag = :tag)) ORDER BY
 added_at DESC, id DESC LIMIT :limit"""
_HEARD = 'SELECT max("end") FROM segments WHERE source_id = ?'


def _now() -> datetime:
    return datetime.now(UTC)


class Library:
    """The sources and their segments, on a database of `open_store`.

    A source's life: `add_source` (`recognizing`), `append_segments`, `close_transcript` (`indexing`), `finish`
    (`ready`). Work that was cut off goes on where its last segment ends: `add_source` again, then `heard`.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._clock = clock

    def _do(self, statement: str, values: Any = ()) -> Rows:
        return self._database.execute(self._database.dialect.spell(statement), values)

    def hold(self, source_id: str) -> None:
        """Keep others from changing the source until the transaction ends."""
        self._do(_HOLD, (source_id,))

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
        with self._database.transaction():
            self.hold(source_id)
            for statement in (_FORGET_OTHER_MODEL, _TAKE_MODEL, _ADD):
                self._do(statement, values)
        return self._known(source_id)

    def restart(self, source_id: str, model: str, language: str | None = None) -> StoredSource:
        """Begin again from nothing, as with another model: a new attempt without segments. Hidden until it is ready."""
        with self._database.transaction():
            self.hold(source_id)
            self._do("DELETE FROM segments WHERE source_id = ?", (source_id,))
            self._do(_RESTART, {"id": source_id, "model": model, "language": language})
        return self._known(source_id)

    def sources(self) -> list[StoredSource]:
        """Every source, oldest first."""
        return [_stored(row) for row in self._do(f"{_SOURCE} ORDER BY added_at, id")]

    def page(self, limit: int, before: str | None = None, tag: str | None = None) -> list[StoredSource]:
        """Sources, of a tag where one is given, newest first; the next page begins `before` the id of the last.

        Empty where that is not known.
        """
        rows = self._do(f"{_SOURCE} {_OLDER}", {"limit": limit, "before": before, "tag": tag})
        return [_stored(row) for row in rows]

    def source(self, source_id: str) -> StoredSource | None:
        """The source of this id, None where it is not known."""
        row = self._do(f"{_SOURCE} WHERE id = ?", (source_id,)).fetchone()
        return _stored(row) if row else None

    def shown(self, source_id: str, kind: str = "speech") -> StoredSource | None:
        """The source of this id if it is ready to be shown in search, else None. What is seen in it always is."""
        source = self.source(source_id)
        return source if source is not None and (kind != "speech" or source.state == "ready") else None

    def remove_source(self, source_id: str) -> bool:
        """Forget the source and its segments; False where it was not known."""
        self._do("DELETE FROM sources WHERE id = ?", (source_id,))
        return self._database.changes() > 0

    def append_segments(self, source: StoredSource, segments: Iterable[Segment]) -> Iterator[Segment]:
        """Yield each segment once it is on disk, numbered after those already there; one short transaction each.

        Where a person changed the same before, the changed text is written. LibraryError where another process has
        begun a newer attempt, or removed the source.
        """
        for segment in segments:
            self._append(source, [segment])
            yield segment

    def take_segments(self, source: StoredSource, segments: Iterable[Segment]) -> None:
        """The same for a transcript that is kept elsewhere as well: a transaction for every hundred of them."""
        rest = iter(segments)
        while page := list(islice(rest, PAGE)):
            self._append(source, page)

    def _append(self, source: StoredSource, page: list[Segment]) -> None:
        with self._database.transaction():
            self._check_attempt(source)
            edited = {(start, original): text for start, original, text in self._do(_EDITED, (source.id,))}
            for columns in map(_columns, page):
                text = edited.get((columns["start"], columns["text"]))
                if text is not None:  # whose words have no times
                    columns |= {"text": text, "words": "[]", "tokens": "[]"}
                self._do(_APPEND, {"source_id": source.id, **columns})

    def heard(self, source_id: str) -> Seconds:
        """Where the last stored segment ends, in seconds; 0.0 where there is none. Recognition goes on from here."""
        return self._do(_HEARD, (source_id,)).get or 0.0

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
        self._do(_NOTE, values)
        return self._known(source_id)

    def restore(self, source: StoredSource, segments: Iterable[Segment]) -> None:
        """Put a source with its segments and tags in the place of what was known of it, exactly as they are told."""
        values = {"id": source.id, "address": source.address, "title": source.title, "duration": source.duration}
        values |= {"language": source.language, "model": source.model, "added_at": source.added_at}
        with self._database.transaction():
            self.remove_source(source.id)
            self._do(_RESTORE, {**values, "state": source.state, "attempt": source.attempt})
            for segment in segments:
                self._do(_APPEND, {"source_id": source.id, **_columns(segment)})
            self._database.executemany(_TAG, ((source.id, tag) for tag in source.tags))

    def tag(self, source_id: str, tags: Iterable[str]) -> None:
        """Give a source more tags. BadRequest for one that is empty."""
        rows = [(source_id, check_tag(tag)) for tag in tags]
        with self._database.transaction():
            self._database.executemany(_TAG, rows)

    def within(self, scope: Scope) -> tuple[str, ...] | None:
        """Ids of the sources that a scope means; None where it means all.

        NotFound for a source that is not known, BadRequest for a day that is none.
        """
        condition, values = source_conditions(scope)
        if not condition:
            return None
        for name in scope.sources:
            if not self._do(_MEANT.format(condition=NAMED), (as_list([name]),)).fetchone():
                raise NotFound(f"The library has no source named {name}.", "List them: halfgig library list")
        return tuple(row[0] for row in self._do(_MEANT.format(condition=condition), values))

    def segments_between(self, source_id: str, start: Seconds, end: Seconds) -> list[Segment]:
        """The segments that touch this stretch of the source, in order."""
        rows = self._do(_BETWEEN, (source_id, start, end))
        return [_segment(row[1:]) for row in rows]

    def segments(self, source_id: str) -> Iterator[Segment]:
        """Yield the source's segments in order; holds a hundred, and no lock between them."""
        after = -1
        while page := self.segment_page(source_id, after):
            yield from (segment for _, segment in page)
            after = page[-1][0]

    def segment_page(self, source_id: str, after: int = -1) -> list[tuple[int, Segment]]:
        """Up to a hundred segments with their numbers, in order, from the one after number `after`."""
        rows = self._do(_SEGMENTS, (source_id, after))
        return [(cast("int", row[0]), _segment(row[1:])) for row in rows]

    def _advance(self, source: StoredSource, state: str, language: str | None = None) -> StoredSource:
        with self._database.transaction():
            self._check_attempt(source)
            self._do(_ADVANCE, {"id": source.id, "state": state, "language": language})
        return self._known(source.id)

    def _check_attempt(self, source: StoredSource) -> None:
        if not self._do(_FENCE, (source.id, source.attempt)).fetchone():
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
    """The text as a database can hold it: bytes of a file name that are no UTF-8 become question marks."""
    return text.encode("utf-8", "replace").decode()
