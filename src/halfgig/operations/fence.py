"""A fence: what is written from a source as it was is not kept where the source has changed meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from halfgig.errors import Conflict
from halfgig.store.edits import Edits
from halfgig.store.library import Library

if TYPE_CHECKING:
    from halfgig.retrieval.index import Confirm
    from halfgig.store.database import Database


def fence(connection: Database, source_id: str) -> Confirm:
    """A confirm for `Index.replace`: Conflict unless the source is in the library as it is now.

    It has to be made before what is written is read. Conflict also where the source is not there now.
    """
    before = _state(connection, source_id)

    def confirm() -> None:
        Library(connection).hold(source_id)
        if before is None or _state(connection, source_id) != before:
            raise Conflict("A source was removed or changed meanwhile.", "Run the same command again.")

    if before is None:
        confirm()
    return confirm


def _state(connection: Database, source_id: str) -> tuple[Any, ...] | None:
    """What changes whenever the text of a source does; None where there is no such source."""
    source, edits = Library(connection).source(source_id), Edits(connection)
    if source is None:
        return None
    return source.state, source.attempt, source.added_at, edits.stale().get(source_id), edits.all(source_id)
