from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import LibraryError
from halfgig.jobs.library import LibraryThread
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from halfgig.store.database import Database


def titles(connection: Database) -> list[str]:
    return [source.title for source in Library(connection).sources()]


def add(path: Path, title: str) -> None:
    with open_library(path) as connection:
        Library(connection).add_source(title, "/x.mp4", title, "tiny.en")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[LibraryThread]:
    library = LibraryThread(Settings(library=path))
    try:
        yield library
    finally:
        await library.close()


def test_without_a_library_there_is_no_answer_and_no_file(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path / "library.db") as library:
            assert await library.ask(titles) is None
            assert list(tmp_path.iterdir()) == []

    asyncio.run(run())


def test_it_sees_what_others_write_and_where_the_file_is_another(tmp_path: Path) -> None:
    path = tmp_path / "library.db"

    async def run() -> None:
        async with opened(path) as library:
            add(path, "first")
            assert await library.ask(titles) == ["first"]
            add(path, "second")
            assert sorted(await library.ask(titles) or ()) == ["first", "second"]
            for file in tmp_path.iterdir():
                file.unlink()
            assert await library.ask(titles) is None
            add(path, "third")
            assert await library.ask(titles) == ["third"]

    asyncio.run(run())


def test_everything_is_asked_on_one_thread_that_is_not_the_loops(tmp_path: Path) -> None:
    add(tmp_path / "library.db", "first")

    async def run() -> None:
        async with opened(tmp_path / "library.db") as library:
            threads = {await library.ask(lambda _: threading.current_thread().name) for _ in range(5)}
            assert threads == {"library_0"}

    asyncio.run(run())


def test_a_damaged_library_is_an_error_until_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    path.write_bytes(b"this is no database, whatever its name says" * 50)

    async def run() -> None:
        async with opened(path) as library:
            with pytest.raises(LibraryError, match="is not a database"):
                await library.ask(titles)
            path.unlink()
            add(path, "first")
            assert await library.ask(titles) == ["first"]
            with pytest.raises(LibraryError, match="no such table"):
                await library.ask(lambda connection: connection.execute("SELECT * FROM absent"))
            assert await library.ask(titles) == ["first"]

    asyncio.run(run())
