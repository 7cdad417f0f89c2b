"""A place for each kind of database that jobs and the library may be in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.fakes.databases import fresh_postgres, library_at

from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.store.database import Database, Where


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


@pytest.fixture
def store(where: Where) -> Iterator[Database]:
    """The library's database."""
    with library_at(where) as database:
        yield database


@pytest.fixture
def home(where: Where, tmp_path: Path) -> Settings:
    """Settings whose library is there."""
    if isinstance(where, Path):
        return Settings(data_dir=tmp_path, library=where)
    return Settings(data_dir=tmp_path, database_url=where)
