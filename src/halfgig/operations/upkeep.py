"""The library kept in order: checked, and vacuumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.tables import compact, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from halfgig.records import Bytes
    from halfgig.retrieval.index import Index

_HOMELESS = """SELECT DISTINCT source_id FROM (SELECT source_id FROM passages UNION SELECT source_id FROM events)
 WHERE source_id NOT IN (SELECT id FROM sources)"""


def check(connection: apsw.Connection, index: Index | None = None) -> Iterator[str]:
    """Yield what is wrong with the file, its index, and the agreement of the two; nothing where all is well.

    `index` is the library's own unless it is told.
    """
    yield from (told for (told,) in connection.execute("PRAGMA integrity_check") if told != "ok")
    yield from (f"a row of {row[0]} refers to no source" for row in connection.execute("PRAGMA foreign_key_check"))
    yield from (index or SqliteIndex(connection)).find_faults()
    yield from (
        f"passages or events belong to no source: {source_id}" for (source_id,) in connection.execute(_HOMELESS)
    )


def vacuum(connection: apsw.Connection) -> tuple[Bytes, Bytes]:
    """Give back the room of what was removed, on disk and in the index; returns the sizes before and after.

    Others wait meanwhile.
    """
    prepare(connection, None)
    before = _size(connection)
    with connection:
        compact(connection)
    connection.execute("VACUUM")
    connection.pragma("wal_checkpoint", "TRUNCATE")
    return before, _size(connection)


def _size(connection: apsw.Connection) -> Bytes:
    return int(connection.pragma("page_count")) * int(connection.pragma("page_size"))
