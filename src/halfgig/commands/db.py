"""`halfgig db`: the database that DATABASE_URL names, looked at, brought up to date, and filled from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, LibraryError

if TYPE_CHECKING:
    import argparse

    from halfgig.settings import Settings
    from halfgig.store.database import Design


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `db` to the command line."""
    parser = subparsers.add_parser("db", help="look at the database of DATABASE_URL, or bring it up to date")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("check", help="tell which schema it has; exit code 7 where that is not this version's")
    actions.add_parser("upgrade", help="apply what is missing; servers and workers do the same when they start")
    moving = actions.add_parser(
        "move",
        help="bring what is in the files of this machine there",
        description="Copy the library and the jobs from the files of this machine into the database of DATABASE_URL, "
        "and compare both. The files stay. What is there already is left as it is, so that a move that was cut off "
        "goes on when it is run again. What is being worked on, or owes a webhook, is moved when the server of this "
        "folder is stopped.",
    )
    moving.add_argument("old", choices=["sqlite"])
    moving.add_argument("new", choices=["postgres"])
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check the schema, upgrade it, or move what is in files there."""
    if not settings.database_url:
        detail = "DATABASE_URL is not set: jobs are in files, which bring themselves up to date."
        raise BadRequest(detail, "Set it to postgresql://USER@HOST/NAME.")
    if arguments.action == "move":
        from halfgig.commands.move import move

        return move(settings)
    return (_check if arguments.action == "check" else _upgrade)(settings.database_url)


def _check(url: str) -> int:
    from halfgig.store.postgres_database import PostgresDatabase
    from halfgig.store.postgres_schema import version

    database = PostgresDatabase(url, None)
    try:
        found = {design: version(database, design) for design in _designs()}
    finally:
        database.close()
    for design, (applied, _) in found.items():
        print(f"{design.name}: schema {applied or 'none'}; this halfgig knows {design.postgres}")
    if any(needs > design.postgres for design, (_, needs) in found.items()):
        raise LibraryError("A newer halfgig has changed the database.", "Upgrade halfgig on this machine.")
    if any(applied < design.postgres for design, (applied, _) in found.items()):
        raise LibraryError("The database is older than this halfgig.", "Run halfgig db upgrade.")
    return 0


def _upgrade(url: str) -> int:
    from halfgig.store.postgres_database import PostgresDatabase
    from halfgig.store.postgres_schema import migrate

    database = PostgresDatabase(url, None)
    try:
        for design in _designs():
            count = migrate(database, design)
            print(f"{design.name}: schema {design.postgres}, {count} step{'s' * (count != 1)} applied")
    finally:
        database.close()
    return 0


def _designs() -> list[Design]:
    """Of what is kept there."""
    from halfgig.jobs.table import DESIGN as JOBS
    from halfgig.store.library import DESIGN as LIBRARY

    return [design for design in (JOBS, LIBRARY) if design.postgres]
