"""The library as a whole, by the operations and the commands that work on it, in a file and in a Postgres."""

from __future__ import annotations

import json
import math
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.fakes.databases import library_at

from halfgig.cli import main
from halfgig.errors import BadRequest, Conflict
from halfgig.operations.copying import copy_index
from halfgig.operations.dump import dump, load
from halfgig.operations.fence import fence
from halfgig.operations.indexes import index_place, own_events, own_index
from halfgig.operations.library import entries, file_report, forget
from halfgig.operations.searching import search
from halfgig.operations.upkeep import check
from halfgig.records import Passage, Segment, StoredSource, Word
from halfgig.retrieval.index import EmbeddingModel
from halfgig.settings import Settings
from halfgig.store.edits import Edits
from halfgig.store.home import open_store
from halfgig.store.library import Library

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.store.database import Database

MODEL = EmbeddingModel("toy", 8)
SQUATS = StoredSource("c" * 64, "/squats.mp4", "Squats", 9.5, None, "", "", "unheard", 0)
REP = {"number": 1, "side": "both", "start": 1.0, "end": 2.0, "seconds": 1.0, "range": 90.0}
REPORT = {"exercise": "squat", "reps": [REP], "attempts": []}
SPOKEN = (
    Segment(
        0.1, 1.0, " A cat", (Word(0.1, 0.2, " A", 0.5), Word(0.2, 1 / 3, " cat", 1.0)), (1, 2), 0.0, -0.25, math.nan
    ),
    Segment(1.0, 2.0, " 彩虹"),
)


def fill(database: Database) -> None:
    """Two talks with passages, tags and an edit; one that is half done."""
    library, index = Library(database), own_index(database, MODEL)
    index.learn(lambda: ["crustacean", "zebra"])
    for letter in "ab":
        source = library.add_source(letter * 64, f"/{letter}.mp4", f"Talk {letter} ü", "tiny.en", duration=9.25)
        library.take_segments(source, SPOKEN)
        library.tag(source.id, ["talks", letter])
        source = library.close_transcript(source, "en")
        rows = [(Passage(n, n, n + 1.5, f"A cat {n} 彩虹 \\0"), array("f", [1 / (n + 3), *[n] * 7])) for n in range(5)]
        index.replace(source.id, rows, lambda source=source: library.finish(source))  # type: ignore[misc]
    Edits(database).change("b" * 64, 0, "A dog")
    library.add_source("d" * 64, "/d.mp4", "Half", "tiny.en")


@pytest.fixture
def filled(home: Settings) -> Settings:
    with open_store(home) as database:
        fill(database)
    file_report(SQUATS, REPORT, settings=home, tags=["legs"])
    return home


def test_a_report_is_filed_in_the_place_of_the_last(filled: Settings) -> None:
    assert file_report(SQUATS, {**REPORT, "reps": [REP] * 3}, settings=filled) == 4
    with open_store(filled) as database:
        events, library = own_events(database), Library(database)
        source = library.source(SQUATS.id)
        assert source is not None
        assert (events.count(SQUATS.id), source.state, source.tags) == (4, "unheard", ("legs",))
        (entry,) = entries(database, [source])
        assert (entry.passages, entry.reps) == (0, {"squat": 3})


def test_what_is_forgotten_leaves_nothing(filled: Settings) -> None:
    with open_store(filled) as database:
        assert [forget(database, letter * 64) for letter in "acx"] == [5, 0, None]
        assert [source.id[0] for source in Library(database).sources()] == ["b", "d"]
        assert own_events(database).count() == 0
        assert list(check(database)) == []


def test_a_search_finds_what_is_said_and_what_is_done(filled: Settings) -> None:
    said = search('"cat 3"', keyword_only=True, settings=filled)
    assert {(hit.source_id[0], hit.start, hit.kind) for hit in said.hits} == {
        ("a", 3.0, "speech"),
        ("b", 3.0, "speech"),
    }
    done, *_ = search("squat number 1", keyword_only=True, settings=filled).hits
    assert (done.kind, done.title) == ("motion", "Squats")


def test_a_fence_holds_a_source_as_it_was(filled: Settings) -> None:
    with open_store(filled) as database:
        confirm = fence(database, "a" * 64)
        with database.transaction():
            confirm()
        Edits(database).change("a" * 64, 0, "A dog")
        with pytest.raises(Conflict), database.transaction():
            confirm()


def test_what_is_exported_is_imported_whole_by_the_other_kind(
    filled: Settings, tmp_path: Path, postgres_url: str
) -> None:
    """And comes back the same, each number and each vector."""
    with open_store(filled) as database:
        exported = list(dump(database))
    kinds = (
        (tmp_path / "other.db", tmp_path / "third.db") if filled.database_url else (postgres_url, tmp_path / "other.db")
    )
    for where in kinds:
        with library_at(where) as other:
            assert load(other, exported) == 4
            assert list(check(other)) == []
            assert list(dump(other)) == exported
            assert load(other, exported) == 4


def test_commands(filled: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in filled.as_environment().items():
        monkeypatch.setenv(name, value)
    assert main(["library", "list", "--json"]) == 0
    assert {source["id"][0] for source in json.loads(capsys.readouterr().out)} == set("abcd")
    assert main(["search", "cat", "--keyword-only", "--tag", "a", "-k", "1"]) == 0
    assert "Talk a" in capsys.readouterr().out
    assert main(["export", "aaaa", "-f", "txt"]) == 0
    assert capsys.readouterr().out.split() == ["A", "cat", "彩虹"]
    assert main(["library", "remove", "aaaa"]) == 0
    assert "5 passages" in capsys.readouterr().out
    assert main(["library", "check"]) == 0
    assert capsys.readouterr().out == "The library is in order.\n"


def test_what_only_a_file_can_do_is_refused_where_it_is_none(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = Settings(data_dir=tmp_path, database_url=postgres_url)
    for name, value in shared.as_environment().items():
        monkeypatch.setenv(name, value)
    assert main(["library", "backup", str(tmp_path / "copy.db")]) == 2
    assert "in a Postgres" in capsys.readouterr().err
    with pytest.raises(BadRequest, match="DATABASE_URL, and its index with it"):
        index_place(Settings(database_url=postgres_url, index_url="pinecone://talks", pinecone_api_key="k"))
    with pytest.raises(BadRequest, match="own Postgres"):
        copy_index("sqlite:", "pinecone://talks", shared)
