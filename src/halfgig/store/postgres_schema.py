"""The schema in Postgres: numbered files applied once each, by one machine at a time, and recorded."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from halfgig.errors import LibraryError
from halfgig.store.postgres_line import SCHEMA

if TYPE_CHECKING:
    from halfgig.store.database import Database, Design

LOCK = 0x48414C46  # "HALF", of the advisory lock: two machines that start together do not both apply
_KNOWN = f"SELECT to_regclass('{SCHEMA}.halfgig_schema') IS NOT NULL"
_HELD = f"SELECT to_regnamespace('{SCHEMA}') IS NOT NULL"
_RECORD = """CREATE TABLE IF NOT EXISTS halfgig_schema (
 name text PRIMARY KEY, version integer NOT NULL, compatible_with integer NOT NULL)"""
_VERSION = "SELECT version, compatible_with FROM halfgig_schema WHERE name = ?"
_NOTE = """INSERT INTO halfgig_schema VALUES (:name, :version, :compatible) ON CONFLICT (name)
 DO UPDATE SET version = excluded.version, compatible_with = excluded.compatible_with"""


def migrate(database: Database, design: Design) -> int:
    """Apply the files that the database has not seen, and return how many those were.

    LibraryError where a newer halfgig has changed it so that this one could do harm.
    """
    if _check(version(database, design), design) >= design.postgres:
        return 0
    with database.transaction():
        database.execute("SELECT pg_advisory_xact_lock(?)", (LOCK,))
        if not database.execute(_HELD).get:  # who may only use it must not ask to make it
            database.execute(f"CREATE SCHEMA {SCHEMA}")
        database.execute(_RECORD)
        before = _check(version(database, design), design)
        for number in range(before + 1, design.postgres + 1):
            _apply(database, design, number)
    return max(0, design.postgres - before)


def version(database: Database, design: Design) -> tuple[int, int]:
    """How many files were applied, and how many a halfgig must know to work with that; (0, 0) where there is none."""
    if not database.execute(_KNOWN).get:
        return 0, 0
    row = database.execute(_VERSION, (design.name,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def _check(found: tuple[int, int], design: Design) -> int:
    applied, compatible_with = found
    if compatible_with > design.postgres:
        raise LibraryError(
            f"The {design.name} was changed by a newer halfgig (schema {applied}; this one knows {design.postgres}).",
            "Upgrade halfgig on this machine.",
        )
    return applied


def _apply(database: Database, design: Design, number: int) -> None:
    schema = resources.files(design.package) / "schema" / f"postgres_{number:04d}.sql"
    database.execute(schema.read_text("utf-8"), None)
    compatible = min(number, design.compatible_with)
    database.execute(_NOTE, {"name": design.name, "version": number, "compatible": compatible})
