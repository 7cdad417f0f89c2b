"""The embedded index: passages, their words (FTS5) and their vectors (sqlite-vec) in the library's one SQLite file."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, cast

from halfgig.records import Passage
from halfgig.retrieval.index import EVERYWHERE, Bounds, Found, accept, best_possible, check_vector, rarity
from halfgig.retrieval.renewal import check_current, forget_next
from halfgig.retrieval.tables import BITS_WIDTH, prepare
from halfgig.retrieval.vocabulary import SqliteVocabulary
from halfgig.retrieval.words import spaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import apsw

    from halfgig.records import Floats, Seconds
    from halfgig.retrieval.index import Confirm, Embedded, EmbeddingModel
    from halfgig.retrieval.words import Asked, Question

MAX_K = 4096  # of one nearest-vector query, by sqlite-vec
EXACT = 20_000  # passages that are all compared with, in about 20 ms; of more the signs are compared first
PICKED = 8  # times as many as are asked for are picked by their signs, and then compared by their cosines
LEAST_PICKED = 400

SAMPLE = 20_000  # passages that tell how rare a word is
COMMON = rarity(SAMPLE // 3, SAMPLE)  # a word of this weight or less is in every third passage

# New passages wait here, in a file of this connection alone, until the last has arrived: it needs no lock while they
# are embedded, and nothing is left of it when the process dies.
_OPEN_ARRIVALS = """CREATE TEMP TABLE IF NOT EXISTS arrivals (
 number INTEGER PRIMARY KEY, "start" REAL, "end" REAL, text TEXT, words TEXT, vector BLOB)"""
_CLEAR_ARRIVALS = "DELETE FROM temp.arrivals"
_ARRIVE = "INSERT INTO temp.arrivals VALUES (?, ?, ?, ?, ?, ?)"

_FORGET_VECTORS = "DELETE FROM passage_vectors WHERE id IN (SELECT id FROM passages WHERE source_id = :source_id)"
_FORGET_BITS = "DELETE FROM passage_bits WHERE id IN (SELECT id FROM passages WHERE source_id = :source_id)"
_FORGET = (
    "DELETE FROM passage_words WHERE rowid IN (SELECT id FROM passages WHERE source_id = :source_id)",
    "DELETE FROM passages WHERE source_id = :source_id",
)
_SETTLE = (
    """INSERT INTO passages (source_id, number, "start", "end", text)
 SELECT :source_id, number, "start", "end", text FROM temp.arrivals ORDER BY number""",
    """INSERT INTO passage_words (rowid, text)
 SELECT p.id, a.words FROM passages p JOIN temp.arrivals a USING (number) WHERE p.source_id = :source_id""",
    """INSERT INTO passage_vectors (id, source_id, vector)
 SELECT p.id, p.source_id, a.vector FROM passages p JOIN temp.arrivals a USING (number)
 WHERE p.source_id = :source_id""",
)
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
_MATCHING = """SELECT p.source_id, p.number, p."start", p."end", p.text, -w.rank AS score
 FROM (SELECT rowid AS id, rank FROM passage_words WHERE passage_words MATCH :expression {within}
 ORDER BY rank LIMIT :k) w JOIN passages p ON p.id = w.id ORDER BY w.rank, p.id"""
_WITHIN = "AND {id} IN (SELECT id FROM passages WHERE {condition})"
_VECTOR_AT = """SELECT p.number, p."start", p."end", p.text, v.vector
 FROM (SELECT * FROM passages WHERE source_id = :source_id AND "end" > :at ORDER BY number LIMIT 1) p
 JOIN passage_vectors v ON v.id = p.id"""
_EMBEDDED = """SELECT p.number, p."start", p."end", p.text, v.vector
 FROM passages p JOIN passage_vectors v ON v.id = p.id WHERE p.source_id = ? ORDER BY p.number"""
_LAST = "SELECT coalesce(max(id), 0) FROM passages"
_HOLDING = "SELECT count(*) FROM passage_words WHERE passage_words MATCH :run AND rowid > :before"
_COUNT = "SELECT count(*) FROM passages WHERE :source_id IS NULL OR source_id = :source_id"
_COUNT_UP_TO = "SELECT count(*) FROM (SELECT 1 FROM passages {where} LIMIT :most)"


class SqliteIndex:
    """The index port on a connection of the library that has sqlite-vec loaded.

    Without a `model` it is good for keyword search and removal, and for `nearest` where something was indexed before.
    BadRequest where the index was made with another model and still holds passages.
    """

    def __init__(self, connection: apsw.Connection, model: EmbeddingModel | None = None, *, exact: int = EXACT) -> None:
        self._connection = connection
        self._exact = exact
        self.model = prepare(connection, model)
        self._vocabulary = SqliteVocabulary(connection)

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Put these passages in the place of all that the source had, in one transaction after the last arrived."""
        self._connection.execute(_OPEN_ARRIVALS)
        self._connection.execute(_CLEAR_ARRIVALS)
        words: set[str] = set()
        try:
            for passage, vector in embedded:
                check_vector(vector, self.model)
                self._connection.execute(_ARRIVE, _arrival(passage, vector))
                words |= self._vocabulary.unknown(passage.text, words)
            return self._settle(source_id, words, confirm)
        finally:
            self._connection.execute(_CLEAR_ARRIVALS)

    def _settle(self, source_id: str, words: set[str], confirm: Confirm) -> int:
        with self._connection:
            check_current(self._connection, self.model)
            self._forget(source_id)
            for statement in (*_SETTLE, _SETTLE_BITS) if self._has_bits else _SETTLE:
                self._connection.execute(statement, {"source_id": source_id})
            self._vocabulary.add(words)
            confirm()
        return self.count(source_id)

    def remove(self, source_id: str) -> int:
        """Forget the source's passages and return how many they were."""
        with self._connection:
            passages = self.count(source_id)
            self._forget(source_id)
        return passages

    def _forget(self, source_id: str) -> None:
        forget_next(self._connection, source_id)
        statements = [*([_FORGET_BITS] if self._has_bits else []), *([_FORGET_VECTORS] if self.model else []), *_FORGET]
        for statement in statements:
            self._connection.execute(statement, {"source_id": source_id})

    def nearest(self, vector: Floats, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest cosine.

        Compared with every one up to `exact` of them; of more, those are compared whose signs agree best.
        """
        check_vector(vector, self.model)
        k = min(k, MAX_K)
        picked = min(max(PICKED * k, LEAST_PICKED), MAX_K)
        by_bits = self._has_bits and self._are_many(bounds)
        statement, id = (_NEAREST_BY_BITS, "b.id") if by_bits else (_NEAREST, "v.id")
        return self._found(statement, bounds, id, vector=_blob(vector), k=k, picked=picked)

    def matching(self, question: Question, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest bm25; of a large index, by the words that not every third of them holds."""
        weigh = cache(self._rarity)
        expression = _expression(self._telling(question, weigh))
        found = self._found(_MATCHING, bounds, "rowid", expression=expression, k=k)
        whole = best_possible(question, weigh) if found else 1.0
        return [replace(one, share=min(one.score / whole, 1.0)) for one in found]

    def _telling(self, question: Question, weigh: Callable[[Asked], float]) -> Question:
        """The question without its commonest words, which cost most and tell least; the rarest stays in any case."""
        if not question.choices or self._connection.execute(_LAST).get <= SAMPLE:
            return question
        weights = [max(map(weigh, choice)) for choice in question.choices]
        least = min(COMMON, max(weights))
        kept = (choice for choice, weight in zip(question.choices, weights, strict=True) if weight >= least)
        return replace(question, choices=tuple(kept))

    def _rarity(self, run: Asked) -> float:
        """The weight that bm25 gives to a run of words, by the latest passages."""
        last = self._connection.execute(_LAST).get
        holding = self._connection.execute(_HOLDING, {"run": quoted(run), "before": last - SAMPLE}).get
        return rarity(holding, min(last, SAMPLE))

    def vector_at(self, source_id: str, at: Seconds) -> tuple[Passage, Floats] | None:
        """The passage said at this second of a source, else the next one, and its vector; None after the last."""
        if self.model is None:
            return None
        row = self._connection.execute(_VECTOR_AT, {"source_id": source_id, "at": at}).fetchone()
        return (Passage(*row[:4]), memoryview(row[4]).cast("f")) if row else None

    def embedded(self, source_id: str) -> Iterator[tuple[Passage, Floats]]:
        """Yield the source's passages with their vectors, in order."""
        if self.model is not None:
            for row in self._connection.execute(_EMBEDDED, (source_id,)):
                yield Passage(*row[:4]), memoryview(row[4]).cast("f")

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        return int(self._connection.execute(_COUNT, {"source_id": source_id}).get)

    def learn(self, words: Callable[[], Iterable[str]]) -> None:
        """Words that the embedding model has whole, and that are therefore no slips; called for once only."""
        self._vocabulary.learn(words)

    def learnt(self) -> list[str]:
        """What was learnt, in its order."""
        return self._vocabulary.learnt()

    def knows(self, word: str) -> bool:
        """Whether any passage holds the word, in whatever form, or the embedding model has it whole."""
        return self._vocabulary.knows(word)

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words of the passages that begin with these letters, shortest first."""
        return self._vocabulary.beginning(prefix, limit)

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share most runs of three letters with this one: those of passages, then those that were learnt."""
        return self._vocabulary.resembling(word, limit)

    @property
    def _has_bits(self) -> bool:
        return self.model is not None and self.model.dim % BITS_WIDTH == 0

    def _are_many(self, bounds: Bounds) -> bool:
        condition = conditions(bounds)
        statement = _COUNT_UP_TO.format(where=f"WHERE {condition}" if condition else "")
        return int(self._connection.execute(statement, bound_values(bounds, most=self._exact + 1)).get) > self._exact

    def _found(self, statement: str, bounds: Bounds, id: str, **values: str | int | bytes) -> list[Found]:
        condition = conditions(bounds)
        within = _WITHIN.format(id=id, condition=condition) if condition else ""
        rows = self._connection.execute(statement.format(within=within), bound_values(bounds, **values))
        return [Found(row[0], Passage(*row[1:5]), row[5]) for row in rows]


def conditions(bounds: Bounds) -> str:
    """The SQL condition of rows within bounds; empty where there are none."""
    of_sources = "source_id IN (SELECT value FROM json_each(:sources))" if bounds.sources is not None else ""
    timed = (bounds.after, bounds.before) != (EVERYWHERE.after, EVERYWHERE.before)
    of_time = '"end" > :after AND "start" < :before' if timed else ""
    return " AND ".join(filter(None, (of_sources, of_time)))


def bound_values(bounds: Bounds, **values: str | int | bytes) -> dict[str, str | int | float | bytes | None]:
    """The values of `conditions`, and others."""
    return {"sources": json.dumps(bounds.sources), "after": bounds.after, "before": bounds.before, **values}


def _arrival(passage: Passage, vector: Floats) -> tuple[int, float, float, str, str, bytes]:
    return passage.number, passage.start, passage.end, passage.text, spaced(passage.text), _blob(vector)


def _blob(vector: Floats) -> bytes:
    return memoryview(cast("memoryview[float]", vector)).tobytes()


def _expression(question: Question) -> str:
    """The question in FTS5's language: every phrase, and for the ranking any word. Stems of words are safe to quote."""
    anything = " OR ".join(quoted(run) for run in (*question.phrases, *question.words))
    return " AND ".join([*(quoted(run) for run in question.phrases), f"({anything})"])


def quoted(run: Asked) -> str:
    """The run as FTS5's language has it, whatever it holds."""
    return '"' + spaced(run.text).replace('"', '""') + '"'
