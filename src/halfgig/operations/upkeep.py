"""The library kept in order: checked, and vacuumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.operations.indexes import as_file, own_index
from halfgig.retrieval.tables import compact, prepare
from halfgig.store.sqlite_database import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import Bytes
    from halfgig.retrieval.index import Index
    from halfgig.store.database import Database

_HOMELESS = """SELECT DISTINCT source_id FROM (SELECT source_id FROM passages UNION SELECT source_id FROM events)
 WHERE source_id NOT IN (SELECT id FROM sources)"""


def check(connection: Database, index: Index | None = None) -> Iterator[str]:
    """Yield what is wrong with the library's file, its index, and the agreement of the two; nothing where all is well.

    `index` is the library's own unless it is told.
    """
    if isinstance(connection, SqliteDatabase):
        yield from _faults_of_file(connection)
    yield from (index or own_index(connection)).find_faults()
    if isinstance(connection, SqliteDatabase):
        homeless = connection.execute(_HOMELESS)
        yield from (f"passages or events belong to no source: {source_id}" for (source_id,) in homeless)


def _faults_of_file(file: SqliteDatabase) -> Iterator[str]:
    yield from (told for (told,) in file.execute("PRAGMA integrity_check") if told != "ok")
    yield from (f"a row of {row[0]} refers to no source" for row in file.execute("PRAGMA foreign_key_check"))


def vacuum(connection: Database) -> tuple[Bytes, Bytes]:
    """Give back the room of what was removed, on disk and in the index; returns the sizes before and after.

    Others wait meanwhile. BadRequest where it is in a Postgres, which sees to that itself.
    """
    file = as_file(connection)
    prepare(file, None)
    before = _size(file)
    with file:
        compact(file)
    file.execute("VACUUM")
    file.pragma("wal_checkpoint", "TRUNCATE")
    return before, _size(file)


def _size(file: SqliteDatabase) -> Bytes:
    return int(file.pragma("page_count")) * int(file.pragma("page_size"))
