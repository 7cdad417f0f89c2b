from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

import apsw
import pytest
from tests.fakes.sources import ID, add, fill

from halfgig.errors import BadRequest, LibraryError
from halfgig.records import Segment
from halfgig.store.library import DESIGN, Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.store.sqlite_database import SqliteDatabase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "library.db"


@pytest.fixture
def library(path: Path) -> Iterator[Library]:
    with open_library(path) as connection:
        yield Library(connection, clock=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def fill_without_room(connection: SqliteDatabase) -> None:
    connection.pragma("max_page_count", connection.pragma("page_count"))
    fill(Library(connection), add(Library(connection)), 5000)


def add_without_waiting(connection: SqliteDatabase) -> None:
    connection.set_busy_timeout(0)
    add(Library(connection))


def add_to_read_only(connection: SqliteDatabase) -> None:
    connection.pragma("query_only", 1)
    add(Library(connection))


def test_segments_are_on_disk_as_they_are_yielded(library: Library, path: Path) -> None:
    source = add(library)
    for count, _ in enumerate(library.append_segments(source, [Segment(0, 1, "a"), Segment(1, 2, "b")]), start=1):
        with open_library(path) as other:
            assert len(list(Library(other).segments(ID))) == count


def test_reopening_changes_nothing(library: Library, path: Path) -> None:
    add(library)
    with open_library(path) as connection:
        assert len(Library(connection).sources()) == 1
        assert connection.pragma("user_version") == DESIGN.schema
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("foreign_keys") == 1
        assert connection.execute("SELECT vec_version()").get


def test_a_library_that_must_exist_is_not_made(path: Path) -> None:
    with pytest.raises(BadRequest, match="Nothing is indexed"), open_library(path, create=False):
        pass
    assert not path.exists()


def test_a_newer_library_is_refused_and_left_alone(path: Path) -> None:
    with open_library(path) as connection:
        connection.pragma("user_version", DESIGN.schema + 1)
    before = path.read_bytes()
    with pytest.raises(LibraryError, match="newer halfgig"), open_library(path):
        pass
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    foreign = apsw.Connection(str(path))
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(LibraryError, match="another program"), open_library(path):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, but long enough to look like one" * 100, b"short"])
def test_a_file_that_is_no_database_is_an_error(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(LibraryError, match="not a database") as raised, open_library(path):
        pass
    assert raised.value.remedy
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_library(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with open_library(path) as connection:
        assert Library(connection).sources() == []


def test_a_damaged_library_is_an_error(path: Path) -> None:
    with open_library(path) as connection:
        library = Library(connection)
        fill(library, add(library), 500)
    content = bytearray(path.read_bytes())
    content[4096 : len(content)] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(LibraryError) as raised, open_library(path) as connection:
        list(Library(connection).segments(ID))
    assert raised.value.remedy


def test_a_folder_in_its_place_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(LibraryError, match="cannot be opened"), open_library(path):
        pass


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LibraryError, match="cannot be opened"), open_library(tmp_path / "file" / "library.db"):
        pass


def test_a_full_disk_is_an_error_that_says_so(library: Library, path: Path) -> None:
    with pytest.raises(LibraryError, match="disk is full"), open_library(path) as connection:
        fill_without_room(connection)
    stored = list(library.segments(ID))
    assert 0 < len(stored) < 5000
    list(library.append_segments(add(library), [Segment(5000, 5001, "there is room again")]))
    assert len(list(library.segments(ID))) == len(stored) + 1


def test_a_busy_library_is_an_error_after_the_wait(library: Library, path: Path) -> None:
    with open_library(path) as holder, holder:
        holder.execute("DELETE FROM sources")
        with pytest.raises(LibraryError, match="another process"), open_library(path) as connection:
            add_without_waiting(connection)


def test_a_library_that_cannot_be_written_is_an_error(library: Library, path: Path) -> None:
    with pytest.raises(LibraryError, match="cannot be written") as raised, open_library(path) as connection:
        add_to_read_only(connection)
    assert "permissions" in raised.value.remedy


@pytest.mark.parametrize("kind", [ZeroDivisionError, OSError, BadRequest])
def test_errors_of_other_parts_pass_unchanged(path: Path, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="theirs"), open_library(path):
        raise kind("theirs")


def test_a_library_of_schema_1_keeps_its_sources_and_segments(path: Path) -> None:
    path.parent.mkdir()
    with apsw.Connection(str(path)) as connection:
        schema = resources.files("halfgig.store") / "schema" / "sqlite_0001.sql"
        connection.execute(schema.read_text("utf-8"))
        connection.pragma("application_id", DESIGN.application_id)
        connection.pragma("user_version", 1)
        connection.execute(
            "INSERT INTO sources VALUES (?, '/a.mp4', 'A', 9.0, 'en', 'tiny.en', '2026-01-01', 'ready', 1)", (ID,)
        )
        connection.execute("INSERT INTO segments VALUES (?, 0, 0.0, 1.0, 'a', '[]', '[]', 0, 0, 0, 0)", (ID,))
    connection.close()
    with open_library(path) as connection:
        library = Library(connection)
        assert [source.title for source in library.sources()] == ["A"]
        assert [segment.text for segment in library.segments(ID)] == ["a"]
        assert connection.pragma("foreign_key_check") is None
        library.remove_source(ID)
        assert connection.execute("SELECT count(*) FROM segments").get == 0
