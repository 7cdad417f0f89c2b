"""Passages, their words (full-text search) and their vectors (pgvector, HNSW) in a Postgres, asked."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from halfgig.retrieval.index import EVERYWHERE, Bounds, Found, best_possible, check_vector, rarity
from halfgig.retrieval.postgres_tables import FACTS, learn
from halfgig.retrieval.texts import SAMPLE, without_common
from halfgig.retrieval.tsearch import (
    condition,
    expression_of,
    passage_of,
    phrase,
    query_of,
    read_vector,
    runs_of,
    values_of,
    written,
)
from halfgig.retrieval.words import find_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from halfgig.records import Floats, Passage, Seconds
    from halfgig.retrieval.index import EmbeddingModel
    from halfgig.retrieval.line import Session
    from halfgig.retrieval.words import Question

T = TypeVar("T")

LEAST_EF, MOST_EF = 100, 1_000  # candidates that a search of the HNSW graph keeps
ONE_RANK = 0.6079  # ts_rank of a passage that holds a word once
PAGE = 200  # rows read at once
BEGUN = 500  # words that are looked at for a beginning, the shortest first

_NEAREST = """SELECT source_id, number, "start", "end", text, 1 - (vector <=> %(vector)s::vector)
 FROM halfgig_passages {where} ORDER BY vector <=> %(vector)s::vector LIMIT %(k)s"""
_SEARCHING = "SET LOCAL hnsw.ef_search = {ef}; {iterate}"
_ITERATE = (
    "SET LOCAL hnsw.iterative_scan = 'strict_order'"  # from pgvector 0.8 on: what filters leave out is made up for
)
# OFFSET 0 has the words looked up first: by the ids alone most of a small index would be read for each.
_HOLDING = """SELECT (SELECT count(*) FROM (SELECT id FROM halfgig_passages WHERE words @@ told::tsquery OFFSET 0) held
  WHERE id > %(before)s) FROM unnest(%(runs)s::text[]) WITH ORDINALITY AS asked (told, place) ORDER BY place"""
_LAST = "SELECT coalesce(max(id), 0) FROM halfgig_passages"
_LATER = "SELECT count(*) FROM halfgig_passages WHERE id > %(before)s"
_MATCHING = """SELECT p.source_id, p.number, p."start", p."end", p.text, m.score FROM (
  SELECT id, (SELECT sum(weight * ts_rank('{{1,1,1,1}}', words, told::tsquery))
    FROM unnest(%(runs)s::text[], %(weights)s::float8[]) AS asked (told, weight) WHERE words @@ told::tsquery) AS score
  FROM halfgig_passages WHERE words @@ %(expression)s::tsquery {within} ORDER BY score DESC, id LIMIT %(k)s) m
 JOIN halfgig_passages p ON p.id = m.id ORDER BY m.score DESC, p.id"""
_PAGE = """SELECT number, "start", "end", text, {vector} FROM halfgig_passages
 WHERE source_id = %(source_id)s AND number > %(after)s ORDER BY number LIMIT %(most)s"""
_VECTOR_AT = """SELECT number, "start", "end", text, vector_send(vector) FROM halfgig_passages
 WHERE source_id = %(source_id)s AND "end" > %(at)s ORDER BY number LIMIT 1"""
_SOURCES = "SELECT DISTINCT source_id FROM halfgig_passages ORDER BY source_id"
_COUNT = "SELECT count(*) FROM halfgig_passages WHERE %(source_id)s::text IS NULL OR source_id = %(source_id)s"

_LEARNT = "SELECT word FROM halfgig_words WHERE place IS NOT NULL ORDER BY place"
_IS_LEARNT = "SELECT 1 FROM halfgig_words WHERE word = %(word)s AND place IS NOT NULL"
_HELD = """SELECT word FROM unnest(%(words)s::text[], %(runs)s::text[]) AS asked (word, run) WHERE {held}"""
_HOLDS = "EXISTS (SELECT 1 FROM {table} WHERE words @@ run::tsquery)"
_BEGINNING = """SELECT word FROM halfgig_words WHERE word >= %(prefix)s AND word < %(past)s
 ORDER BY length(word), word LIMIT %(most)s"""
_RESEMBLING = """SELECT word, place,
  cardinality(ARRAY(SELECT unnest(runs) INTERSECT SELECT unnest(%(runs)s::text[]))) AS shared
 FROM halfgig_words WHERE runs && %(runs)s::text[] ORDER BY shared DESC, length(word), word LIMIT %(limit)s"""


class Way(Protocol):
    """The way to a Postgres."""

    def run(self, work: Callable[[Session], T]) -> T:
        """What `work` returns, which asks for something, in one transaction."""
        ...

    def write(self, work: Callable[[Session], T]) -> T:
        """The same for what is written, which may take its time."""
        ...

    def ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement, which changes nothing."""
        ...


class Elsewhere(Protocol):
    """Words that are kept elsewhere than in the index, as of events."""

    def knows(self, word: str) -> bool:
        """Whether any text there holds the word, in whatever form, or it was learnt."""
        ...

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words that begin with these letters, shortest first."""
        ...

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share most runs of three letters with this one."""
        ...


class PostgresPassages:
    """What of the index port is asked of a Postgres, whoever writes there. Without a model there is nothing yet."""

    model: EmbeddingModel | None
    _line: Way
    _elsewhere: Elsewhere
    _holding: tuple[str, ...] = ("halfgig_passages",)  # tables that have words

    def nearest(self, vector: Floats, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest cosine, by the HNSW graph where Postgres thinks that faster."""
        check_vector(vector, self.model)
        where = condition(bounds)
        statement = _NEAREST.format(where=f"WHERE {where}" if where else "")
        values = {"vector": written(vector), "k": k, **values_of(bounds)}
        return self._line.run(lambda session: _searched(session, k, statement, values))

    def matching(self, question: Question, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages whose words add up to most: each by how rare it is, and by how often a passage holds it.

        Of a large index, by the words that not every third passage holds.
        """
        if self.model is None:
            return []
        return self._line.run(lambda session: _matching(session, question, k, bounds))

    def vector_at(self, source_id: str, at: Seconds) -> tuple[Passage, Floats] | None:
        """The passage said at this second of a source, else the next one, and its vector; None after the last."""
        rows = self._ask(_VECTOR_AT, source_id=source_id, at=at)
        return (passage_of(rows[0]), read_vector(rows[0][4])) if rows else None

    def passages(self, source_id: str) -> Iterator[Passage]:
        """Yield the source's passages, in order. Holds some."""
        return (passage_of(row) for row in self._pages(source_id, "NULL"))

    def embedded(self, source_id: str) -> Iterator[tuple[Passage, Floats]]:
        """Yield the same with their vectors."""
        return ((passage_of(row), read_vector(row[4])) for row in self._pages(source_id, "vector_send(vector)"))

    def _pages(self, source_id: str, vector: str) -> Iterator[tuple[Any, ...]]:
        after, statement = -1, _PAGE.format(vector=vector)
        while rows := self._ask(statement, source_id=source_id, after=after, most=PAGE):
            yield from rows
            after = rows[-1][0]

    def sources(self) -> list[str]:
        """Ids of the sources that have passages, in order."""
        return [source_id for (source_id,) in self._ask(_SOURCES)]

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        return int(sum(count for (count,) in self._ask(_COUNT, source_id=source_id)))

    def learnt(self) -> list[str]:
        """What was learnt, in its order."""
        return [word for (word,) in self._ask_words(_LEARNT)]

    def knows(self, word: str) -> bool:
        """Whether any passage holds the word, in whatever form, or an event does, or it was learnt."""
        known = self._elsewhere.knows(word) or self._ask_words(_IS_LEARNT, word=word) or self._held([word])
        return bool(known)

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words of the passages and events that begin with these letters, shortest first."""
        found = self._ask_words(_BEGINNING, prefix=prefix, past=prefix + "\U0010ffff", most=BEGUN)
        both = {*self._held([word for (word,) in found]), *self._elsewhere.beginning(prefix, limit)}
        return sorted(both, key=lambda word: (len(word), word))[:limit]

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share most runs of three letters with this one: those of passages, then those that were learnt."""
        found = self._ask_words(_RESEMBLING, runs=runs_of(word), limit=limit)
        held = self._held([other for other, _, _ in found])
        near = [other for other, _, _ in found if other in held]
        learnt = sorted((place, other) for other, place, _ in found if place is not None and other not in held)
        ours = self._elsewhere.resembling(word, limit)
        return list(dict.fromkeys(chain(near, ours, (other for _, other in learnt))))[:limit]

    def _held(self, words: list[str]) -> set[str]:
        """Those of the words that a passage holds, in whatever form."""
        runs = [phrase([term.stem for term in find_terms(word)]) for word in words]
        held = " OR ".join(_HOLDS.format(table=table) for table in self._holding)
        rows = self._ask_words(_HELD.format(held=held), words=words, runs=runs) if words else []
        return {word for (word,) in rows}

    def notes(self) -> list[str]:
        """None: what is put in place is found at once."""
        return []

    def learn(self, words: Callable[[], Iterable[str]]) -> None:
        """Words that the embedding model has whole, and that are therefore no slips; called for once only."""
        if self.model is None or dict(self._ask(FACTS)).get("learnt"):
            return
        learnt = list(words())
        self._line.write(lambda session: learn(session, learnt))

    def _ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of the tables of passages; none where there are no tables yet."""
        return [] if self.model is None else self._line.ask(statement, **values)

    def _ask_words(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of the table of words; none where there is none yet."""
        return self._ask(statement, **values)


# --- within a transaction of Postgres ---


def _searched(session: Session, k: int, statement: str, values: dict[str, Any]) -> list[Found]:
    ef = min(max(2 * k, LEAST_EF), MOST_EF)
    session.script(_SEARCHING.format(ef=ef, iterate=_ITERATE))
    return [Found(row[0], passage_of(row[1:]), row[5]) for row in session.ask(statement, **values)]


def _matching(session: Session, question: Question, k: int, bounds: Bounds) -> list[Found]:
    before = session.one(_LAST) - SAMPLE
    sampled = session.one(_LATER, before=before)
    asked = (*question.phrases, *question.words)
    held = session.ask(_HOLDING, runs=[query_of(run) for run in asked], before=before)
    weights = {run: rarity(holding, sampled) for run, (holding,) in zip(asked, held, strict=True)}
    if question.choices and sampled >= SAMPLE:
        question = without_common(question, weights.__getitem__)
    runs = (*question.phrases, *question.words)
    where = condition(bounds)
    rows = session.ask(
        _MATCHING.format(within=f"AND {where}" if where else ""),
        runs=[query_of(run) for run in runs],
        weights=[weights[run] / ONE_RANK for run in runs],
        expression=expression_of(question),
        k=k,
        **values_of(bounds),
    )
    whole = best_possible(question, weights.__getitem__)
    return [Found(row[0], passage_of(row[1:]), row[5], share=min(row[5] / whole, 1.0)) for row in rows]
