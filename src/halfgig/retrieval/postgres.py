"""The index in Postgres: passages, their words (full-text search) and their vectors (pgvector, HNSW) in its tables."""

from __future__ import annotations

import logging
from importlib import resources
from itertools import chain
from typing import TYPE_CHECKING, Any

from halfgig.errors import ServerTrouble
from halfgig.retrieval.arrivals import arrived
from halfgig.retrieval.index import (
    EVERYWHERE,
    Bounds,
    EmbeddingModel,
    Found,
    accept,
    best_possible,
    check_model,
    check_vector,
    rarity,
)
from halfgig.retrieval.ledger import Ledger, leave_other_places
from halfgig.retrieval.sqlite import forget_vectors
from halfgig.retrieval.tables import find_faults, prepare
from halfgig.retrieval.texts import SAMPLE, SqliteTexts, without_common
from halfgig.retrieval.tsearch import (
    columns,
    condition,
    every_word,
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

    import apsw

    from halfgig.records import Floats, Passage, Seconds
    from halfgig.retrieval.arrivals import Arrivals
    from halfgig.retrieval.index import Confirm, Embedded
    from halfgig.retrieval.line import Line, Session
    from halfgig.retrieval.words import Question

log = logging.getLogger("halfgig")

MOST_INDEXED = 2_000  # numbers of a vector that HNSW takes; longer ones are all compared
LEAST_EF, MOST_EF = 100, 1_000  # candidates that a search of the HNSW graph keeps
ONE_RANK = 0.6079  # ts_rank of a passage that holds a word once
PAGE = 200  # rows read at once
BEGUN = 500  # words that are looked at for a beginning, the shortest first

_TABLES = "SELECT to_regclass('halfgig_facts') IS NOT NULL"
_FACTS = "SELECT name, value FROM halfgig_facts"
_RECORD = """INSERT INTO halfgig_facts VALUES (%(name)s, %(value)s)
 ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_ANY = "SELECT EXISTS (SELECT 1 FROM halfgig_passages)"
_DROP = "DROP TABLE IF EXISTS halfgig_passages, halfgig_arrivals, halfgig_words, halfgig_facts"
_GRAPH = "CREATE INDEX halfgig_passages_vector ON halfgig_passages USING hnsw (vector vector_cosine_ops)"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext(%(name)s))"

_ARRIVE = """COPY halfgig_arrivals (edition, number, "start", "end", text, words, vector) FROM STDIN"""
_CLEAR = "DELETE FROM halfgig_arrivals WHERE edition = %(edition)s"
_ARRIVED = "SELECT count(*) FROM halfgig_arrivals WHERE edition = %(edition)s"
_SETTLE = """INSERT INTO halfgig_passages (source_id, number, "start", "end", text, words, vector, edition)
 SELECT %(source_id)s, number, "start", "end", text, words, vector, edition FROM halfgig_arrivals
 WHERE edition = %(edition)s ORDER BY number"""
_FORGET = "DELETE FROM halfgig_passages WHERE source_id = %(source_id)s"
_FORGET_EDITION = "DELETE FROM halfgig_passages WHERE edition = %(edition)s"
_EDITIONS = "SELECT source_id, edition, count(*) FROM halfgig_passages GROUP BY source_id, edition"
_OF_SOURCE = "SELECT edition, count(*) FROM halfgig_passages WHERE source_id = %(source_id)s GROUP BY edition"
_STRAY = "SELECT DISTINCT edition FROM halfgig_arrivals"

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

_ADD_WORDS = """INSERT INTO halfgig_words (word, runs) SELECT word, string_to_array(runs, '|')
 FROM unnest(%(words)s::text[], %(runs)s::text[]) AS new (word, runs) ON CONFLICT DO NOTHING"""
_LEARN = """INSERT INTO halfgig_words (word, runs, place) SELECT word, string_to_array(runs, '|'), place - 1
 FROM unnest(%(words)s::text[], %(runs)s::text[]) WITH ORDINALITY AS new (word, runs, place)
 ON CONFLICT (word) DO UPDATE SET place = excluded.place"""
_LEARNT = "SELECT word FROM halfgig_words WHERE place IS NOT NULL ORDER BY place"
_IS_LEARNT = "SELECT 1 FROM halfgig_words WHERE word = %(word)s AND place IS NOT NULL"
_HELD = """SELECT word FROM unnest(%(words)s::text[], %(runs)s::text[]) AS asked (word, run)
 WHERE EXISTS (SELECT 1 FROM halfgig_passages WHERE words @@ run::tsquery)"""
_BEGINNING = """SELECT word FROM halfgig_words WHERE word >= %(prefix)s AND word < %(past)s
 ORDER BY length(word), word LIMIT %(most)s"""
_RESEMBLING = """SELECT word, place,
  cardinality(ARRAY(SELECT unnest(runs) INTERSECT SELECT unnest(%(runs)s::text[]))) AS shared
 FROM halfgig_words WHERE runs && %(runs)s::text[] ORDER BY shared DESC, length(word), word LIMIT %(limit)s"""


class PostgresIndex:
    """The index port over Postgres, with the ledger of what is shown in the library that `connection` is of.

    A source's new passages wait in a table of arrivals; the library's transaction says that they are whole, and then
    one transaction of Postgres puts them in place. A process that dies between the two leaves a row in the ledger, by
    which the next one finishes. BadRequest where the index was made with another model and still holds passages.
    """

    def __init__(self, connection: apsw.Connection, line: Line, model: EmbeddingModel | None = None) -> None:
        self._embedded_model = prepare(connection, None)
        self._connection, self._line = connection, line
        self._ledger = Ledger(connection, line.shown)
        self._texts = SqliteTexts(connection)  # what was said before this index was used, and the words of events
        self.model = line.run(lambda session: _adopt(session, model))
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
                    self._line.write(lambda session, edition=edition: _drop(session, edition))  # type: ignore[misc]
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
        for edition in (edition for _, edition, passages in shown if there.get(edition, 0) != passages):
            self._ledger.lose(edition)
        for edition in strange | (stray - kept):
            self._line.write(lambda session, edition=edition: _drop(session, edition))  # type: ignore[misc]
        self._sweep()
        return len(strange)

    def learn(self, words: Callable[[], Iterable[str]]) -> None:
        """Words that the embedding model has whole, and that are therefore no slips; called for once only."""
        if self.model is None or dict(self._ask(_FACTS)).get("learnt"):
            return
        learnt = list(words())
        self._line.write(lambda session: _learn(session, learnt))

    # --- asking ---

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
        return [word for (word,) in self._ask(_LEARNT)]

    def knows(self, word: str) -> bool:
        """Whether any passage holds the word, in whatever form, or an event does, or it was learnt."""
        known = self._texts.vocabulary.knows(word) or self._ask(_IS_LEARNT, word=word) or self._held([word])
        return bool(known)

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words of the passages and events that begin with these letters, shortest first."""
        found = self._ask(_BEGINNING, prefix=prefix, past=prefix + "\U0010ffff", most=BEGUN)
        both = {*self._held([word for (word,) in found]), *self._texts.vocabulary.beginning(prefix, limit)}
        return sorted(both, key=lambda word: (len(word), word))[:limit]

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share most runs of three letters with this one: those of passages, then those that were learnt."""
        found = self._ask(_RESEMBLING, runs=runs_of(word), limit=limit)
        held = self._held([other for other, _, _ in found])
        near = [other for other, _, _ in found if other in held]
        learnt = sorted((place, other) for other, place, _ in found if place is not None and other not in held)
        ours = self._texts.vocabulary.resembling(word, limit)
        return list(dict.fromkeys(chain(near, ours, (other for _, other in learnt))))[:limit]

    def _held(self, words: list[str]) -> set[str]:
        """Those of the words that a passage holds, in whatever form."""
        runs = [phrase([term.stem for term in find_terms(word)]) for word in words]
        return {word for (word,) in self._ask(_HELD, words=words, runs=runs)} if words else set()

    def notes(self) -> list[str]:
        """None: what is put in place is found at once."""
        return []

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

    def _ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of the index's tables; none where there are no tables yet."""
        return [] if self.model is None else self._line.ask(statement, **values)


# --- within a transaction of Postgres ---


def _adopt(session: Session, model: EmbeddingModel | None) -> EmbeddingModel | None:
    """The model the index is of; with a `model` the tables are made for it where they are not there, or empty."""
    known = _recorded(session)
    if model is None or known == model:
        return known
    session.do(_ONE_AT_A_TIME, name="halfgig")
    known = _recorded(session)
    if known is not None and known != model and session.one(_ANY):
        check_model(model, known)
    if known != model:
        session.script(_DROP)
        schema = (resources.files("halfgig.retrieval") / "schema" / "postgres.sql").read_text("utf-8")
        session.script(schema.replace(":dim", str(model.dim)))
        if model.dim <= MOST_INDEXED:
            session.script(_GRAPH)
        for name, value in (("model", model.name), ("dim", str(model.dim))):
            session.do(_RECORD, name=name, value=value)
    return model


def _recorded(session: Session) -> EmbeddingModel | None:
    facts = dict(session.ask(_FACTS)) if session.one(_TABLES) else {}
    return EmbeddingModel(facts["model"], int(facts["dim"])) if "model" in facts else None


def _bring(session: Session, edition: str, arrivals: Arrivals) -> None:
    session.do(_CLEAR, edition=edition)
    session.copy(_ARRIVE, ((edition, *columns(passage, vector)) for passage, vector in arrivals.rows()))
    words = sorted(arrivals.words)
    session.do(_ADD_WORDS, words=words, runs=["|".join(runs_of(word)) for word in words])


def _put_in_place(session: Session, source_id: str, edition: str, passages: int) -> None:
    session.do(_ONE_AT_A_TIME, name=edition)
    if session.one(_ARRIVED, edition=edition) == passages:  # else another has done it
        session.do(_FORGET, source_id=source_id)
        session.do(_SETTLE, source_id=source_id, edition=edition)
        session.do(_CLEAR, edition=edition)


def _drop(session: Session, edition: str) -> None:
    session.do(_FORGET_EDITION, edition=edition)
    session.do(_CLEAR, edition=edition)


def _learn(session: Session, words: list[str]) -> None:
    session.do(_LEARN, words=words, runs=["|".join(runs_of(word)) for word in words])
    session.do(_RECORD, name="learnt", value="yes")


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
