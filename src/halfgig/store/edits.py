"""What a person has changed in transcripts: kept by segment, and which sources have to be indexed again for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from halfgig.records import Seconds
    from halfgig.store.database import Database, Rows

_READY = "SELECT state FROM sources WHERE id = ? {lock}"
_SEGMENT = 'SELECT "start", text FROM segments WHERE source_id = ? AND number = ?'
_ORIGINAL = 'SELECT original FROM edits WHERE source_id = ? AND "start" = ? AND text = ?'
_CHANGE = "UPDATE segments SET text = :text, words = '[]', tokens = '[]' WHERE source_id = :id AND number = :number"
_KEEP = 'INSERT INTO edits (source_id, "start", original, text) VALUES (:id, :start, :original, :text)'
_DROP = 'DELETE FROM edits WHERE source_id = :id AND "start" = :start AND original = :original'
_STALE = """INSERT INTO stale VALUES (?, 1) ON CONFLICT (source_id) DO UPDATE SET changes = stale.changes + 1"""
_AGE = """INSERT INTO stale VALUES (?, ?) ON CONFLICT (source_id) DO UPDATE SET changes = excluded.changes"""
_ORIGINALS = """SELECT s.number, e.original FROM segments s JOIN edits e
 ON e.source_id = s.source_id AND e."start" = s."start" AND e.text = s.text
 WHERE s.source_id = ? AND s.number BETWEEN ? AND ?"""
_UNUSED = """SELECT "start", original, text FROM edits e WHERE source_id = ? AND NOT EXISTS (
 SELECT 1 FROM segments s WHERE s.source_id = e.source_id AND s."start" = e."start" AND s.text = e.text) ORDER BY 1"""
_SETTLE = "DELETE FROM stale WHERE source_id = ? AND changes = ?"


class Overtaken(Conflict):
    """The text has changed since it was read."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What was recognised at `start`, and what it was changed to."""

    start: Seconds
    original: str
    text: str


class Edits:
    """The edits of the library, on a database of `open_store`. Only a source that is ready can be changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _do(self, statement: str, values: Any = ()) -> Rows:
        return self._database.execute(self._database.dialect.spell(statement), values)

    def change(self, source_id: str, number: int, text: str) -> bool | None:
        """Change the text of a segment, whose words lose their times; None where there is no such segment, False where
        the text is that already. Conflict where the source is still being worked on.

        Search finds the new text when the source has been indexed again: it is `stale` from now on.
        """
        with self._database.transaction():
            state = self._do(_READY, (source_id,)).get
            row = self._do(_SEGMENT, (source_id, number)).fetchone()
            if row is None:
                return None
            if state != "ready":
                raise Conflict("The source is being worked on.", "Wait until it is ready.")
            start, present = row
            if present == text:
                return False
            original = self._do(_ORIGINAL, (source_id, start, present)).get
            values = {"id": source_id, "number": number, "start": start, "text": text}
            values["original"] = present if original is None else original
            self._do(_DROP, values)
            if values["original"] != text:
                self._do(_KEEP, values)
            self._do(_CHANGE, values)
            self._do(_STALE, (source_id,))
        return True

    def originals(self, source_id: str, first: int, last: int) -> dict[int, str]:
        """What was recognised, of the segments from number `first` to `last` that were changed."""
        rows = self._do(_ORIGINALS, (source_id, first, last))
        return {int(number): str(original) for number, original in rows}

    def unused(self, source_id: str) -> list[Edit]:
        """Edits for which no segment is as it was, since the source was recognised again. They are kept."""
        return [Edit(*row) for row in self._do(_UNUSED, (source_id,))]

    def all(self, source_id: str) -> list[Edit]:
        """Every edit of a source, in order of time."""
        statement = 'SELECT "start", original, text FROM edits WHERE source_id = ? ORDER BY 1, 2'
        return [Edit(*row) for row in self._do(statement, (source_id,))]

    def restore(self, source_id: str, edits: Iterable[Edit]) -> None:
        """Know of edits that the source's segments have already."""
        for edit in edits:
            values = {"id": source_id, "start": edit.start, "original": edit.original, "text": edit.text}
            self._do(_DROP, values)
            self._do(_KEEP, values)

    def age(self, source_id: str, changes: int) -> None:
        """Know that the index of a source is older than its text by so many changes."""
        self._do(_AGE, (source_id, changes))

    def stale(self) -> dict[str, int]:
        """The sources whose index is older than their text, with how many changes have come."""
        rows = self._do("SELECT source_id, changes FROM stale")
        return {str(source_id): int(changes) for source_id, changes in rows}

    def settle(self, source_id: str, changes: int) -> None:
        """Say that the index has the text as it was after so many changes; within the index's own transaction.

        Raises Overtaken where more have come: then the index must stay as it was.
        """
        self._do(_SETTLE, (source_id, changes))
        if not self._database.changes():
            raise Overtaken("The text has changed meanwhile.", "Index it again.")
