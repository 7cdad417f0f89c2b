"""The ledger, in the library's file: which vectors of which source an index outside of it holds, and are to be shown.

What an index outside holds of a source at one time is an edition, with a name of its own. `arriving`: it is being
brought there, and nobody sees it. `settling`: the library has it for whole, and the other side has yet to show it.
`current`: it is shown. `leaving`: it is to be removed there. A process that dies leaves a row, and the next finds it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import uuid4

from halfgig.errors import Locked
from halfgig.retrieval.index import EmbeddingModel, check_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

log = logging.getLogger("halfgig")

EMBEDDED = ""  # the place of the embedded index, which keeps no ledger

_MODEL = "SELECT model, dim FROM index_places WHERE place = ?"
_RECORD = """INSERT INTO index_places VALUES (?, ?, ?)
 ON CONFLICT (place) DO UPDATE SET model = excluded.model, dim = excluded.dim"""
_ANY = "SELECT EXISTS (SELECT 1 FROM index_ledger WHERE place = ? AND state IN ('settling', 'current'))"
_BEGIN = "INSERT INTO index_ledger VALUES (:place, :source_id, :edition, 'arriving', :passages, 0)"
_NOTE = "INSERT OR IGNORE INTO index_ledger VALUES (:place, :source_id, :edition, 'leaving', :passages, 1)"
_OTHERS_LEAVE = """UPDATE index_ledger SET state = 'leaving'
 WHERE place = :place AND source_id = :source_id AND edition != :edition"""
_SET = """UPDATE index_ledger SET state = :state
 WHERE place = :place AND edition = :edition AND state != 'leaving'"""
_FINISH = "UPDATE index_ledger SET state = 'current', seen = 1 WHERE place = ? AND edition = ? AND state = 'settling'"
_SEEN = "UPDATE index_ledger SET seen = 1 WHERE place = ? AND edition = ?"
_ALL_LEAVE = """UPDATE index_ledger SET state = 'leaving'
 WHERE source_id = :source_id AND place != :but AND state != 'arriving'"""
_ABANDON = """UPDATE index_ledger SET state = 'leaving'
 WHERE place = :place AND state = 'arriving' AND (:edition IS NULL OR edition = :edition)"""
_LOSE = "UPDATE index_ledger SET state = 'leaving' WHERE place = ? AND edition = ? AND state = 'current'"
_GONE = "DELETE FROM index_ledger WHERE place = ? AND edition = ? AND state = 'leaving'"
_CURRENT = "SELECT edition FROM index_ledger WHERE place = ? AND source_id = ? AND state = 'current'"
_KEPT = "SELECT edition FROM index_ledger WHERE place = ? AND state != 'leaving'"
_IN = "SELECT source_id, edition, passages FROM index_ledger WHERE place = ? AND state = ? ORDER BY source_id"
_TAKEN_IN = """SELECT source_id, edition, passages FROM index_ledger
 WHERE place = ? AND state = 'current' AND seen ORDER BY source_id"""
_COUNT = """SELECT coalesce(sum(passages), 0) FROM index_ledger
 WHERE place = :place AND state = 'current' AND (:source_id IS NULL OR source_id = :source_id)"""
_OUTSIDE = "SELECT coalesce(max(passages), 0) FROM index_ledger WHERE source_id = ? AND state = 'current'"
_UNSEEN = """SELECT source_id, edition, passages FROM index_ledger
 WHERE place = ? AND state = 'current' AND NOT seen LIMIT 1"""


class Ledger:
    """The rows of one place, on a connection whose tables are there. Several statements are for a transaction."""

    def __init__(self, connection: apsw.Connection, place: str) -> None:
        self._connection, self._place = connection, place

    def model(self) -> EmbeddingModel | None:
        """The model of the vectors there; None before anything was indexed."""
        row = self._connection.execute(_MODEL, (self._place,)).fetchone()
        return EmbeddingModel(*row) if row else None

    def adopt(self, model: EmbeddingModel) -> None:
        """Record the model; what arrives of another does not. BadRequest where vectors of another are there."""
        known = self.model()
        if known == model:
            return
        self.abandon(None)
        if known is not None and self._connection.execute(_ANY, (self._place,)).get:
            check_model(model, known)
        self._connection.execute(_RECORD, (self._place, model.name, model.dim))

    def begin(self, source_id: str, passages: int) -> str:
        """An edition that is arriving; its name never comes again."""
        edition = uuid4().hex[:16]
        values = {"place": self._place, "source_id": source_id, "edition": edition, "passages": passages}
        self._connection.execute(_BEGIN, values)
        return edition

    def note(self, source_id: str, edition: str, passages: int) -> None:
        """An edition that is there, whether it was known or not: it is to be removed unless it is known."""
        values = {"place": self._place, "source_id": source_id, "edition": edition, "passages": passages}
        self._connection.execute(_NOTE, values)

    def move(self, source_id: str, edition: str, state: str) -> None:
        """The edition is in this state now, and every other one of the source is leaving. Locked where it is to go."""
        values = {"place": self._place, "source_id": source_id, "edition": edition}
        self._connection.execute(_OTHERS_LEAVE, values)
        self._connection.execute(_SET, {"place": self._place, "edition": edition, "state": state})
        if not self._connection.changes():
            raise Locked("Another process has changed the index of this source meanwhile.", "Try again.")

    def finish(self, edition: str) -> None:
        """What was settling is shown there. Nothing where another has done it, or the edition is to go."""
        self._connection.execute(_FINISH, (self._place, edition))

    def see(self, edition: str) -> None:
        """What is searched there has the edition."""
        self._connection.execute(_SEEN, (self._place, edition))

    def leave(self, source_id: str) -> None:
        """Every edition of the source is to be removed from this place."""
        self._connection.execute(_OTHERS_LEAVE, {"place": self._place, "source_id": source_id, "edition": ""})

    def abandon(self, edition: str | None) -> None:
        """The edition, or every one that is arriving, does not arrive, and is to be removed."""
        self._connection.execute(_ABANDON, {"place": self._place, "edition": edition})

    def lose(self, source_id: str, edition: str) -> None:
        """The source's edition is shown, and not there for whole any more: what is left of it is to be removed."""
        log.warning("%s has not all of %s, which counts as not indexed there", self._place, source_id)
        self._connection.execute(_LOSE, (self._place, edition))

    def gone(self, edition: str) -> None:
        """Nothing is left of the edition, which was leaving."""
        self._connection.execute(_GONE, (self._place, edition))

    def current(self, source_id: str) -> str | None:
        """The source's edition that is shown."""
        edition: str | None = self._connection.execute(_CURRENT, (self._place, source_id)).get
        return edition

    def kept(self) -> set[str]:
        """Editions that are not to be removed: shown, or on their way."""
        return {edition for (edition,) in self._connection.execute(_KEPT, (self._place,))}

    def those(self, state: str) -> list[tuple[str, str, int]]:
        """Source, edition and number of passages of those that are in a state, by source."""
        return list(self._connection.execute(_IN, (self._place, state)))

    def taken_in(self) -> list[tuple[str, str, int]]:
        """The same of those that are shown and have been seen there: what is missing of them is lost, and not late."""
        return list(self._connection.execute(_TAKEN_IN, (self._place,)))

    def count(self, source_id: str | None = None) -> int:
        """How many passages of the source, or of all, are shown."""
        return int(self._connection.execute(_COUNT, {"place": self._place, "source_id": source_id}).get)

    def without(self, sources: Iterable[str]) -> list[str]:
        """Those of the sources of which nothing is shown."""
        return [source_id for source_id in sources if self.current(source_id) is None]

    def unseen(self) -> tuple[str, str, int] | None:
        """One that is current and has not been seen there yet."""
        row: tuple[str, str, int] | None = self._connection.execute(_UNSEEN, (self._place,)).fetchone()
        return row


def leave_other_places(connection: apsw.Connection, source_id: str, place: str = EMBEDDED) -> None:
    """The source's texts have changed or gone: what other places than this one hold of it is to be removed there."""
    connection.execute(_ALL_LEAVE, {"source_id": source_id, "but": place})


def count_outside(connection: apsw.Connection, source_id: str) -> int:
    """How many passages of a source an index outside shows, by the ledger; nobody is asked."""
    return int(connection.execute(_OUTSIDE, (source_id,)).get)
