"""`halfgig db` on a real Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.cli import main
from halfgig.jobs.table import DESIGN
from halfgig.store.postgres_database import PostgresDatabase

if TYPE_CHECKING:
    import pytest


def test_without_a_database_there_is_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert main(["db", "check"]) == 2
    assert "DATABASE_URL is not set" in capsys.readouterr().err


def test_what_is_missing_is_told_and_applied(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    assert main(["db", "check"]) == 7
    told = capsys.readouterr()
    assert f"job queue: schema none; this halfgig knows {DESIGN.postgres}" in told.out
    assert "halfgig db upgrade" in told.err
    assert main(["db", "upgrade"]) == 0
    assert f"job queue: schema {DESIGN.postgres}, " in capsys.readouterr().out
    assert main(["db", "upgrade"]) == main(["db", "check"]) == 0
    assert "0 steps applied" in capsys.readouterr().out


def test_a_newer_database_is_told(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = PostgresDatabase(postgres_url, DESIGN)
    database.execute("UPDATE halfgig_schema SET version = 99, compatible_with = 99")
    database.close()
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    for action in ("check", "upgrade"):
        assert main(["db", action]) == 7
        assert "Upgrade halfgig" in capsys.readouterr().err
