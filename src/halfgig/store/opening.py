"""A database opened, whichever it is: a path is a SQLite file, anything else the address of a Postgres."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.store.sqlite_database import connect, translated

if TYPE_CHECKING:
    from halfgig.records import Seconds
    from halfgig.store.database import Database, Design, Where


def open_database(where: Where, design: Design, patience: Seconds = 0.0) -> Database:
    """The database with its schema up to date. LibraryError where it cannot be used, DatabaseAway where not now.

    A Postgres that is away is waited for as long as `patience`, now and at each later statement.
    """
    if isinstance(where, Path):
        with translated(where, design):
            return connect(where, design)
    from halfgig.store.postgres_database import PostgresDatabase

    return PostgresDatabase(where, design, patience)
