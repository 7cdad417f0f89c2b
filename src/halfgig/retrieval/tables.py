"""The tables of the embedded index: made where they are missing, brought to their schema, and of one model."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from halfgig.errors import LibraryError
from halfgig.retrieval.index import EmbeddingModel, check_model
from halfgig.retrieval.vocabulary import SqliteVocabulary
from halfgig.retrieval.words import TOKENIZER

if TYPE_CHECKING:
    import apsw

SCHEMA = 2  # of the index's tables; a file with a later one was made by a later halfgig
BITS_WIDTH = 8  # signs are kept by the byte: a vector of another length has none
_RECORD = "INSERT INTO index_facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_ANY = "SELECT EXISTS (SELECT 1 FROM passages)"
_SIGNS = "INSERT INTO passage_bits (id, bits) SELECT id, vec_quantize_binary(vector) FROM passage_vectors"


def prepare(connection: apsw.Connection, model: EmbeddingModel | None) -> EmbeddingModel | None:
    """Make what tables are missing, and return the model the index is of; takes no write lock where all is there."""
    facts = _facts(connection)
    if facts.get("schema") != str(SCHEMA) or (model is not None and recorded(facts) != model):
        with connection:
            facts = _raise(connection, _facts(connection))
            if model is not None:
                facts |= _adopt(connection, facts, model)
    return recorded(facts)


def _facts(connection: apsw.Connection) -> dict[str, str]:
    if not connection.table_exists("main", "index_facts"):
        return {}
    return dict(connection.execute("SELECT name, value FROM index_facts"))


def recorded(facts: dict[str, str]) -> EmbeddingModel | None:
    """The model of an index by its facts; None before anything was indexed."""
    return EmbeddingModel(facts["model"], int(facts["dim"])) if "model" in facts else None


def _raise(connection: apsw.Connection, facts: dict[str, str]) -> dict[str, str]:
    """Make the tables, or add what an earlier schema has not: the vocabulary, events, signs."""
    if facts.get("schema") == str(SCHEMA):  # another process was first
        return facts
    if facts.get("schema", "1") != "1":
        raise LibraryError(
            f"The index has schema {facts['schema']}, and this halfgig knows schema {SCHEMA}.",
            "Upgrade halfgig, or set HALFGIG_DATA to another folder.",
        )
    connection.execute(_schema("sqlite.sql", tokenizer=" ".join(TOKENIZER)))
    model = recorded(facts)
    if model is not None:
        SqliteVocabulary(connection).gather()
        _make_bits(connection, model)
    connection.execute(_RECORD, ("schema", str(SCHEMA)))
    return {**facts, "schema": str(SCHEMA)}


def _adopt(connection: apsw.Connection, facts: dict[str, str], model: EmbeddingModel) -> dict[str, str]:
    """Make the tables of vectors for this model; an index that holds no passage may change its model."""
    known = recorded(facts)
    if known == model:
        return {}
    if known is not None and connection.execute(_ANY).get:
        check_model(model, known)
    connection.execute("DROP TABLE IF EXISTS passage_vectors; DROP TABLE IF EXISTS passage_bits")
    connection.execute("UPDATE vocabulary SET place = NULL; DELETE FROM index_facts WHERE name = 'learnt'")
    connection.execute(_schema("sqlite_vectors.sql", dim=str(model.dim)))
    _make_bits(connection, model)
    made = {"model": model.name, "dim": str(model.dim)}
    connection.executemany(_RECORD, made.items())
    return made


def _make_bits(connection: apsw.Connection, model: EmbeddingModel) -> None:
    if model.dim % BITS_WIDTH == 0:
        connection.execute(_schema("sqlite_bits.sql", dim=str(model.dim)))
        connection.execute(_SIGNS)


def _schema(name: str, **values: str) -> str:
    text = (resources.files("halfgig.retrieval") / "schema" / name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f":{key}", value)
    return text
