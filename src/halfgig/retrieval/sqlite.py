"""The embedded index: passages, their words (FTS5) and their vectors (sqlite-vec) in the library's one SQLite file."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, cast

from halfgig.errors import LibraryError
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel, Found, accept, check_model, check_vector
from halfgig.retrieval.words import TOKENIZER, spaced

if TYPE_CHECKING:
    import apsw

    from halfgig.records import Floats
    from halfgig.retrieval.index import Confirm, Embedded
    from halfgig.retrieval.words import Asked, Question

SCHEMA = 1  # of the index's tables; a file with another was made by another halfgig
MAX_K = 4096  # of one nearest-vector query, by sqlite-vec

# New passages wait here, in a file of this connection alone, until the last has arrived: it needs no lock while they
# are embedded, and nothing is left of it when the process dies.
_OPEN_ARRIVALS = """CREATE TEMP TABLE IF NOT EXISTS arrivals (
 number INTEGER PRIMARY KEY, "start" REAL, "end" REAL, text TEXT, words TEXT, vector BLOB)"""
_CLEAR_ARRIVALS = "DELETE FROM temp.arrivals"
_ARRIVE = "INSERT INTO temp.arrivals VALUES (?, ?, ?, ?, ?, ?)"

_FORGET_VECTORS = "DELETE FROM passage_vectors WHERE id IN (SELECT id FROM passages WHERE source_id = :source_id)"
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

_NEAREST = """SELECT p.source_id, p.number, p."start", p."end", p.text, 1 - v.distance AS score
 FROM passage_vectors v JOIN passages p ON p.id = v.id
 WHERE v.vector MATCH :vector AND v.k = :k {within} ORDER BY v.distance, p.id"""
_MATCHING = """SELECT p.source_id, p.number, p."start", p."end", p.text, -w.rank AS score
 FROM (SELECT rowid AS id, rank FROM passage_words WHERE passage_words MATCH :expression {within}
 ORDER BY rank LIMIT :k) w JOIN passages p ON p.id = w.id ORDER BY w.rank, p.id"""
_OF_SOURCE = "AND rowid IN (SELECT id FROM passages WHERE source_id = :source_id)"
_RECORD = "INSERT INTO index_facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_COUNT = "SELECT count(*) FROM passages WHERE :source_id IS NULL OR source_id = :source_id"


class SqliteIndex:
    """The index port on a connection of the library that has sqlite-vec loaded.

    Without a `model` it is good for keyword search and removal, and for `nearest` where something was indexed before.
    BadRequest where the index was made with another model and still holds passages.
    """

    def __init__(self, connection: apsw.Connection, model: EmbeddingModel | None = None) -> None:
        self._connection = connection
        self.model = _prepare(connection, model)

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Put these passages in the place of all that the source had, in one transaction after the last arrived."""
        self._connection.execute(_OPEN_ARRIVALS)
        self._connection.execute(_CLEAR_ARRIVALS)
        try:
            for passage, vector in embedded:
                check_vector(vector, self.model)
                self._connection.execute(_ARRIVE, _arrival(passage, vector))
            return self._settle(source_id, confirm)
        finally:
            self._connection.execute(_CLEAR_ARRIVALS)

    def _settle(self, source_id: str, confirm: Confirm) -> int:
        with self._connection:
            self._forget(source_id)
            for statement in _SETTLE:
                self._connection.execute(statement, {"source_id": source_id})
            confirm()
        return self.count(source_id)

    def remove(self, source_id: str) -> int:
        """Forget the source's passages and return how many they were."""
        with self._connection:
            passages = self.count(source_id)
            self._forget(source_id)
        return passages

    def _forget(self, source_id: str) -> None:
        for statement in (_FORGET_VECTORS, *_FORGET) if self.model else _FORGET:
            self._connection.execute(statement, {"source_id": source_id})

    def nearest(self, vector: Floats, k: int, source_id: str | None = None) -> list[Found]:
        """The k passages with the highest cosine, found by comparing with every one."""
        check_vector(vector, self.model)
        statement = _NEAREST.format(within="" if source_id is None else "AND v.source_id = :source_id")
        return self._found(statement, vector=_blob(vector), k=min(k, MAX_K), source_id=source_id)

    def matching(self, question: Question, k: int, source_id: str | None = None) -> list[Found]:
        """The k passages with the highest bm25."""
        statement = _MATCHING.format(within="" if source_id is None else _OF_SOURCE)
        return self._found(statement, expression=_expression(question), k=k, source_id=source_id)

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        return int(self._connection.execute(_COUNT, {"source_id": source_id}).get)

    def _found(self, statement: str, **values: str | int | bytes | None) -> list[Found]:
        rows = self._connection.execute(statement, values)
        return [Found(row[0], Passage(*row[1:5]), row[5]) for row in rows]


def _arrival(passage: Passage, vector: Floats) -> tuple[int, float, float, str, str, bytes]:
    return passage.number, passage.start, passage.end, passage.text, spaced(passage.text), _blob(vector)


def _blob(vector: Floats) -> bytes:
    return memoryview(cast("memoryview[float]", vector)).tobytes()


def _expression(question: Question) -> str:
    """The question in FTS5's language: every phrase, and for the ranking any word. Stems of words are safe to quote."""
    anything = " OR ".join(_quoted(run) for run in (*question.phrases, *question.words))
    return " AND ".join([*(_quoted(run) for run in question.phrases), f"({anything})"])


def _quoted(run: Asked) -> str:
    return '"' + spaced(run.text).replace('"', '""') + '"'


def _prepare(connection: apsw.Connection, model: EmbeddingModel | None) -> EmbeddingModel | None:
    """Make what tables are missing, and return the model the index is of; takes no write lock where all is there."""
    facts = _facts(connection)
    if not facts or (model is not None and _recorded(facts) != model):
        with connection:
            facts = _facts(connection) or _create(connection)
            if model is not None:
                facts |= _adopt(connection, facts, model)
    _check_schema(facts)
    return _recorded(facts)


def _facts(connection: apsw.Connection) -> dict[str, str]:
    if not connection.table_exists("main", "index_facts"):
        return {}
    return dict(connection.execute("SELECT name, value FROM index_facts"))


def _recorded(facts: dict[str, str]) -> EmbeddingModel | None:
    return EmbeddingModel(facts["model"], int(facts["dim"])) if "model" in facts else None


def _create(connection: apsw.Connection) -> dict[str, str]:
    connection.execute(_schema("sqlite.sql", tokenizer=" ".join(TOKENIZER)))
    connection.execute(_RECORD, ("schema", str(SCHEMA)))
    return {"schema": str(SCHEMA)}


def _adopt(connection: apsw.Connection, facts: dict[str, str], model: EmbeddingModel) -> dict[str, str]:
    """Make the table of vectors for this model; an index that holds no passage may change its model."""
    _check_schema(facts)
    recorded = _recorded(facts)
    if recorded == model:  # another process was first
        return {}
    if recorded is not None and connection.execute(_COUNT, {"source_id": None}).get:
        check_model(model, recorded)
    connection.execute("DROP TABLE IF EXISTS passage_vectors")
    connection.execute(_schema("sqlite_vectors.sql", dim=str(model.dim)))
    made = {"model": model.name, "dim": str(model.dim)}
    connection.executemany(_RECORD, made.items())
    return made


def _check_schema(facts: dict[str, str]) -> None:
    if facts["schema"] != str(SCHEMA):
        raise LibraryError(
            f"The index has schema {facts['schema']}, and this halfgig knows schema {SCHEMA}.",
            "Upgrade halfgig, or set HALFGIG_DATA to another folder.",
        )


def _schema(name: str, **values: str) -> str:
    text = (resources.files("halfgig.retrieval") / "schema" / name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f":{key}", value)
    return text
