"""A place for each kind of database that jobs and the library may be in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fakes.databases import fresh_postgres

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.store.database import Where


@pytest.fixture
def postgres_url(postgres: str | None) -> str:
    """The address of a Postgres that holds nothing of ours."""
    return fresh_postgres(postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """Where a database of ours may be made: in a file, or in a Postgres."""
    if request.param == "sqlite":
        return tmp_path / "ours.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
