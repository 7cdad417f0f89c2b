"""An index in the library's Postgres made anew with another model: resumed, and searched and written to meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from typing import TYPE_CHECKING, cast

import pytest
from tests.contract.test_library_in_postgres import PATIENCE, waiting
from tests.fakes.databases import library_at
from tests.unit.retrieval.test_renewal import Toy, text_of, vector

from halfgig.errors import BadRequest, Locked
from halfgig.operations.indexes import own_index
from halfgig.operations.upkeep import check
from halfgig.records import Passage
from halfgig.retrieval import postgres_library, postgres_renewal
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.postgres_renewal import renew_library
from halfgig.retrieval.postgres_tables import take_next
from halfgig.store.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.records import Floats
    from halfgig.retrieval.line import Session
    from halfgig.store.database import Database
    from halfgig.store.postgres_database import PostgresDatabase

DIM = 16
OLD = EmbeddingModel("old", DIM)
SOURCES = ("a", "b", "c")


def put(database: Database, source: str, each: int = 10, first: int = 0, model: EmbeddingModel = OLD) -> None:
    Library(database).note_source(source, f"/{source}.mp4", source, None)
    texts = [text_of(source, number) for number in range(first, first + each)]
    rows = [(Passage(n, n, n + 1, text), vector(text, model.dim)) for n, text in enumerate(texts)]
    own_index(database, model).replace(source, rows)


@pytest.fixture
def database(postgres_url: str) -> Iterator[PostgresDatabase]:
    with library_at(postgres_url) as opened:
        for source in SOURCES:
            put(opened, source)
        own_index(opened, OLD).learn(lambda: ["zebra"])
        yield cast("PostgresDatabase", opened)


def renew(database: PostgresDatabase, toy: Toy) -> int:
    return renew_library(database, toy, 4, lambda *_: None)


def holds(database: Database, dim: int) -> set[str]:
    """The texts there, each of which has the vector of this length that belongs to it."""
    index = own_index(database)
    pairs = [(passage.text, list(one)) for source in index.sources() for passage, one in index.embedded(source)]
    assert all(one == pytest.approx(list(vector(text, dim)), abs=1e-6) for text, one in pairs)
    return {text for text, _ in pairs}


def said(*sources: str, each: int = 10, first: int = 0) -> set[str]:
    return {text_of(source, number) for source in sources for number in range(first, first + each)}


@pytest.mark.parametrize("dim", [8, DIM, 32])
def test_every_passage_gets_a_vector_of_the_new_model(database: PostgresDatabase, dim: int) -> None:
    told: list[tuple[int, int]] = []
    assert renew_library(database, Toy("new", dim), 4, lambda *counts: told.append(counts)) == 30
    assert [done for done, _ in told] == [4, 8, 12, 16, 20, 24, 28, 30]
    index = own_index(database)
    assert (index.model, index.learnt()) == (EmbeddingModel("new", dim), [])
    assert holds(database, dim) == said(*SOURCES)
    assert index.nearest(vector(text_of("b", 3), dim), 1)[0].passage.text == text_of("b", 3)
    assert list(check(database)) == []
    assert renew(database, Toy("new", dim)) == 0
    put(database, "a", each=3, first=20, model=EmbeddingModel("new", dim))
    assert renew(database, Toy("third", 8)) == 23  # the names are free again, and no id comes twice
    assert holds(database, 8) == said("b", "c") | said("a", each=3, first=20)


def stopping_after(batches: int) -> Callable[[int], None]:
    def stop(done: int) -> None:
        if done == batches:
            raise KeyboardInterrupt

    return stop


def test_it_goes_on_where_it_was_cut_off(database: PostgresDatabase) -> None:
    with pytest.raises(KeyboardInterrupt):
        renew(database, Toy("new", 8, stopping_after(3)))
    assert own_index(database).model == OLD
    assert holds(database, DIM) == said(*SOURCES)
    toy = Toy("new", 8)
    assert renew(database, toy) == 30 - 12
    assert len(set(toy.texts)) == 18
    assert holds(database, 8) == said(*SOURCES)


def test_what_is_indexed_and_removed_meanwhile_is_taken_up(database: PostgresDatabase, postgres_url: str) -> None:
    with library_at(postgres_url) as other:

        def change(batch: int) -> None:
            if batch == 5:  # of these two sources, some have come by now
                put(other, "a", each=7, first=20)
                own_index(other).remove("b")
                Library(other).remove_source("b")
                put(other, "d", each=3)

        renew(database, Toy("new", 8, change))
    assert holds(database, 8) == said("c") | said("a", each=7, first=20) | said("d", each=3)
    assert list(check(database)) == []


def test_whoever_indexes_with_the_old_model_afterwards_is_refused(database: PostgresDatabase) -> None:
    late = own_index(database, OLD)
    renew(database, Toy("new", DIM))
    with pytest.raises(Locked):
        late.replace("a", [(Passage(0, 0, 1, "late"), vector("late", DIM))])
    with pytest.raises(BadRequest, match="new"):
        own_index(database, OLD)
    assert holds(database, DIM) >= said("b", "c")


def test_of_two_runs_with_two_models_the_later_wins(database: PostgresDatabase, postgres_url: str) -> None:
    with library_at(postgres_url) as other:
        second = cast("PostgresDatabase", other)

        def overtake(batch: int) -> None:
            if batch == 3:
                renew(second, Toy("second", 12))

        with pytest.raises(Locked):
            renew(database, Toy("first", 8, overtake))
    assert holds(database, 12) == said(*SOURCES)


def test_nothing_indexed_is_nothing_to_renew(postgres_url: str) -> None:
    with library_at(postgres_url) as empty, pytest.raises(BadRequest, match="Nothing is indexed"):
        renew(cast("PostgresDatabase", empty), Toy("new", 8))


class Swap:
    """An index made anew on a thread, which stands still before the new one takes the place of the old."""

    def __init__(self, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
        self._database, self._there, self._on = database, Event(), Event()
        self._take = take_next
        self.threads = ThreadPoolExecutor(2)
        monkeypatch.setattr(postgres_renewal, "take_next", self._wait)

    def _wait(self, session: Session, model: EmbeddingModel) -> None:
        self._there.set()
        assert self._on.wait(PATIENCE)
        self._take(session, model)

    def begin(self, dim: int) -> None:
        """Come as far as that."""
        self.renewing = self.threads.submit(renew, self._database, Toy("new", dim))
        assert self._there.wait(PATIENCE)

    def go(self) -> None:
        """Stand still no longer."""
        self._on.set()

    def finish(self) -> int:
        """Go on; returns how many passages were embedded."""
        self.go()
        return self.renewing.result(PATIENCE)

    def close(self) -> None:
        self.go()
        self.threads.shutdown()


@pytest.fixture
def swap(database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Swap]:
    with closing(Swap(database, monkeypatch)) as swap:
        yield swap


def test_a_search_that_waits_for_the_new_index_reads_of_that_alone(
    swap: Swap, database: PostgresDatabase, postgres_url: str
) -> None:
    with library_at(postgres_url) as other, library_at(postgres_url) as watcher:

        def ask() -> tuple[EmbeddingModel | None, str]:
            with other.reading():
                index = own_index(other)
                assert index.model is not None
                found = index.nearest(vector(text_of("b", 3), index.model.dim), 1)
                return index.model, found[0].passage.text

        swap.begin(8)
        asking = waiting(ask, swap.threads, watcher)
        assert swap.finish() == 30
        assert asking.result(PATIENCE) == (EmbeddingModel("new", 8), text_of("b", 3))


def test_a_search_that_has_begun_is_waited_for(swap: Swap, database: PostgresDatabase, postgres_url: str) -> None:
    with library_at(postgres_url) as other:
        with other.reading():
            index = own_index(other)
            renewing = waiting(lambda: renew(database, Toy("new", 8)), swap.threads, other)
            assert index.nearest(vector(text_of("b", 3), DIM), 1)[0].passage.text == text_of("b", 3)
        swap.go()
        assert renewing.result(PATIENCE) == 30


def test_what_is_put_in_place_meanwhile_is_refused_and_stands_in_nobodys_way(
    swap: Swap, database: PostgresDatabase, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_library, "PAGE", 3)
    with library_at(postgres_url) as other, library_at(postgres_url) as watcher:

        def late() -> Iterator[tuple[Passage, Floats]]:
            yield from ((Passage(n, n, n + 1, "late"), vector("late", DIM)) for n in range(3))
            swap.begin(8)  # all of it waits by now

        index = own_index(other, OLD)
        indexing = waiting(lambda: index.replace("a", late()), swap.threads, watcher)
        assert swap.finish() == 30
        with pytest.raises(Locked):
            indexing.result(PATIENCE)
    assert holds(database, 8) == said(*SOURCES)
    assert list(check(database)) == []


def test_words_are_learnt_meanwhile_without_a_circle(swap: Swap, database: PostgresDatabase, postgres_url: str) -> None:
    database.execute("DELETE FROM halfgig_facts WHERE name = 'learnt'")
    with library_at(postgres_url) as other, library_at(postgres_url) as watcher:
        index = own_index(other)

        def words() -> list[str]:
            swap.begin(8)
            return ["zebra"]

        learning = waiting(lambda: index.learn(words), swap.threads, watcher)
        assert swap.finish() == 30
        learning.result(PATIENCE)
    assert own_index(database).learnt() == ["zebra"]
