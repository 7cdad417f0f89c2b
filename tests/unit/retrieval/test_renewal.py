"""The index made anew with another model: resumed, and searched and written to meanwhile."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.errors import BadRequest, Locked
from halfgig.operations.upkeep import check, vacuum
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.renewal import coming, progress, renew_index
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from halfgig.records import Vector
    from halfgig.store.sqlite_database import SqliteDatabase

OLD, SOURCES, EACH = 16, ("a", "b", "c"), 10


class Toy:
    """Vectors by the hash of the text; `before` is called before each batch."""

    def __init__(self, model: str, dim: int, before: Callable[[int], object] = lambda _: None) -> None:
        self.model, self.dim, self._before = model, dim, before
        self.texts: list[str] = []
        self.batches = 0

    def embed(self, texts: Sequence[str]) -> Vector:
        self._before(self.batches)
        self.batches += 1
        self.texts += texts
        return np.stack([vector(text, self.dim) for text in texts])


def vector(text: str, dim: int) -> Vector:
    seed = int.from_bytes(hashlib.sha256(f"{dim} {text}".encode()).digest()[:4], "little")
    return np.random.default_rng(seed).standard_normal(dim).astype(np.float32)


def text_of(source: str, number: int) -> str:
    return f"source {source} says number {number}"


@contextmanager
def filled(path: Path, dim: int = OLD) -> Iterator[SqliteDatabase]:
    with open_library(path / "library.db") as connection:
        put(connection, *SOURCES, dim=dim)
        yield connection


def put(connection: SqliteDatabase, *sources: str, dim: int = OLD, each: int = EACH, first: int = 0) -> None:
    library, index = Library(connection), SqliteIndex(connection, EmbeddingModel("old", dim))
    for source in sources:
        known = library.add_source(source, f"/{source}.mp4", source, "tiny.en")
        known = known if known.state != "recognizing" else library.close_transcript(known)
        texts = [text_of(source, number) for number in range(first, first + each)]
        passages = [(Passage(n, n, n + 1, text), vector(text, dim)) for n, text in enumerate(texts)]
        index.replace(source, passages)
        if known.state == "indexing":
            library.finish(known)


def nearest(connection: SqliteDatabase, text: str, dim: int) -> list[str]:
    return [found.passage.text for found in SqliteIndex(connection).nearest(vector(text, dim), 3)]


def embedded(connection: SqliteDatabase) -> dict[str, list[float]]:
    index = SqliteIndex(connection)
    return {passage.text: list(one) for source in "abcd" for passage, one in index.embedded(source)}


def ignore(*_: object) -> None:
    pass


@pytest.mark.parametrize("dim", [8, OLD, 32, 12])
def test_every_passage_gets_a_vector_of_the_new_model(tmp_path: Path, dim: int) -> None:
    with filled(tmp_path) as connection:
        told: list[tuple[int, int]] = []
        toy = Toy("new", dim)
        assert renew_index(connection, toy, 4, lambda *counts: told.append(counts)) == 30
        assert SqliteIndex(connection).model == EmbeddingModel("new", dim)
        wanted = {text: list(vector(text, dim)) for text in toy.texts}
        assert (len(wanted), embedded(connection)) == (30, wanted)
        assert nearest(connection, text_of("b", 3), dim)[0] == text_of("b", 3)
        assert [done for done, _ in told] == [4, 8, 12, 16, 20, 24, 28, 30]
        assert {total for _, total in told} == {30}
        assert list(check(connection)) == []
        assert coming(connection) is None


@pytest.mark.parametrize(("old", "new"), [(12, OLD), (OLD, 12), (12, 20)])
def test_lengths_without_signs_come_and_go(tmp_path: Path, old: int, new: int) -> None:
    with filled(tmp_path, old) as connection:
        renew_index(connection, Toy("new", new), 7, ignore)
        assert nearest(connection, text_of("c", 9), new)[0] == text_of("c", 9)
        vacuum(connection)
        assert list(check(connection)) == []
        renew_index(connection, Toy("old", old), 7, ignore)
        assert list(check(connection)) == []


def test_the_old_index_answers_until_the_new_one_is_whole(tmp_path: Path) -> None:
    with filled(tmp_path) as connection, open_library(tmp_path / "library.db") as other:
        seen: list[tuple[str, ...]] = []
        models: set[str] = set()

        def look(_: int) -> None:
            index = SqliteIndex(other)
            models.add(index.model.name if index.model else "")
            seen.append(tuple(nearest(other, text_of("a", 1), OLD)))

        wanted = nearest(other, text_of("a", 1), OLD)
        renew_index(connection, Toy("new", 32, look), 4, ignore)
        assert set(seen) == {tuple(wanted)}
        assert models == {"old"}
        assert nearest(other, text_of("a", 1), 32)[0] == text_of("a", 1)  # the other connection sees it at once


def test_what_was_broken_off_is_gone_on_with(tmp_path: Path) -> None:
    def stop(batch: int) -> None:
        if batch == 3:
            raise KeyboardInterrupt

    with filled(tmp_path) as connection:
        first, second = Toy("new", 32, stop), Toy("new", 32)
        with pytest.raises(KeyboardInterrupt):
            renew_index(connection, first, 4, ignore)
        assert (progress(connection), coming(connection)) == ((12, 30), EmbeddingModel("new", 32))
        assert list(check(connection)) == []
        assert renew_index(connection, second, 4, ignore) == 18
        assert len(second.texts) == 18
        assert set(first.texts).isdisjoint(second.texts)
        assert len(embedded(connection)) == 30


def test_another_model_begins_anew_and_the_same_one_gives_up(tmp_path: Path) -> None:
    def stop(batch: int) -> None:
        if batch == 2:
            raise KeyboardInterrupt

    with filled(tmp_path) as connection:
        for model, dim in (("new", 32), ("other", 24)):
            with pytest.raises(KeyboardInterrupt):
                renew_index(connection, Toy(model, dim, stop), 4, ignore)
            assert progress(connection) == (8, 30)
        assert renew_index(connection, Toy("old", OLD), 4, ignore) == 0
        assert coming(connection) is None
        assert nearest(connection, text_of("a", 1), OLD)[0] == text_of("a", 1)


def test_what_changes_meanwhile_is_taken_too(tmp_path: Path) -> None:
    """A source removed, one replaced by other texts, one added: with ids that are given again."""

    def change(batch: int) -> None:
        if batch == 2:
            put(other, "c", each=EACH + 5, first=100)
        if batch == 4:
            SqliteIndex(other).remove("c")
            put(other, "d", first=50)
        if batch == 6:
            SqliteIndex(other).remove("a")

    with filled(tmp_path) as connection, open_library(tmp_path / "library.db") as other:
        renew_index(connection, Toy("new", 32, change), 4, ignore)
        texts = [text_of("b", n) for n in range(EACH)] + [text_of("d", n) for n in range(50, 50 + EACH)]
        assert embedded(connection) == {text: list(vector(text, 32)) for text in texts}
        assert [one for one in check(connection) if "belong to no source" not in one] == []


def test_who_writes_old_vectors_after_the_change_is_told_to_try_again(tmp_path: Path) -> None:
    with filled(tmp_path) as connection, open_library(tmp_path / "library.db") as other:
        late = SqliteIndex(other, EmbeddingModel("old", OLD))
        renew_index(connection, Toy("new", OLD), 4, ignore)
        with pytest.raises(Locked, match="EMBEDDING_MODEL=new") as refused:
            late.replace("d", [(Passage(0, 0.0, 1.0, "late"), vector("late", OLD))])
        assert refused.value.retryable
        assert len(embedded(connection)) == 30


def test_a_run_that_was_overtaken_stops(tmp_path: Path) -> None:
    def overtake(batch: int) -> None:
        if batch == 2:
            renew_index(other, Toy("other", 24), 50, ignore)

    with filled(tmp_path) as connection, open_library(tmp_path / "library.db") as other:
        with pytest.raises(Locked, match="another run"):
            renew_index(connection, Toy("new", 32, overtake), 4, ignore)
        assert SqliteIndex(connection).model == EmbeddingModel("other", 24)
        assert list(check(connection)) == []


def test_two_runs_with_one_model_help_each_other(tmp_path: Path) -> None:
    def help_out(batch: int) -> None:
        if batch == 1:
            with pytest.raises(KeyboardInterrupt):
                renew_index(other, Toy("new", 32, stop), 3, ignore)

    def stop(batch: int) -> None:
        if batch == 4:
            raise KeyboardInterrupt

    with filled(tmp_path) as connection, open_library(tmp_path / "library.db") as other:
        assert renew_index(connection, Toy("new", 32, help_out), 4, ignore) == 18
        assert len(embedded(connection)) == 30


def test_nothing_indexed_is_told(tmp_path: Path) -> None:
    with open_library(tmp_path / "library.db") as connection, pytest.raises(BadRequest, match="Nothing is indexed"):
        renew_index(connection, Toy("new", 8), 4, ignore)


def test_an_empty_index_only_changes_its_model(tmp_path: Path) -> None:
    with filled(tmp_path) as connection:
        for source in SOURCES:
            SqliteIndex(connection).remove(source)
        assert renew_index(connection, Toy("new", 32), 4, ignore) == 0
        assert SqliteIndex(connection).model == EmbeddingModel("new", 32)


def test_words_that_the_old_model_had_whole_are_forgotten(tmp_path: Path) -> None:
    with filled(tmp_path) as connection:
        SqliteIndex(connection).learn(lambda: ["xylophone"])
        renew_index(connection, Toy("new", 32), 4, ignore)
        assert not SqliteIndex(connection).knows("xylophone")
        SqliteIndex(connection).learn(lambda: ["zither"])
        assert SqliteIndex(connection).knows("zither")
