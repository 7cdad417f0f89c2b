"""The table of jobs in its database: opened, read, and written row by row; the queue and attempts build on it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Self

from halfgig.jobs.job import Event, Job, State
from halfgig.jobs.parts import bounds
from halfgig.records import Segment, Word
from halfgig.store.database import Design
from halfgig.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from halfgig.records import Seconds
    from halfgig.store.database import Rows, Where

DESIGN = Design(
    name="job queue",
    application_id=0x48414C4A,  # "HALJ"
    package="halfgig.jobs",
    schema=3,
    postgres=3,
    durable=True,  # what was accepted outlives a loss of power
)
PAGE = 200  # events read at a time
RUNNABLE = "state"  # news of a job that may be begun; the word is that of older halfgigs, for any state

_IDENTITY = "SELECT id FROM queue_facts"
_COLUMNS = [column.name for column in fields(Job)]
_JSON = frozenset({"options", "source", "progress", "timings", "failures", "degraded", "notes", "problem", "result"})
COLUMNS = ", ".join(_COLUMNS)
SELECT = f"SELECT {COLUMNS} FROM jobs"  # noqa: S608 - our own column names
_BRIEF = "{without[result.reps.attempts]}"  # which may be thousands
OUTLINE = f"SELECT {', '.join(_BRIEF if name == 'result' else name for name in _COLUMNS)} FROM jobs"  # noqa: S608
_INSERT = f"""INSERT INTO jobs ({", ".join(_COLUMNS)}) VALUES ({", ".join(":" + name for name in _COLUMNS)})
 ON CONFLICT (idempotency_key) DO NOTHING"""  # noqa: S608
_HELD = f"{SELECT} WHERE id = ? {{lock}}"
_UPDATE = f"UPDATE jobs SET {', '.join(f'{name} = :{name}' for name in _COLUMNS)} WHERE id = :id"  # noqa: S608
_DROP_PARTS = "DELETE FROM jobs WHERE id > ? AND id < ?"
_EVENT = """INSERT INTO events SELECT :job_id, coalesce(max(id), 0) + 1, :type, :data FROM events
 WHERE job_id = :job_id"""
_EVENTS = "SELECT id, type, data FROM events WHERE job_id = ? AND id > ? ORDER BY id LIMIT ?"
_SEGMENTS = "SELECT id, data FROM events WHERE job_id = ? AND type = 'segment' AND id > ? ORDER BY id LIMIT ?"


class JobTable:
    """Jobs and their events, on a connection of its own; for one thread at a time.

    Statements are spelt in the dialect of the database. Its errors leave every method as LibraryError. `clock` gives
    unix seconds; by default it is the database's. `patience` is for one that is away.
    """

    def __init__(self, where: Where, clock: Callable[[], float] | None = None, *, patience: Seconds = 0.0) -> None:
        self.database = open_database(where, DESIGN, patience)
        self.clock = clock or self.database.now

    def close(self) -> None:
        """Close the connection."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def guarded(self) -> AbstractContextManager[None]:
        """A block in which the database's errors are translated."""
        return self.database.guarded()

    def transaction(self) -> AbstractContextManager[None]:
        """A block that is written whole or not at all."""
        return self.database.transaction()

    def execute(self, statement: str, values: Any = ()) -> Rows:
        """Run a statement, within one of these blocks."""
        return self.database.execute(self.database.dialect.spell(statement), values)

    def write(self, statement: str, values: Any = ()) -> None:
        """Run a statement of a transaction whose result nobody wants to know: it may be sent with the next one."""
        self.database.later(self.database.dialect.spell(statement), values)

    def identity(self) -> str:
        """The id of this queue, the same for all who use its database."""
        with self.guarded():
            return str(self.execute(_IDENTITY).get)

    def get(self, job_id: str) -> Job | None:
        """The job of this id, None where there is none."""
        return self.one(f"{SELECT} WHERE id = ?", (job_id,))

    def held(self, job_id: str) -> Job | None:
        """The same; until the transaction ends nobody else changes it."""
        return self.one(_HELD, (job_id,))

    def outline(self, job_id: str) -> Job | None:
        """The same, without the lists of its result."""
        return self.one(f"{OUTLINE} WHERE id = ?", (job_id,))

    def one(self, statement: str, values: Any) -> Job | None:
        """The first job that a statement finds."""
        with self.guarded():
            row = self.execute(statement, values).fetchone()
        return None if row is None else _job(row)

    def many(self, statement: str, values: Any) -> list[Job]:
        """Every job that a SELECT finds."""
        with self.guarded():
            return [_job(row) for row in self.execute(statement, values)]

    def insert(self, job: Job) -> bool:
        """Add a row, and tell its state; False where another has its idempotency key."""
        self.execute(_INSERT, _row(job))
        fresh = self.database.changes() > 0
        if fresh:
            self.tell_state(job)
        return fresh

    def update(self, job: Job) -> None:
        """Write a row anew, without a word."""
        self.write(_UPDATE, _row(job))

    def move(self, job: Job) -> None:
        """Write a row whose state has changed, and tell it. The parts of a job end with it."""
        self.update(job)
        self.tell_state(job)
        if job.state.final:
            self.drop_parts(job.id)

    def drop_parts(self, job_id: str) -> None:
        """Forget the parts of a job; whoever hears one may write nothing any more."""
        self.write(_DROP_PARTS, bounds(job_id))

    def tell_state(self, job: Job) -> None:
        """Add the event of the state that the job is in."""
        told: dict[str, Any] = {"state": str(job.state), "attempt": job.attempt}
        if job.state is State.QUEUED and job.failures:
            told["failure"] = job.failures[-1]
        if job.problem is not None:
            told["problem"] = job.problem
        self.tell(job.id, "state", told, news=self._news_of(job))

    def tell(self, job_id: str, type: str, data: Mapping[str, Any], *, news: str = "") -> None:
        """Add an event, of which other machines hear as `news`, or by its type."""
        self.write(_EVENT, {"job_id": job_id, "type": type, "data": to_json(data)})
        self.database.announce(f"{job_id} {news or type}")

    def _news_of(self, job: Job) -> str:
        """The state, or RUNNABLE where any other machine could begin the job now: that is worth its look."""
        could = job.state is State.QUEUED and not job.place and job.run_after <= self.clock()
        return RUNNABLE if could else str(job.state)

    def events(self, job_id: str, after: int = 0, limit: int = PAGE) -> list[Event]:
        """Up to `limit` events with an id past `after`, in order."""
        with self.guarded():
            rows = self.execute(_EVENTS, (job_id, after, limit))
            return [Event(number, kind, json.loads(data)) for number, kind, data in rows]

    def segments(self, job_id: str, after: int = 0) -> Iterator[Segment]:
        """The transcript as far as it is, in order; a page is held at a time, and no lock between pages."""
        while page := self.segment_page(job_id, after):
            yield from (segment for _, segment in page)
            after = page[-1][0]

    def segment_page(self, job_id: str, after: int) -> list[tuple[int, Segment]]:
        """Up to `PAGE` segments whose event has an id past `after`, in order, each with that id."""
        with self.guarded():
            rows = self.execute(_SEGMENTS, (job_id, after, PAGE))
            return [(number, read_segment(json.loads(data))) for number, data in rows]


def segment_json(segment: Segment) -> dict[str, Any]:
    """A segment as JSON values; NaN, which JSON lacks, as null."""
    values = asdict(segment)
    values["words"] = [list(asdict(word).values()) for word in segment.words]
    return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in values.items()}


def read_segment(values: Mapping[str, Any]) -> Segment:
    """The segment of `segment_json`."""
    numbers: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
    numbers["words"] = tuple(Word(*word) for word in values["words"])
    numbers["tokens"] = tuple(values["tokens"])
    return Segment(**numbers)


def to_json(value: Any) -> str:
    """One form for one value: keys sorted, no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def _row(job: Job) -> dict[str, Any]:
    row = {name: getattr(job, name) for name in _COLUMNS}
    row |= {name: None if row[name] is None else to_json(row[name]) for name in _JSON}
    return row | {"state": str(job.state), "keep_source": int(job.keep_source)}


def _job(row: Sequence[Any]) -> Job:
    values = dict(zip(_COLUMNS, row, strict=True))
    values |= {name: None if values[name] is None else json.loads(values[name]) for name in _JSON}
    values |= {name: tuple(values[name]) for name in ("failures", "degraded", "notes")}
    return Job(**{**values, "state": State(values["state"]), "keep_source": bool(values["keep_source"])})
