"""Jobs moved from their file into the Postgres of DATABASE_URL: row by row as they are, each job in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from halfgig.jobs.home import home_of
from halfgig.jobs.job import DRAWING, Job
from halfgig.jobs.table import DESIGN
from halfgig.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.settings import Settings
    from halfgig.store.database import Database

PAGE = 100  # rows that are held at once
JOB = tuple(column.name for column in fields(Job))
PARTS = {  # tables of what belongs to a job, and what their rows are ordered by
    "events": (("job_id", "id", "type", "data"), "id"),
    "checkpoints": (("job_id", "attempt", "state"), "attempt"),
    "batches": (("job_id", "number", "data"), "number"),
    "deliveries": (("id", "job_id", "url", "state", "created_at", "due_at", "tries", "trouble"), "id"),
}
_IDS = "SELECT id, state FROM jobs ORDER BY id"
_OWED = "SELECT 1 FROM deliveries WHERE job_id = ? AND due_at IS NOT NULL"
_THERE = "SELECT 1 FROM jobs WHERE id = ?"
_TAKEN = "SELECT 1 FROM jobs WHERE idempotency_key = ?"
ENDED = ("succeeded", "failed", "cancelled")


@dataclass(slots=True)
class Moved:
    """How far a move is. `known` were there already; of these `other` are not as they are here, and were left alone.

    `waiting` have not ended, or owe a webhook, and were not moved. `broken` were moved and are not the same there.
    """

    moved: int = 0
    known: int = 0
    waiting: int = 0
    other: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def move_jobs(
    settings: Settings, *, unfinished: bool = True, watch: Callable[[Moved], object] = lambda _: None
) -> Moved:
    """Copy every job with its events, checkpoints, batches and deliveries, and compare digests. What is here stays.

    With `unfinished` those that have not ended or owe a webhook, too: for when no server runs. Those on what is in this
    folder, as uploads and poses, are for its server. Cut off anywhere, it goes on when it is called again: a job that
    is there is left as it is.
    """
    far, path = Moved(), settings.data_dir / "jobs.db"
    if not path.exists():
        return far
    home = home_of(settings.data_dir)
    here = open_database(path, DESIGN)
    there = open_database(settings.database_url, DESIGN)
    try:
        for job_id, state in here.execute(_IDS).fetchall():
            _move(job_id, state, here, there, far, unfinished=unfinished, home=home)
            watch(far)
    finally:
        there.close()
        here.close()
    return far


def _move(job_id: str, state: str, here: Database, there: Database, far: Moved, *, unfinished: bool, home: str) -> None:
    if there.execute(_THERE, (job_id,)).get:
        far.known += 1
        far.other += [job_id] if digest(here, job_id) != digest(there, job_id) else []
    elif not unfinished and (state not in ENDED or here.execute(_OWED, (job_id,)).get):
        far.waiting += 1  # the server here would send that webhook, too
    else:
        with here.reading():
            _put(job_id, here, there, home)
            same = digest(here, job_id) == digest(there, job_id)
        far.moved += 1
        far.broken += [] if same else [job_id]


def _put(job_id: str, here: Database, there: Database, home: str) -> None:
    (row,) = here.execute(_select("jobs", JOB, "id"), (job_id,))
    job = dict(zip(JOB, row, strict=True))
    if '"upload"' in job["source"] or job["kind"] == DRAWING:
        job["place"] = home
    with there.transaction():
        if job["idempotency_key"] and there.execute(_TAKEN, (job["idempotency_key"],)).get:
            job["idempotency_key"] = None  # a job that another machine has moved has it
        there.execute(_insert("jobs", JOB), job)
        for table, (columns, order) in PARTS.items():
            rows = here.execute(_select(table, columns, "job_id", order), (job_id,))
            for page in _pages(rows):
                there.executemany(_insert(table, columns), page)


def digest(database: Database, job_id: str) -> str:
    """The sha256 of all rows of a job, but for what a move changes. NUL, which Postgres has not, counts as U+FFFD."""
    told = sha256()
    same = tuple(name for name in JOB if name not in ("place", "idempotency_key"))
    for table, columns, key, order in (
        ("jobs", same, "id", "id"),
        *((table, columns, "job_id", order) for table, (columns, order) in PARTS.items()),
    ):
        for row in database.execute(_select(table, columns, key, order), (job_id,)):
            told.update(repr(tuple(map(_plain, row))).encode())
    return told.hexdigest()


def _plain(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _pages(rows: Any) -> Iterator[list[Any]]:
    rest = iter(rows)
    while page := list(islice(rest, PAGE)):
        yield page


def _select(table: str, columns: tuple[str, ...], key: str, order: str = "") -> str:
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = ? ORDER BY {order or key}"  # noqa: S608 - our names


def _insert(table: str, columns: tuple[str, ...]) -> str:
    values = ", ".join(f":{name}" for name in columns) if table == "jobs" else ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 - our own names
