"""An index brought from one place to another: what arrives is what was there, and what is there already is left."""

from __future__ import annotations

from array import array
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.cli import main
from halfgig.errors import BadRequest, Conflict
from halfgig.operations import renewal
from halfgig.operations.copying import copy_index
from halfgig.operations.indexes import index_place
from halfgig.operations.library import forget
from halfgig.operations.upkeep import check
from halfgig.records import Passage, Query, Segment
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.query import Meaning, search
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.settings import Settings
from halfgig.store.edits import Edits
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.fakes.outside import Outside

    from halfgig.operations.copying import Copied
    from halfgig.retrieval.index import Index
    from halfgig.store.sqlite_database import SqliteDatabase

MODEL = EmbeddingModel("toy", 16)
TALKS = ("a" * 64, "b" * 64, "c" * 64)
EVERY = pytest.mark.parametrize("kind", ["postgres", "pinecone", "qdrant"])


def rows(talk: int, count: int = 60) -> list[tuple[Passage, array[float]]]:
    """Passages with odd texts, and numbers of every size that a float32 has."""
    texts = (f"A rainbow, number {n} of {talk}.\\n \0 'quoted' 彩虹 café" for n in range(count))
    vectors = (
        array("f", [((n + 3) * (k + 2) % 17 - 8) / (talk + 3) * 10.0 ** -(k % 9) for k in range(16)])
        for n in range(count)
    )
    return [
        (Passage(n, n / 3, n / 3 + 1.1, text), vector)
        for n, (text, vector) in enumerate(zip(texts, vectors, strict=True))
    ]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A library of three talks, with its index in itself."""
    settings = Settings(data_dir=tmp_path)
    with open_library(settings.library_path) as connection:
        library, index = Library(connection), SqliteIndex(connection, MODEL)
        index.learn(lambda: ["zebra", "crustacean"])
        for talk, source_id in enumerate(TALKS):
            source = library.add_source(source_id, f"/{talk}.mp4", f"Talk {talk}", "tiny.en")
            source = library.close_transcript(source)
            index.replace(source_id, rows(talk), lambda source=source: library.finish(source))  # type: ignore[misc]
    return settings


def outside_of(outside: Outside, kind: str, settings: Settings) -> AbstractContextManager[Settings]:
    return outside.settings(kind, data_dir=settings.data_dir)


def told(index: Index) -> dict[str, list[tuple[Passage, list[float]]]]:
    """All that an index holds."""
    return {one: [(passage, list(vector)) for passage, vector in index.embedded(one)] for one in index.sources()}


def answers(index: Index, library: Library) -> list[Any]:
    meaning = Meaning(MODEL, rows(1)[7][1])
    return [search(Query(text, 9), index, meaning, library) for text in ("rainbow", '"number 7 of 1"', "cafe rainbwo")]


def test_there_and_back_it_is_the_same(settings: Settings, outside: Outside, tmp_path: Path) -> None:
    back = f"sqlite:{tmp_path / 'back.db'}"
    with outside_of(outside, "postgres", settings) as there:
        url = there.index_url
        assert copy_index("sqlite:", url, there).passages == 180
        assert copy_index(url, back, there).passages == 180
        with open_library(settings.library_path) as connection, open_library(tmp_path / "back.db") as other:
            index, returned, library = SqliteIndex(connection), SqliteIndex(other), Library(connection)
            assert told(returned) == told(index)
            assert (returned.model, returned.learnt(), returned.count()) == (MODEL, ["zebra", "crustacean"], 180)
            assert answers(returned, library) == answers(index, library)
            place = index_place(there)
            postgres = place.open(connection)
            assert told(postgres) == told(index)
            assert postgres.learnt() == index.learnt()
            place.close()


@EVERY
def test_a_copy_into_the_same_library_leaves_what_it_is_from(settings: Settings, outside: Outside, kind: str) -> None:
    with outside_of(outside, kind, settings) as there, open_library(settings.library_path) as connection:
        before = told(SqliteIndex(connection))
        copied = copy_index("sqlite:", there.index_url, there)
        assert (copied.done, copied.total, copied.known, copied.passages) == (3, 3, 0, 180)
        assert told(SqliteIndex(connection)) == before
        place = index_place(there)
        index = place.open(connection)
        assert (index.count(), index.sources()) == (180, list(TALKS))
        assert list(check(connection, index)) == []
        assert copy_index(there.index_url, "sqlite:", there).known == 3
        SqliteIndex(connection).remove(TALKS[0])  # gone here, so that it is not shown there either
        assert index.count() == (120 if kind != "postgres" else 180)
        assert place.open(connection).tidy() == 1
        place.close()


@EVERY
def test_a_copy_that_is_cut_off_goes_on(settings: Settings, outside: Outside, kind: str) -> None:
    def stop(far: Copied) -> None:
        if (far.done, far.passages) == (1, 90):
            raise KeyboardInterrupt

    with outside_of(outside, kind, settings) as there:
        with pytest.raises(KeyboardInterrupt):
            copy_index("sqlite:", there.index_url, there, stop)
        steps: list[Copied] = []
        copied = copy_index("sqlite:", there.index_url, there, steps.append)
        assert (copied.known, copied.passages) == (1, 120)
        assert [one.passages for one in steps] == sorted(one.passages for one in steps)
        with open_library(settings.library_path) as connection:
            place = index_place(there)
            assert list(check(connection, place.open(connection))) == []
            place.close()


@pytest.mark.parametrize("kind", ["pinecone", "qdrant"])
def test_what_a_service_has_lost_is_brought_back_once_that_is_known(
    settings: Settings, outside: Outside, kind: str
) -> None:
    with outside_of(outside, kind, settings) as there, open_library(settings.library_path) as connection:
        copy_index("sqlite:", there.index_url, there)
        outside.pinecone.namespaces.clear()
        outside.qdrant.collections.clear()
        with closing(index_place(there)) as place:
            place.open(connection).tidy()
            copied = copy_index("sqlite:", there.index_url, there)
            assert (copied.known, copied.passages) == (0, 180)
            assert list(check(connection, place.open(connection))) == []


def removed(connection: SqliteDatabase, source_id: str) -> None:
    forget(connection, source_id)


def heard_anew(connection: SqliteDatabase, source_id: str) -> None:
    library = Library(connection)
    source = library.close_transcript(library.restart(source_id, "tiny.en"))
    SqliteIndex(connection, MODEL).replace(source_id, rows(9, 3), lambda: library.finish(source))


def edited(connection: SqliteDatabase, source_id: str) -> None:
    edits = Edits(connection)
    Library(connection).restore(Library(connection).sources()[1], [Segment(0, 1, " A rainbow.")])
    edits.change(source_id, 0, " Another.")
    SqliteIndex(connection, MODEL).replace(source_id, rows(9, 3), lambda: edits.settle(source_id, 1))


@EVERY
@pytest.mark.parametrize("change", [removed, heard_anew, edited])
def test_what_changes_while_it_is_copied_is_not_brought_back(
    settings: Settings, outside: Outside, kind: str, change: Callable[[SqliteDatabase, str], None]
) -> None:
    with outside_of(outside, kind, settings) as there, open_library(settings.library_path) as other:

        def meanwhile(far: Copied) -> None:
            if (far.done, far.passages) == (1, 90):
                change(other, TALKS[1])

        with pytest.raises(Conflict, match=r"meanwhile.*again"):
            copy_index("sqlite:", there.index_url, there, meanwhile)
        ours = SqliteIndex(other)
        assert ours.count(TALKS[1]) == (0 if change is removed else 3)
        place = index_place(there)
        assert place.open(other).count(TALKS[1]) == 0
        copied = copy_index("sqlite:", there.index_url, there)
        assert (copied.known, copied.passages) == (1, 60 if change is removed else 63)
        assert list(check(other, place.open(other))) == []
        place.close()


@EVERY
def test_what_changes_where_it_is_copied_from_is_not_mixed(
    settings: Settings, outside: Outside, kind: str, tmp_path: Path
) -> None:
    back = f"sqlite:{tmp_path / 'back.db'}"
    with outside_of(outside, kind, settings) as there, open_library(settings.library_path) as other:
        copy_index("sqlite:", there.index_url, there)

        def meanwhile(far: Copied) -> None:
            if (far.done, far.passages) == (1, 90):
                heard_anew(other, TALKS[1])

        with pytest.raises(Conflict, match=r"meanwhile.*again"):
            copy_index(there.index_url, back, there, meanwhile)
        with open_library(tmp_path / "back.db") as connection:
            assert SqliteIndex(connection).sources() == [TALKS[0]]


@pytest.mark.parametrize("kind", ["postgres", "qdrant"])
def test_what_is_removed_while_it_is_embedded_stays_removed(settings: Settings, outside: Outside, kind: str) -> None:
    with outside_of(outside, kind, settings) as there, open_library(settings.library_path) as connection:
        for source in Library(connection).sources():
            Library(connection).restore(source, [Segment(0, 1.0, " A sentence about rainbows.")])

        class Late(Toy):
            def embed(self, texts: Sequence[str]) -> list[array[float]]:
                removed(connection, TALKS[0])
                return super().embed(texts)

        place = index_place(there)
        with pytest.raises(Conflict, match="meanwhile"):
            renewal._fill(connection, place, Late(), there, renewal.ignore)
        assert renewal._fill(connection, place, Toy(), there, renewal.ignore).passages == 2
        assert (place.open(connection).sources(), list(check(connection, place.open(connection)))) == (
            list(TALKS[1:]),
            [],
        )
        place.close()


class Toy:
    """An embedder of three numbers."""

    model, dim = "toy 3", 3

    def embed(self, texts: Sequence[str]) -> list[array[float]]:
        return [array("f", [len(text), 1.0, 2.0]) for text in texts]

    def embed_question(self, text: str) -> array[float]:
        return self.embed([text])[0]

    def words(self) -> list[str]:
        return ["zebra"]

    def close(self) -> None:
        pass


@EVERY
def test_another_index_is_filled_with_another_model(settings: Settings, outside: Outside, kind: str) -> None:
    outside.pinecone.dim = 3
    with open_library(settings.library_path) as connection:
        restored = [Segment(n, n + 1.0, f" Sentence number {n} about rainbows.") for n in range(90)]
        for source in Library(connection).sources():
            Library(connection).restore(source, restored)
    with outside_of(outside, kind, settings) as there, open_library(settings.library_path) as connection:
        place = index_place(there)
        seen: list[tuple[int, int]] = []
        done = renewal._fill(connection, place, Toy(), there, lambda *far: seen.append(far))
        assert done.embedded == done.passages == place.open(connection).count() > 9
        assert len(seen) == 3
        assert renewal._fill(connection, place, Toy(), there, renewal.ignore).embedded == 0
        with pytest.raises(BadRequest, match=r"made with toy 3.*name another index in INDEX_URL"):
            place.open(connection, MODEL)
        assert told(SqliteIndex(connection)) == {}  # what is said has changed, and those vectors were of before
        place.close()


def test_what_cannot_be_copied_is_told(settings: Settings, outside: Outside, tmp_path: Path) -> None:
    same = f"sqlite:{settings.library_path}"
    for old, new, why in (
        ("sqlite:", same, "the same index"),
        (f"sqlite:{tmp_path / 'none.db'}", "sqlite:", "Nothing is indexed"),
        ("sqlite:", "oracle://here", "none that is known"),
    ):
        with pytest.raises(BadRequest, match=why):
            copy_index(old, new, settings)
    with open_library(tmp_path / "other.db") as other:
        SqliteIndex(other, EmbeddingModel("other", 4)).replace("x", [(Passage(0, 0, 1, "x"), array("f", [1.0] * 4))])
    with pytest.raises(BadRequest, match="made with other"):
        copy_index("sqlite:", f"sqlite:{tmp_path / 'other.db'}", settings)


@pytest.fixture
def commanded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFGIG_DATA", str(settings.data_dir))


@pytest.mark.parametrize("command", ["index", "library"])
def test_both_commands_copy(commanded: None, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = f"sqlite:{tmp_path / 'copy.db'}"
    assert main([command, "copy", "sqlite:", target]) == 0
    assert capsys.readouterr().out == f"Copied 3 sources (180 passages) to {target}.\n"
    assert main([command, "copy", "sqlite:", target]) == 0
    assert capsys.readouterr().out == f"Copied 0 sources (0 passages) to {target}; 3 sources there already.\n"


def test_a_source_may_be_called_copy(commanded: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "copy", "more.mp4", "most.mp4"]) == 3
    assert capsys.readouterr().err.count("halfgig: ") == 3
    assert main(["index", "copy", "sqlite:", "pinecon://talks"]) == 2
    assert "none that is known" in capsys.readouterr().err
