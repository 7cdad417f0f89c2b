"""The index in Postgres: passages, their words (full-text search) and their vectors (pgvector, HNSW) in its tables."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from halfgig.errors import ServerTrouble
from halfgig.retrieval.arrivals import arrived
from halfgig.retrieval.index import accept
from halfgig.retrieval.ledger import Ledger, leave_other_places
from halfgig.retrieval.postgres_passages import PostgresPassages
from halfgig.retrieval.postgres_tables import add_words, adopt, alone, bring, clear, drop, put_in_place
from halfgig.retrieval.sqlite import forget_vectors
from halfgig.retrieval.tables import find_faults, prepare
from halfgig.retrieval.texts import SqliteTexts
from halfgig.retrieval.tsearch import every_word

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from halfgig.retrieval.arrivals import Arrivals
    from halfgig.retrieval.index import Confirm, Embedded, EmbeddingModel
    from halfgig.retrieval.line import Line, Session

log = logging.getLogger("halfgig")

_EDITIONS = "SELECT source_id, edition, count(*) FROM halfgig_passages GROUP BY source_id, edition"
_OF_SOURCE = "SELECT edition, count(*) FROM halfgig_passages WHERE source_id = %(source_id)s GROUP BY edition"
_STRAY = "SELECT DISTINCT edition FROM halfgig_arrivals"


class PostgresIndex(PostgresPassages):
    """The index port over Postgres, with the ledger of what is shown in the library that `connection` is of.

    A source's new passages wait in a table of arrivals; the library's transaction says that they are whole, and then
    one transaction of Postgres puts them in place. A process that dies between the two leaves a row in the ledger, by
    which the next one finishes. BadRequest where the index was made with another model and still holds passages.
    """

    _line: Line

    def __init__(self, connection: apsw.Connection, line: Line, model: EmbeddingModel | None = None) -> None:
        self._embedded_model = prepare(connection, None)
        self._connection, self._line = connection, line
        self._ledger = Ledger(connection, line.shown)
        self._texts = SqliteTexts(connection)  # what was said before this index was used, and the words of events
        self._elsewhere = self._texts.vocabulary
        self.model = line.run(lambda session: adopt(session, model))
        for source_id, edition, passages in self._ledger.those("settling"):
            self._finish(source_id, edition, passages)

    # --- writing ---

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Bring the passages there, have the library confirm that they are whole, and put them in place."""
        with arrived(self._connection, embedded, self.model, every_word) as arrivals:
            edition = self._ledger.begin(source_id, arrivals.count)
            try:
                self._line.write(lambda session: _bring(session, edition, arrivals))
                with self._connection:
                    self._settle(source_id, edition)
                    confirm()
            except BaseException:
                self._ledger.abandon(edition)
                raise
            self._finish(source_id, edition, arrivals.count)
            self._sweep()
            return arrivals.count

    def _settle(self, source_id: str, edition: str) -> None:
        if not self._texts.are_arrivals(source_id):
            self._forget_here(source_id)
        self._ledger.move(source_id, edition, "settling" if self.model else "current")

    def _finish(self, source_id: str, edition: str, passages: int) -> None:
        """Put in place what the library has confirmed. Does nothing where that has been done."""
        if self.model is not None:
            self._line.write(lambda session: _put_in_place(session, source_id, edition, passages))
        self._ledger.finish(edition)

    def _forget_here(self, source_id: str) -> None:
        """Forget what the library's own file, and other places, have of a source whose texts are others now."""
        forget_vectors(self._connection, self._embedded_model, source_id)
        self._texts.forget(source_id)
        leave_other_places(self._connection, source_id, self._line.shown)

    def remove(self, source_id: str, confirm: Confirm = accept) -> int:
        """Forget the source's passages; those in Postgres afterwards, and by `tidy` where that fails."""
        within_another = self._connection.in_transaction
        editions = self._ask(_OF_SOURCE, source_id=source_id)
        with self._connection:
            for edition, passages in editions:
                self._ledger.note(source_id, edition, passages)
            self._forget_here(source_id)
            self._ledger.leave(source_id)
            confirm()
        if not within_another:
            self._sweep()
        return sum(passages for _, passages in editions)

    def _sweep(self) -> None:
        """Remove what is leaving. The library does not show it any more, so a failure may wait for the next time."""
        try:
            for _, edition, _ in self._ledger.those("leaving"):
                if self.model is not None:
                    self._line.write(lambda session, edition=edition: drop(session, edition))  # type: ignore[misc]
                self._ledger.gone(edition)
        except ServerTrouble as error:
            log.warning("passages are left in %s until the next time: %s", self._line.shown, error)

    def tidy(self) -> int:
        """Remove what is there and not the library's, and forget what is not there for whole; returns how many editions
        were removed.
        """
        self._ledger.abandon(None)
        shown = self._ledger.those("current")  # before what is there is read,
        there = {edition: count for _, edition, count in self._ask(_EDITIONS)}
        stray = {edition for (edition,) in self._ask(_STRAY)}
        kept = self._ledger.kept()  # and after it, since others write meanwhile
        strange = there.keys() - kept
        for source_id, edition, passages in shown:
            if there.get(edition, 0) != passages:
                self._ledger.lose(source_id, edition)
        for edition in strange | (stray - kept):
            self._line.write(lambda session, edition=edition: drop(session, edition))  # type: ignore[misc]
        self._sweep()
        return len(strange)

    def find_faults(self) -> Iterator[str]:
        """Yield what in the library does not agree, and what Postgres has that the library does not know of, or not."""
        yield from find_faults(self._connection)
        there = {edition: (source_id, count) for source_id, edition, count in self._ask(_EDITIONS)}
        known = {edition: (source_id, count) for source_id, edition, count in self._ledger.those("current") if count}
        for source_id, count in (there[edition] for edition in sorted(there.keys() - known.keys())):
            yield f"{self._line.shown} has {count} passages of {source_id} that the library does not know of"
        for edition in sorted(known):
            if there.get(edition) != known[edition]:
                yield f"{self._line.shown} has not all passages of {known[edition][0]}"


# --- within a transaction of Postgres ---


def _bring(session: Session, edition: str, arrivals: Arrivals) -> None:
    clear(session, edition)
    bring(session, edition, arrivals.rows())
    add_words(session, arrivals.words)


def _put_in_place(session: Session, source_id: str, edition: str, passages: int) -> None:
    alone(session, edition)
    put_in_place(session, source_id, edition, passages)  # unless another has done it
