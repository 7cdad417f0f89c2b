"""The embedded index: passages, their words (FTS5) and their vectors (sqlite-vec) in the library's one SQLite file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.records import Passage
from halfgig.retrieval.arrivals import arrived, blob
from halfgig.retrieval.index import EVERYWHERE, Bounds, Found, accept, check_vector
from halfgig.retrieval.ledger import leave_other_places
from halfgig.retrieval.renewal import check_current, forget_next
from halfgig.retrieval.tables import find_faults, has_bits, prepare
from halfgig.retrieval.texts import SqliteTexts, WithTexts, bound_values, bounded, conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from halfgig.records import Floats, Seconds
    from halfgig.retrieval.arrivals import Arrivals
    from halfgig.retrieval.index import Confirm, Embedded, EmbeddingModel

MAX_K = 4096  # of one nearest-vector query, by sqlite-vec
EXACT = 20_000  # passages that are all compared with, in about 20 ms; of more the signs are compared first
PICKED = 8  # times as many as are asked for are picked by their signs, and then compared by their cosines
LEAST_PICKED = 400

_FORGET_VECTORS = "DELETE FROM passage_vectors WHERE id IN (SELECT id FROM passages WHERE source_id = :source_id)"
_FORGET_BITS = "DELETE FROM passage_bits WHERE id IN (SELECT id FROM passages WHERE source_id = :source_id)"
_SETTLE = """INSERT INTO passage_vectors (id, source_id, vector)
 SELECT p.id, p.source_id, a.vector FROM passages p JOIN temp.arrivals a USING (number)
 WHERE p.source_id = :source_id"""
_SETTLE_BITS = """INSERT INTO passage_bits (id, bits) SELECT p.id, vec_quantize_binary(a.vector)
 FROM passages p JOIN temp.arrivals a USING (number) WHERE p.source_id = :source_id"""

_NEAREST = """SELECT p.source_id, p.number, p."start", p."end", p.text, 1 - v.distance AS score
 FROM passage_vectors v JOIN passages p ON p.id = v.id
 WHERE v.vector MATCH :vector AND v.k = :k {within} ORDER BY v.distance, p.id"""
_NEAREST_BY_BITS = """WITH picked AS MATERIALIZED (
  SELECT b.id FROM passage_bits b WHERE b.bits MATCH vec_quantize_binary(:vector) AND b.k = :picked {within})
 SELECT p.source_id, p.number, p."start", p."end", p.text, 1 - vec_distance_cosine(v.vector, :vector) AS score
 FROM picked JOIN passage_vectors v ON v.id = picked.id JOIN passages p ON p.id = picked.id
 ORDER BY score DESC, p.id LIMIT :k"""
_VECTOR_AT = """SELECT p.number, p."start", p."end", p.text, v.vector
 FROM (SELECT * FROM passages WHERE source_id = :source_id AND "end" > :at ORDER BY number LIMIT 1) p
 JOIN passage_vectors v ON v.id = p.id"""
_EMBEDDED = """SELECT p.number, p."start", p."end", p.text, v.vector
 FROM passages p JOIN passage_vectors v ON v.id = p.id WHERE p.source_id = ? ORDER BY p.number"""
_PASSAGES = """SELECT p.number, p."start", p."end", p.text
 FROM passages p JOIN passage_vectors v ON v.id = p.id WHERE p.source_id = ? ORDER BY p.number"""
_SOURCES = "SELECT DISTINCT source_id FROM passages WHERE id IN (SELECT id FROM passage_vectors) ORDER BY source_id"
_COUNT_UP_TO = "SELECT count(*) FROM (SELECT 1 FROM passages {where} LIMIT :most)"


class SqliteIndex(WithTexts):
    """The index port on a connection of the library that has sqlite-vec loaded.

    Without a `model` it is good for keyword search and removal, and for `nearest` where something was indexed before.
    BadRequest where the index was made with another model and still holds passages.
    """

    def __init__(self, connection: apsw.Connection, model: EmbeddingModel | None = None, *, exact: int = EXACT) -> None:
        self._connection = connection
        self._exact = exact
        self.model = prepare(connection, model)
        self._texts = SqliteTexts(connection)

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Put these passages in the place of all that the source had, in one transaction after the last arrived."""
        with arrived(self._connection, embedded, self.model, self._texts.vocabulary.unknown) as arrivals:
            with self._connection:
                self._settle(source_id, arrivals)
                confirm()
            return arrivals.count

    def _settle(self, source_id: str, arrivals: Arrivals) -> None:
        """Where the texts are the same as before, only the vectors are put in place."""
        check_current(self._connection, self.model)
        same = self._texts.are_arrivals(source_id)
        forget_vectors(self._connection, self.model, source_id)
        if not same:
            leave_other_places(self._connection, source_id)
            self._texts.settle(source_id, arrivals.words)
        for statement in (_SETTLE, _SETTLE_BITS) if has_bits(self.model) else (_SETTLE,):
            self._connection.execute(statement, {"source_id": source_id})

    def remove(self, source_id: str, confirm: Confirm = accept) -> int:
        """Forget the source's passages and return how many they were."""
        with self._connection:
            passages = self.count(source_id)
            forget_vectors(self._connection, self.model, source_id)
            self._texts.forget(source_id)
            leave_other_places(self._connection, source_id)
            confirm()
        return passages

    def nearest(self, vector: Floats, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest cosine.

        Compared with every one up to `exact` of them; of more, those are compared whose signs agree best.
        """
        check_vector(vector, self.model)
        k = min(k, MAX_K)
        picked = min(max(PICKED * k, LEAST_PICKED), MAX_K)
        by_bits = has_bits(self.model) and self._are_many(bounds)
        statement, id = (_NEAREST_BY_BITS, "b.id") if by_bits else (_NEAREST, "v.id")
        rows = self._connection.execute(*bounded(statement, bounds, id, vector=blob(vector), k=k, picked=picked))
        return [Found(row[0], Passage(*row[1:5]), row[5]) for row in rows]

    def vector_at(self, source_id: str, at: Seconds) -> tuple[Passage, Floats] | None:
        """The passage said at this second of a source, else the next one, and its vector; None after the last."""
        if self.model is None:
            return None
        row = self._connection.execute(_VECTOR_AT, {"source_id": source_id, "at": at}).fetchone()
        return (Passage(*row[:4]), memoryview(row[4]).cast("f")) if row else None

    def passages(self, source_id: str) -> Iterator[Passage]:
        """Yield the source's passages that have a vector here, in order."""
        if self.model is not None:
            yield from (Passage(*row) for row in self._connection.execute(_PASSAGES, (source_id,)))

    def embedded(self, source_id: str) -> Iterator[tuple[Passage, Floats]]:
        """Yield the source's passages with their vectors, in order."""
        if self.model is not None:
            for row in self._connection.execute(_EMBEDDED, (source_id,)):
                yield Passage(*row[:4]), memoryview(row[4]).cast("f")

    def sources(self) -> list[str]:
        """Ids of the sources that have passages with vectors here, in order."""
        return [] if self.model is None else [source_id for (source_id,) in self._connection.execute(_SOURCES)]

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        return self._texts.count(source_id)

    def notes(self) -> list[str]:
        """None: what is written is found at once."""
        return []

    def find_faults(self) -> Iterator[str]:
        """Yield what in the tables does not agree; nothing where all is well."""
        return find_faults(self._connection)

    def tidy(self) -> int:
        """Nothing is left of what is removed."""
        return 0

    def _are_many(self, bounds: Bounds) -> bool:
        condition = conditions(bounds)
        statement = _COUNT_UP_TO.format(where=f"WHERE {condition}" if condition else "")
        return int(self._connection.execute(statement, bound_values(bounds, most=self._exact + 1)).get) > self._exact


def forget_vectors(connection: apsw.Connection, model: EmbeddingModel | None, source_id: str) -> None:
    """Forget the vectors of a source's passages, which are of the embedded index's model; None where it has none."""
    if model is not None:
        forget_next(connection, source_id)
        for statement in (_FORGET_BITS, _FORGET_VECTORS) if has_bits(model) else (_FORGET_VECTORS,):
            connection.execute(statement, {"source_id": source_id})
