"""The tables of passages, words and vectors in a Postgres: made for a model, and written, within a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.retrieval.index import check_model
from halfgig.retrieval.tables import NEXT, schema
from halfgig.retrieval.tables import recorded as of_facts
from halfgig.retrieval.tsearch import columns, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from halfgig.records import Floats, Passage
    from halfgig.retrieval.index import EmbeddingModel
    from halfgig.retrieval.line import Session

MOST_INDEXED = 2_000  # numbers of a vector that HNSW takes; longer ones are all compared

_TABLES = "SELECT to_regclass('halfgig_facts') IS NOT NULL"
FACTS = "SELECT name, value FROM halfgig_facts"
_RECORD = """INSERT INTO halfgig_facts VALUES (%(name)s, %(value)s)
 ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_ANY = "SELECT EXISTS (SELECT 1 FROM halfgig_passages)"
_DROP = "DROP TABLE IF EXISTS halfgig_passages, halfgig_arrivals"
# The facts before all else, here and below: whoever puts another index in place holds them first.
_UNLEARN = "DELETE FROM halfgig_facts WHERE name = 'learnt'; UPDATE halfgig_words SET place = NULL"
_NEXT_PREFIX = "halfgig_next_"
_NO_NEXT = "DELETE FROM halfgig_facts WHERE name IN ('next_model', 'next_dim')"
_NEXT_TABLES = """SELECT tablename FROM pg_tables
 WHERE schemaname = current_schema() AND starts_with(tablename, %(prefix)s)"""
_NEXT_INDEXES = """SELECT indexname FROM pg_indexes
 WHERE schemaname = current_schema() AND starts_with(indexname, %(prefix)s)"""
# No id comes twice: whoever makes an index anew tells passages by them.
_GO_ON = """SELECT setval(pg_get_serial_sequence('halfgig_next_passages', 'id'),
 nextval(pg_get_serial_sequence('halfgig_passages', 'id')))"""
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

_ADD_WORDS = """INSERT INTO halfgig_words (word, runs) SELECT word, string_to_array(runs, '|')
 FROM unnest(%(words)s::text[], %(runs)s::text[]) AS new (word, runs) ON CONFLICT DO NOTHING"""
_LEARN = """INSERT INTO halfgig_words (word, runs, place) SELECT word, string_to_array(runs, '|'), place - 1
 FROM unnest(%(words)s::text[], %(runs)s::text[]) WITH ORDINALITY AS new (word, runs, place)
 ON CONFLICT (word) DO UPDATE SET place = excluded.place"""


def adopt(session: Session, model: EmbeddingModel | None) -> EmbeddingModel | None:
    """The model the index is of; with a `model` the tables are made for it where they are not there, or empty."""
    known = recorded(session)
    if model is None or known == model:
        return known
    session.do(_ONE_AT_A_TIME, name="halfgig")
    known = recorded(session)
    if known is not None and known != model and session.one(_ANY):
        check_model(model, known)
    if known != model:
        if known is not None:
            drop_next(session)
            session.script(_DROP)
        session.script(schema("postgres_words.sql"))
        _make(session, model, "halfgig_")
        session.script(_UNLEARN)
        _record(session, model)
    return model


def _make(session: Session, model: EmbeddingModel, prefix: str) -> None:
    """The tables of passages and of arrivals, with the graph, under names that begin so."""
    graph = _GRAPH if model.dim <= MOST_INDEXED else ""
    text = f"{schema('postgres.sql', dim=str(model.dim))};{graph}"
    session.script(text.replace("halfgig_", prefix))


def _record(session: Session, model: EmbeddingModel, which: str = "") -> None:
    for name, value in (("model", model.name), ("dim", str(model.dim))):
        session.do(_RECORD, name=f"{which}{name}", value=value)


def recorded(session: Session, which: str = "") -> EmbeddingModel | None:
    """The model of the index, or the `NEXT`; None before anything was indexed, or where none comes."""
    facts = dict(session.ask(FACTS)) if session.one(_TABLES) else {}
    return of_facts(facts, which)


def begin_next(session: Session, model: EmbeddingModel) -> None:
    """Make tables for vectors of another model, beside those that are there."""
    _make(session, model, _NEXT_PREFIX)
    _record(session, model, NEXT)


def drop_next(session: Session) -> None:
    """Forget what was made so far of an index with another model."""
    session.script(_NO_NEXT)
    session.script(_DROP.replace("halfgig_", _NEXT_PREFIX))


def take_next(session: Session, model: EmbeddingModel) -> None:
    """Put these tables in the place of those that are there, which nobody else may use."""
    session.script(_GO_ON)
    session.script(_DROP)
    for kind, names in (("TABLE", _NEXT_TABLES), ("INDEX", _NEXT_INDEXES)):
        for (name,) in session.ask(names, prefix=_NEXT_PREFIX):
            session.script(f"ALTER {kind} {name} RENAME TO {name.replace(_NEXT_PREFIX, 'halfgig_')}")
    session.script(f"{_NO_NEXT}; {_UNLEARN}")
    _record(session, model)


def bring(session: Session, edition: str, rows: Iterable[tuple[Passage, Floats]]) -> None:
    """Have passages wait with their vectors, as part of an edition."""
    session.copy(_ARRIVE, ((edition, *columns(passage, vector)) for passage, vector in rows))


def add_words(session: Session, words: Iterable[str]) -> None:
    """Remember words for beginnings and slips. In one order, so that nobody who does the same waits in a circle."""
    new = sorted(words)
    session.do(_ADD_WORDS, words=new, runs=["|".join(runs_of(word)) for word in new])


def alone(session: Session, name: str) -> None:
    """Wait until nobody else does what goes by this name, and keep others waiting until the transaction ends."""
    session.do(_ONE_AT_A_TIME, name=name)


def put_in_place(session: Session, source_id: str, edition: str, passages: int) -> bool:
    """Put the edition in the place of what the source had; False where not all of it waits: then nothing is."""
    whole = bool(session.one(_ARRIVED, edition=edition) == passages)
    if whole:
        forget(session, source_id)
        session.do(_SETTLE, source_id=source_id, edition=edition)
        clear(session, edition)
    return whole


def forget(session: Session, source_id: str) -> int:
    """Forget the passages of a source; returns how many they were."""
    return session.do(_FORGET, source_id=source_id)


def clear(session: Session, edition: str) -> None:
    """Forget what waits of an edition."""
    session.do(_CLEAR, edition=edition)


def drop(session: Session, edition: str) -> None:
    """Forget an edition, wherever it is."""
    session.do(_FORGET_EDITION, edition=edition)
    clear(session, edition)


def learn(session: Session, words: list[str]) -> None:
    """Remember words that are no slips, the commonest first."""
    session.do(_RECORD, name="learnt", value="yes")
    session.do(_LEARN, words=words, runs=["|".join(runs_of(word)) for word in words])
