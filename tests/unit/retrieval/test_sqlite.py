from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.errors import BadRequest, LibraryError
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.words import parse_question
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.records import Vector
    from halfgig.store.sqlite_database import SqliteDatabase

TOY = EmbeddingModel("toy", 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def connection(path: Path) -> Iterator[SqliteDatabase]:
    with open_library(path) as connection:
        yield connection


def rows(count: int, dim: int = 4, text: str = "hello there") -> Iterator[tuple[Passage, Vector]]:
    return ((Passage(n, n, n + 1, f"{text} {n}"), np.ones(dim, np.float32)) for n in range(count))


def test_a_model_is_recorded_and_known_to_the_next(connection: SqliteDatabase, path: Path) -> None:
    SqliteIndex(connection, TOY).replace("a", rows(3))
    with open_library(path) as later:
        assert SqliteIndex(later).model == TOY
        assert SqliteIndex(later, TOY).count() == 3


@pytest.mark.parametrize("other", [EmbeddingModel("other", 4), EmbeddingModel("toy", 8)])
def test_a_mix_of_models_is_refused_with_a_remedy(connection: SqliteDatabase, other: EmbeddingModel) -> None:
    SqliteIndex(connection, TOY).replace("a", rows(3))
    with pytest.raises(BadRequest, match="made with toy") as refused:
        SqliteIndex(connection, other)
    assert "halfgig reindex" in refused.value.remedy
    assert SqliteIndex(connection).count() == 3


def test_an_empty_index_may_change_its_model(connection: SqliteDatabase) -> None:
    index = SqliteIndex(connection, TOY)
    index.replace("a", rows(3))
    index.remove("a")
    other = SqliteIndex(connection, EmbeddingModel("other", 8))
    assert other.replace("a", rows(2, dim=8)) == 2


def test_without_any_model_keywords_and_removal_work(connection: SqliteDatabase) -> None:
    index = SqliteIndex(connection)
    assert index.model is None
    assert index.matching(parse_question("hello"), 5) == []
    assert index.remove("a") == 0
    with pytest.raises(BadRequest, match="without an embedding model"):
        index.replace("a", rows(1))
    SqliteIndex(connection, TOY).replace("a", rows(2))
    assert SqliteIndex(connection).remove("a") == 2


def test_another_schema_is_refused(connection: SqliteDatabase) -> None:
    SqliteIndex(connection, TOY)
    connection.execute("UPDATE index_facts SET value = '99' WHERE name = 'schema'")
    for model in (None, TOY, EmbeddingModel("other", 8)):
        with pytest.raises(LibraryError, match="schema 99"):
            SqliteIndex(connection, model)


def test_nothing_is_left_of_removed_passages(connection: SqliteDatabase) -> None:
    index = SqliteIndex(connection, TOY)
    for _ in range(3):
        index.replace("a", rows(100))
    index.remove("a")
    tables = ("passages", "passage_words", "passage_vectors", "passage_vectors_chunks", "passage_words_docsize")
    for table in tables:
        assert connection.execute(f"SELECT count(*) FROM {table}").get == 0, table
    assert connection.execute("SELECT count(*) FROM temp.arrivals").get == 0
    connection.execute("INSERT INTO passage_words (passage_words) VALUES ('integrity-check')")


def test_a_short_source_is_small_on_disk(connection: SqliteDatabase) -> None:
    index = SqliteIndex(connection, EmbeddingModel("toy", 384))
    before = connection.pragma("page_count")
    for n in range(100):
        index.replace(f"{n:064x}", rows(2, dim=384))
    assert (connection.pragma("page_count") - before) * 4096 / 100 < 24_000


def test_a_search_needs_no_write_lock(connection: SqliteDatabase, path: Path) -> None:
    SqliteIndex(connection, TOY).replace("a", rows(5))
    with open_library(path) as writer, writer:
        writer.execute("DELETE FROM passages")
        reader = SqliteIndex(connection, TOY)
        assert len(reader.nearest(np.ones(4, np.float32), 9)) == 5
        assert reader.count() == 5


def test_embedding_holds_no_lock(connection: SqliteDatabase, path: Path) -> None:
    index = SqliteIndex(connection, TOY)

    def slow() -> Iterator[tuple[Passage, Vector]]:
        for n, row in enumerate(rows(4)):
            with open_library(path) as other:
                SqliteIndex(other, TOY).replace(f"other{n}", rows(1))
            yield row

    assert index.replace("a", slow()) == 4
    assert index.count() == 8


def test_a_source_that_is_removed_while_it_is_embedded_leaves_nothing(connection: SqliteDatabase, path: Path) -> None:
    index, library = SqliteIndex(connection, TOY), Library(connection)
    source = library.add_source("a", "/a.mp4", "A", "tiny.en")

    def removed_meanwhile() -> Iterator[tuple[Passage, Vector]]:
        yield from rows(3)
        with open_library(path) as other:
            Library(other).remove_source("a")

    with pytest.raises(LibraryError, match="removed"):
        index.replace("a", removed_meanwhile(), lambda: library.finish(source))
    assert index.count() == 0


def test_an_index_of_schema_1_gets_what_it_has_not(path: Path) -> None:
    """Its vocabulary and the signs of its vectors are made when it is opened."""
    with open_library(path) as connection:
        index = SqliteIndex(connection, EmbeddingModel("toy", 8))
        index.replace("a", rows(3, dim=8))
        connection.execute(
            "DROP TABLE vocabulary; DROP TABLE vocabulary_trigrams; DROP TABLE passage_bits;"
            "DROP TABLE events; DROP TABLE event_words; UPDATE index_facts SET value = '1' WHERE name = 'schema'"
        )
    with open_library(path) as connection:
        index = SqliteIndex(connection, exact=0)
        assert index.resembling("helo", 5) == ["hello"]
        assert len(index.nearest(np.ones(8, np.float32), 9)) == 3


def test_words_are_learnt_once(connection: SqliteDatabase) -> None:
    index = SqliteIndex(connection, TOY)
    assert not index.knows("crustacean")
    index.learn(lambda: ["crustacean"])
    index.learn(lambda: pytest.fail("they are known"))
    assert SqliteIndex(connection).knows("crustacean")
    assert SqliteIndex(connection).resembling("crustacena", 5) == ["crustacean"]
