"""The embedded index made anew with another model, while the old one is searched and written to.

New vectors are kept beside the old ones, batch by batch, so that whoever goes on after a kill has at most a batch to
do again. When no passage lacks one, they take the place of the old in one transaction: a matter of names, and so of
milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from halfgig.errors import BadRequest, Locked
from halfgig.retrieval.index import EmbeddingModel, check_vector
from halfgig.retrieval.tables import DROP_NEXT, NEXT, RECORD, UNLEARN, facts, has_bits, prepare, recorded, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import apsw

    from halfgig.records import Floats
    from halfgig.retrieval.embedding import PassageEmbedder

    Watch: TypeAlias = Callable[[int, int], object]

VECTORS, BITS, SUFFIX = "passage_vectors", "passage_bits", "_next"

# vec0 keeps the ids of its rows in a plain table, which is read in a hundredth of the time that vectors take.
_MISSING = """SELECT p.id, p.source_id, p.text FROM passages p JOIN passage_vectors_rowids v ON v.rowid = p.id
 WHERE p.id > ? AND NOT EXISTS (SELECT 1 FROM passage_vectors_next_rowids n WHERE n.rowid = p.id)
 ORDER BY p.id LIMIT ?"""
_STRAY = """SELECT n.rowid FROM passage_vectors_next_rowids n
 WHERE NOT EXISTS (SELECT 1 FROM passage_vectors_rowids v WHERE v.rowid = n.rowid)"""
_COUNTS = "SELECT (SELECT count(*) FROM passage_vectors_next_rowids), (SELECT count(*) FROM passage_vectors_rowids)"
_IS_WANTED = """SELECT EXISTS (SELECT 1 FROM passages WHERE id = :id AND text = :text)
 AND NOT EXISTS (SELECT 1 FROM passage_vectors_next_rowids WHERE rowid = :id)"""
_KEEP = "INSERT INTO passage_vectors_next (id, source_id, vector) VALUES (?, ?, ?)"
_KEEP_BITS = "INSERT INTO passage_bits_next (id, bits) VALUES (?, vec_quantize_binary(?))"
_FORGET = "DELETE FROM {table}_next WHERE id IN (SELECT id FROM passages WHERE source_id = :source_id)"
_FORGET_ONE = "DELETE FROM {table}_next WHERE id = ?"
_SHADOWS = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE ? ESCAPE '\\'"


class Waiting(NamedTuple):
    """A passage without a vector of the next model."""

    id: int
    source_id: str
    text: str


def renew_index(connection: apsw.Connection, embedder: PassageEmbedder, batch_size: int, watch: Watch) -> int:
    """Embed every passage with this model and put the vectors in the place of the old; returns how many were embedded.

    It goes on where an earlier run stopped, and `watch` hears how many passages have a vector, and of how many. Holds a
    batch. Searches, and indexing with the old model, go on meanwhile. BadRequest where nothing is indexed, Locked where
    another run has begun with a third model.
    """
    model = EmbeddingModel(embedder.model, embedder.dim)
    known = prepare(connection, None)
    if known is None:
        raise BadRequest("Nothing is indexed yet.", "Index a video: halfgig index VIDEO")
    if known == model:
        abandon(connection)
        return 0
    _begin(connection, model)
    made = 0
    while not _swap(connection, model):
        for batch in _batches(connection, batch_size):
            vectors = embedder.embed([one.text for one in batch])
            made += _keep(connection, model, batch, list(vectors))
            watch(*progress(connection))
    return made


def progress(connection: apsw.Connection) -> tuple[int, int]:
    """How many passages have a vector of the next model, and how many should."""
    counts: list[tuple[int, int]] = list(connection.execute(_COUNTS))
    return counts[0]


def coming(connection: apsw.Connection) -> EmbeddingModel | None:
    """The model that the index is being made anew with; None where it is not."""
    return recorded(facts(connection), NEXT)


def abandon(connection: apsw.Connection) -> None:
    """Forget what was made so far."""
    if coming(connection) is not None:
        with connection:
            connection.execute(DROP_NEXT)


def forget_next(connection: apsw.Connection, source_id: str) -> None:
    """Forget next vectors of a source whose passages are about to go: their ids may be given again."""
    model = coming(connection)
    for table in _tables(model) if model else ():
        connection.execute(_FORGET.format(table=table), {"source_id": source_id})


def check_current(connection: apsw.Connection, model: EmbeddingModel | None) -> None:
    """Locked where the index has another model by now than it had when it was opened. For within a transaction."""
    known = prepare(connection, None)
    if model is not None and known is not None and known != model:
        raise Locked(
            f"The index was made anew with {known.name} meanwhile.", f"Do it again with EMBEDDING_MODEL={known.name}."
        )


def _begin(connection: apsw.Connection, model: EmbeddingModel) -> None:
    """Make the tables of the next model, unless an earlier run has."""
    with connection:
        if coming(connection) == model:
            return
        connection.execute(DROP_NEXT)
        connection.execute(schema("sqlite_next.sql", dim=str(model.dim)))
        if has_bits(model):
            connection.execute(schema("sqlite_next_bits.sql", dim=str(model.dim)))
        connection.executemany(RECORD, ((f"{NEXT}model", model.name), (f"{NEXT}dim", str(model.dim))))


def _batches(connection: apsw.Connection, size: int) -> Iterator[list[Waiting]]:
    """Yield the passages that lack a vector. One that comes below where we are is for the next round."""
    after = 0
    while batch := [Waiting(*row) for row in connection.execute(_MISSING, (after, size))]:
        yield batch
        after = batch[-1].id


def _keep(
    connection: apsw.Connection, model: EmbeddingModel, batch: Sequence[Waiting], vectors: Sequence[Floats]
) -> int:
    """Keep the vectors of passages that are still there as they were; returns how many."""
    kept = 0
    with connection:
        check_ours(coming(connection), model)
        for one, vector in zip(batch, vectors, strict=True):
            check_vector(vector, model)
            if connection.execute(_IS_WANTED, {"id": one.id, "text": one.text}).get:
                kept += 1
                data = memoryview(cast("memoryview[float]", vector)).tobytes()
                connection.execute(_KEEP, (one.id, one.source_id, data))
                if has_bits(model):
                    connection.execute(_KEEP_BITS, (one.id, data))
    return kept


def _swap(connection: apsw.Connection, model: EmbeddingModel) -> bool:
    """Put the next vectors in the place of the old, if none is missing: one transaction."""
    with connection:
        check_ours(coming(connection), model)
        complete = next(iter(connection.execute(_MISSING, (0, 1))), None) is None
        if complete:
            _take_over(connection, model)
    return complete


def _take_over(connection: apsw.Connection, model: EmbeddingModel) -> None:
    for (stray,) in list(connection.execute(_STRAY)):
        for table in _tables(model):
            connection.execute(_FORGET_ONE.format(table=table), (stray,))
    connection.execute("DROP TABLE passage_vectors; DROP TABLE IF EXISTS passage_bits")
    for table in _tables(model):
        _rename(connection, table)
    connection.executemany(RECORD, (("model", model.name), ("dim", str(model.dim))))
    connection.execute(DROP_NEXT)
    connection.execute(UNLEARN)


def _rename(connection: apsw.Connection, table: str) -> None:
    """Give a next table its name. vec0 knows its own tables by theirs, and does not rename them itself."""
    pattern = f"{table}{SUFFIX}_%".replace("_", "\\_")
    for (name,) in list(connection.execute(_SHADOWS, (pattern,))):
        connection.execute(f"ALTER TABLE {name} RENAME TO {table}{name.removeprefix(table + SUFFIX)}")
    connection.execute(f"ALTER TABLE {table}{SUFFIX} RENAME TO {table}")


def check_ours(now: EmbeddingModel | None, model: EmbeddingModel) -> None:
    """Locked where the index is being made anew with another model by now, or has been."""
    if now != model:
        what = f"is being made anew with {now.name}" if now else "has been made anew"
        raise Locked(f"The index {what} by another run.", "Let that one finish, or run halfgig reindex again.")


def _tables(model: EmbeddingModel) -> tuple[str, ...]:
    return (VECTORS, BITS) if has_bits(model) else (VECTORS,)
