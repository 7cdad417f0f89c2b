"""The library as a whole: filed, forgotten, checked, vacuumed, copied, exported and imported."""

from __future__ import annotations

import itertools
import math
from array import array
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import BadRequest
from halfgig.operations.dump import dump, load
from halfgig.operations.library import file_report, forget
from halfgig.operations.upkeep import check, vacuum
from halfgig.records import Passage, Segment, StoredSource, Word
from halfgig.retrieval.events import EventIndex
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.settings import Settings
from halfgig.store.backup import back_up
from halfgig.store.edits import Edits
from halfgig.store.library import Library
from halfgig.store.reports import Reports
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.store.sqlite_database import SqliteDatabase


MODEL = EmbeddingModel("toy", 8)
SQUATS = StoredSource("c" * 64, "/squats.mp4", "Squats", 9.5, None, "", "", "unheard", 0)
REP = {"number": 1, "side": "both", "start": 1.0, "end": 2.0, "seconds": 1.0, "range": 90.0}
REPORT = {"exercise": "squat", "reps": [REP], "attempts": []}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def connection(settings: Settings) -> Iterator[SqliteDatabase]:
    file_report(SQUATS, REPORT, settings=settings, tags=["legs"])
    with open_library(settings.library_path) as connection:
        index, library = SqliteIndex(connection, MODEL), Library(connection)
        index.learn(lambda: ["crustacean", "zebra"])
        for letter in "ab":
            source = library.add_source(letter * 64, f"/{letter}.mp4", f"Talk {letter} ü", "tiny.en", duration=9.25)
            words = (Word(0.1, 0.2, " A", 0.5), Word(0.2, 1 / 3, " cat", 1.0))
            segments = [
                Segment(0.1, 1.0, " A cat", words, (1, 2), 0.0, -0.25, math.nan, 0.1),
                Segment(1.0, 2.0, " 彩虹"),
            ]
            for _ in library.append_segments(source, segments):
                pass
            source = library.close_transcript(source, "en")
            rows = [(Passage(n, n, n + 1.5, f"A cat {n} 彩虹"), array("f", [1 / (n + 3), *[n] * 7])) for n in range(5)]
            index.replace(source.id, rows, lambda source=source: library.finish(source))  # type: ignore[misc]
        library.add_source("d" * 64, "/d.mp4", "Half", "tiny.en")
        yield connection


def faults(connection: SqliteDatabase) -> list[str]:
    return list(check(connection))


def test_a_report_is_filed_in_the_place_of_the_last(connection: SqliteDatabase, settings: Settings) -> None:
    assert file_report(SQUATS, {**REPORT, "reps": [REP] * 3}, settings=settings) == 4
    assert EventIndex(connection).count(SQUATS.id) == 4
    source = Library(connection).source(SQUATS.id)
    assert source is not None
    assert (source.state, source.tags, source.duration) == ("unheard", ("legs",), 9.5)
    assert file_report(SQUATS, {**REPORT, "reps": []}, settings=settings) == 0
    assert EventIndex(connection).count() == 0


def test_a_source_in_which_nothing_is_done_is_not_filed(settings: Settings) -> None:
    assert file_report(SQUATS, {**REPORT, "reps": []}, settings=settings) == 0
    with open_library(settings.library_path) as connection:
        assert Library(connection).sources() == []


def test_what_is_forgotten_leaves_nothing(connection: SqliteDatabase) -> None:
    assert [forget(connection, letter * 64) for letter in "acx"] == [5, 0, None]
    assert [source.id[0] for source in Library(connection).sources()] == ["b", "d"]
    assert EventIndex(connection).count() == 0
    assert faults(connection) == []


def test_a_whole_library_has_no_faults(connection: SqliteDatabase) -> None:
    assert faults(connection) == []
    vacuum(connection)
    assert faults(connection) == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("DELETE FROM sources WHERE title LIKE 'Talk a%'", "belong to no source: aaaa"),
        ("DELETE FROM passages WHERE number = 2", "passages of aaaa"),
        ("DELETE FROM passage_vectors WHERE id = 1", "passage_vectors and passages differ in 1 row"),
        ("DELETE FROM passage_bits WHERE id < 3", "passage_bits and passages differ in 2 rows"),
        ("DELETE FROM passage_words WHERE rowid = 1", "passage_words_docsize and passages differ in 1 row"),
        ("DELETE FROM events", "event_words_docsize and events differ in 2 rows"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM sources WHERE title = 'Squats'", "tags refers to no source"),
    ],
)
def test_what_does_not_agree_is_found(connection: SqliteDatabase, harm: str, told: str) -> None:
    connection.execute(harm)
    assert any(told in fault for fault in faults(connection))


def test_a_vacuum_gives_room_back(connection: SqliteDatabase, settings: Settings) -> None:
    index = SqliteIndex(connection, MODEL)
    rows = [(Passage(n, n, n + 1.0, f"word{'abcdefghij'[n % 10] * 9} " * 20), array("f", [n] * 8)) for n in range(3000)]
    index.replace("a" * 64, rows)
    forget(connection, "a" * 64)
    assert index.beginning("cat", 5) == ["cat"]
    before, after = vacuum(connection)
    assert settings.library_path.stat().st_size == after < before / 2
    assert connection.execute("SELECT count(*) FROM vocabulary WHERE word LIKE 'word%'").get == 0
    assert index.resembling("crustacena", 5) == ["crustacean"]
    assert faults(connection) == []


def test_a_backup_is_the_library_as_it_was(connection: SqliteDatabase, settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    with open_library(settings.library_path) as writer, writer:
        writer.execute("DELETE FROM passages")  # another writes, and has not ended
        back_up(connection, target)
    with open_library(target) as copy:
        assert faults(copy) == []
        assert "".join(dump_of(connection, "a")) in "".join(dump(copy))
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".halfgig")] == []
    with pytest.raises(BadRequest, match="there already"):
        back_up(connection, target)
    with pytest.raises(BadRequest, match="cannot be written"):
        back_up(connection, tmp_path / "nowhere" / "copy.db")


def dump_of(connection: SqliteDatabase, letter: str) -> list[str]:
    lines = list(dump(connection))
    first = next(n for n, line in enumerate(lines) if line.startswith('{"source"') and letter * 64 in line)
    return [lines[first], *itertools.takewhile(lambda line: not line.startswith('{"source"'), lines[first + 1 :])]


def test_an_export_comes_back_as_it_was(connection: SqliteDatabase, tmp_path: Path) -> None:
    Edits(connection).change("a" * 64, 1, "彩虹!")
    exported = list(dump(connection))
    with open_library(tmp_path / "other.db") as other:
        assert load(other, exported) == 4
        assert Edits(other).originals("a" * 64, 0, 9) == {1: " 彩虹"}
        assert Reports(other).find(SQUATS.id) == REPORT
        assert sorted(dump(other)) == sorted(exported)
        assert faults(other) == []
        assert load(other, exported) == 4
        assert sorted(dump(other)) == sorted(exported)
        index = SqliteIndex(other)
        assert (index.model, index.count(), index.knows("zebra")) == (MODEL, 10, True)
        assert EventIndex(other).count() == 2


def test_an_import_leaves_other_sources_alone(connection: SqliteDatabase, tmp_path: Path) -> None:
    exported = list(dump(connection))
    only_a = [exported[0], *dump_of(connection, "a")]
    forget(connection, "a" * 64)
    Library(connection).tag("b" * 64, ["mine"])
    assert load(connection, only_a) == 1
    assert [line for line in exported if "a" * 64 in line] == dump_of(connection, "a")[:1]
    assert faults(connection) == []


@pytest.mark.parametrize(
    "lines", [[], ["{}"], ["no json"], ['{"library": {"version": 99}}'], ['{"source": {}}'], ["[1]"], ['{"a":1,"b":2}']]
)
def test_what_is_no_export_is_refused(tmp_path: Path, lines: list[str]) -> None:
    with open_library(tmp_path / "other.db") as other, pytest.raises(BadRequest, match="export"):
        load(other, lines)


def test_an_export_that_is_cut_off_leaves_whole_sources(connection: SqliteDatabase, tmp_path: Path) -> None:
    exported = list(dump(connection))
    with open_library(tmp_path / "other.db") as other:
        with pytest.raises(BadRequest, match="none of it"):
            load(other, [*exported[:-1], exported[-1][:20]])
        assert faults(other) == []


def test_vectors_of_another_model_are_refused(connection: SqliteDatabase, tmp_path: Path) -> None:
    with open_library(tmp_path / "other.db") as other:
        SqliteIndex(other, EmbeddingModel("other", 4)).replace("x", [(Passage(0, 0, 1, "x"), array("f", [1.0] * 4))])
        with pytest.raises(BadRequest, match="made with other"):
            load(other, dump(connection))
