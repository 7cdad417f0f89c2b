"""The index in the library's Postgres made anew with another model, while the old one is searched and written to.

New vectors come batch by batch into tables that are like the present ones, and have their graph. When no passage lacks
one, they take the place of the old in one transaction: a matter of names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from halfgig.errors import BadRequest
from halfgig.retrieval.index import EmbeddingModel, check_vector
from halfgig.retrieval.postgres_library import Inside
from halfgig.retrieval.postgres_tables import alone, begin_next, drop_next, recorded, take_next
from halfgig.retrieval.renewal import check_ours
from halfgig.retrieval.tables import NEXT
from halfgig.retrieval.tsearch import unescaped, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.records import Floats
    from halfgig.retrieval.embedding import PassageEmbedder
    from halfgig.retrieval.line import Session
    from halfgig.retrieval.postgres_library import Home
    from halfgig.retrieval.renewal import Watch

_MISSING = """SELECT id, source_id, text FROM halfgig_passages p WHERE id > %(after)s
 AND NOT EXISTS (SELECT 1 FROM halfgig_next_passages n WHERE n.id = p.id) ORDER BY id LIMIT %(most)s"""
_STRAY = """DELETE FROM halfgig_next_passages n WHERE source_id = ANY(%(sources)s)
 AND NOT EXISTS (SELECT 1 FROM halfgig_passages p WHERE p.id = n.id)"""
_ALL_STRAY = """DELETE FROM halfgig_next_passages n
 WHERE NOT EXISTS (SELECT 1 FROM halfgig_passages p WHERE p.id = n.id)"""
_KEEP = """INSERT INTO halfgig_next_passages
 (id, source_id, number, "start", "end", text, words, vector, edition) OVERRIDING SYSTEM VALUE
 SELECT id, source_id, number, "start", "end", text, words, %(vector)s::vector, edition FROM halfgig_passages
 WHERE id = %(id)s ON CONFLICT DO NOTHING"""
_COUNTS = """SELECT next.many, ours.many FROM (SELECT count(*) AS many FROM halfgig_passages) ours,
 (SELECT count(*) AS many FROM halfgig_next_passages) next"""
# In the order in which everybody else comes to them. The facts keep out whoever asks first of which model the index is.
_HOLD = "LOCK TABLE halfgig_facts, halfgig_arrivals, halfgig_passages IN ACCESS EXCLUSIVE MODE"


def renew_library(home: Home, embedder: PassageEmbedder, batch_size: int, watch: Watch) -> int:
    """Embed every passage with this model and put the vectors in the place of the old; returns how many were embedded.

    It goes on where an earlier run stopped, on whichever machine, and `watch` hears how many passages have a vector,
    and of how many. Holds a batch. BadRequest where nothing is indexed, Locked where another run has begun with a third
    model.
    """
    way, model = Inside(home), EmbeddingModel(embedder.model, embedder.dim)
    known = way.run(recorded)
    if known is None:
        raise BadRequest("Nothing is indexed yet.", "Index a video: halfgig index VIDEO")
    if known == model:
        way.write(drop_next)
        return 0
    way.write(lambda session: _begin(session, model))
    made = 0
    while not way.write(lambda session: _swap(session, model)):
        after = 0
        while batch := way.ask(_MISSING, after=after, most=batch_size):
            vectors = list(embedder.embed([unescaped(text) for _, _, text in batch]))
            made += way.write(lambda session, batch=batch, vectors=vectors: _keep(session, model, batch, vectors))  # type: ignore[misc]
            watch(*way.ask(_COUNTS)[0])
            after = batch[-1][0]
    return made


def _begin(session: Session, model: EmbeddingModel) -> None:
    """Make the tables of the next model, unless an earlier run has."""
    alone(session, "halfgig")
    if recorded(session, NEXT) != model:
        drop_next(session)
        begin_next(session, model)


def _keep(session: Session, model: EmbeddingModel, batch: Sequence[tuple[Any, ...]], vectors: Sequence[Floats]) -> int:
    """Keep the vectors of passages that are still there; returns how many. Those that others took the place of go."""
    check_ours(recorded(session, NEXT), model)
    session.do(_STRAY, sources=sorted({source_id for _, source_id, _ in batch}))
    kept = 0
    for (id, _, _), vector in zip(batch, vectors, strict=True):
        check_vector(vector, model)
        kept += session.do(_KEEP, id=id, vector=written(vector))
    return kept


def _swap(session: Session, model: EmbeddingModel) -> bool:
    """Put the next vectors in the place of the old, if none is missing.

    Nothing is held before the facts are: whoever has read them may wait for what goes by a name.
    """
    session.script(_HOLD)
    check_ours(recorded(session, NEXT), model)
    session.do(_ALL_STRAY)
    complete = not session.ask(_MISSING, after=0, most=1)
    if complete:
        take_next(session, model)
    return complete
