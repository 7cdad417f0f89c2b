"""The tables of the embedded index: made where they are missing, brought to their schema, and of one model."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import apsw

from halfgig.errors import LibraryError
from halfgig.retrieval.index import EmbeddingModel, check_model
from halfgig.retrieval.vocabulary import SqliteVocabulary
from halfgig.retrieval.words import TOKENIZER

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = 3  # of the index's tables; a file with a later one was made by a later halfgig
EARLIER = ("1", "2")
_BITS_WIDTH = 8  # signs are kept by the byte: a vector of another length has none
RECORD = "INSERT INTO index_facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
NEXT = "next_"  # begins what is recorded of the model that the index is being made anew with
DROP_NEXT = """DROP TABLE IF EXISTS passage_vectors_next; DROP TABLE IF EXISTS passage_bits_next;
 DELETE FROM index_facts WHERE name IN ('next_model', 'next_dim')"""
UNLEARN = "UPDATE vocabulary SET place = NULL; DELETE FROM index_facts WHERE name = 'learnt'"
_DROP = "DROP TABLE IF EXISTS passage_vectors; DROP TABLE IF EXISTS passage_bits"
_ANY = "SELECT EXISTS (SELECT 1 FROM passage_vectors_rowids)"
_SIGNS = "INSERT INTO passage_bits (id, bits) SELECT id, vec_quantize_binary(vector) FROM passage_vectors"

_CHECK_WORDS = "INSERT INTO {table} ({table}) VALUES ('integrity-check')"
_OPTIMIZE = "INSERT INTO {table} ({table}) VALUES ('optimize')"
_APART = """SELECT (SELECT count(*) FROM (SELECT {column} FROM {part} EXCEPT SELECT id FROM {whole}))
 + (SELECT count(*) FROM (SELECT id FROM {owed} EXCEPT SELECT {column} FROM {part}))"""
# Passages whose vectors must be in this file, since no other place has them.
_HERE = "(SELECT id FROM passages WHERE source_id NOT IN (SELECT source_id FROM index_ledger WHERE state = 'current'))"
_VECTORLESS = "SELECT count(*) FROM {owed}"
_GAPS = "SELECT source_id FROM passages GROUP BY source_id HAVING max(number) + 1 != count(*) OR min(number) != 0"


def prepare(connection: apsw.Connection, model: EmbeddingModel | None) -> EmbeddingModel | None:
    """Make what tables are missing, and return the model the index is of; takes no write lock where all is there."""
    known = facts(connection)
    if known.get("schema") != str(SCHEMA) or (model is not None and recorded(known) != model):
        with connection:
            known = _raise(connection, facts(connection))
            if model is not None:
                known |= _adopt(connection, known, model)
    return recorded(known)


def facts(connection: apsw.Connection) -> dict[str, str]:
    """What is recorded of the index, by name; nothing where there is none yet."""
    if not connection.table_exists("main", "index_facts"):
        return {}
    return dict(connection.execute("SELECT name, value FROM index_facts"))


def recorded(known: dict[str, str], which: str = "") -> EmbeddingModel | None:
    """The model of an index by its facts, or the `NEXT`; None before anything was indexed, or where none comes."""
    name = known.get(f"{which}model")
    return None if name is None else EmbeddingModel(name, int(known[f"{which}dim"]))


def has_bits(model: EmbeddingModel | None) -> bool:
    """Whether the signs of this model's vectors are kept beside them."""
    return model is not None and model.dim % _BITS_WIDTH == 0


def _raise(connection: apsw.Connection, known: dict[str, str]) -> dict[str, str]:
    """Make the tables, or add what an earlier schema has not: the vocabulary, events, signs; then other places."""
    if known.get("schema") == str(SCHEMA):  # another process was first
        return known
    if known.get("schema", "1") not in EARLIER:
        raise LibraryError(
            f"The index has schema {known['schema']}, and this halfgig knows schema {SCHEMA}.",
            "Upgrade halfgig, or set HALFGIG_DATA to another folder.",
        )
    connection.execute(schema("sqlite.sql", tokenizer=" ".join(TOKENIZER)))
    model = recorded(known)
    if model is not None and known.get("schema", "1") == "1":
        SqliteVocabulary(connection).gather()
        _make_bits(connection, model)
    connection.execute(RECORD, ("schema", str(SCHEMA)))
    return {**known, "schema": str(SCHEMA)}


def _adopt(connection: apsw.Connection, had: dict[str, str], model: EmbeddingModel) -> dict[str, str]:
    """Make the tables of vectors for this model; an index that holds no passage may change its model."""
    known = recorded(had)
    if known == model:
        return {}
    if known is not None and connection.execute(_ANY).get:
        check_model(model, known)
    for statement in (_DROP, DROP_NEXT, UNLEARN):
        connection.execute(statement)
    connection.execute(schema("sqlite_vectors.sql", dim=str(model.dim)))
    _make_bits(connection, model)
    made = {"model": model.name, "dim": str(model.dim)}
    connection.executemany(RECORD, made.items())
    return made


def find_faults(connection: apsw.Connection) -> Iterator[str]:
    """Yield what in the tables does not agree; nothing where all is well."""
    for table in ("passage_words", "event_words", "vocabulary_trigrams"):
        try:
            connection.execute(_CHECK_WORDS.format(table=table))
        except apsw.CorruptError as error:
            yield f"{table} is damaged ({error})"
    model = recorded(facts(connection))
    for part, column, whole, owed in _parts(model):
        (apart,) = connection.execute(_APART.format(part=part, column=column, whole=whole, owed=owed)).fetchall()[0]
        if apart:
            yield f"{part} and {whole} differ in {apart} row{'' if apart == 1 else 's'}"
    if model is None and (bare := connection.execute(_VECTORLESS.format(owed=_HERE)).get):
        yield f"{bare} passage{' has' if bare == 1 else 's have'} no vector"
    for (source_id,) in connection.execute(_GAPS):
        yield f"passages of {source_id} are missing"


def _parts(model: EmbeddingModel | None) -> Iterator[tuple[str, str, str, str]]:
    """Yield tables whose rows are those of another: the table, its column of ids, the other, what of it is owed."""
    yield "passage_words_docsize", "id", "passages", "passages"
    yield "event_words_docsize", "id", "events", "events"
    yield "vocabulary_trigrams_docsize", "id", "vocabulary", "vocabulary"
    if model is not None:
        yield "passage_vectors", "id", "passages", _HERE
        if has_bits(model):
            yield "passage_bits", "id", "passages", "passage_vectors"


def compact(connection: apsw.Connection) -> None:
    """Make the index as small as it can be, in a transaction of the caller's: no words and signs of what is gone."""
    model = recorded(facts(connection))
    SqliteVocabulary(connection).gather()
    for table in ("passage_words", "event_words", "vocabulary_trigrams"):
        connection.execute(_OPTIMIZE.format(table=table))
    if model is not None and has_bits(model):
        connection.execute("DROP TABLE passage_bits")
        _make_bits(connection, model)


def _make_bits(connection: apsw.Connection, model: EmbeddingModel) -> None:
    if has_bits(model):
        connection.execute(schema("sqlite_bits.sql", dim=str(model.dim)))
        connection.execute(_SIGNS)


def schema(name: str, **values: str) -> str:
    """The statements in a file of the schema, with `:key` filled in for each of the values."""
    text = (resources.files("halfgig.retrieval") / "schema" / name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f":{key}", value)
    return text
