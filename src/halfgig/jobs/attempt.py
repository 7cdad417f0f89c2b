"""An attempt at a job, as its worker writes it: everything is fenced by the attempt's number.

Once the job was cancelled, deleted or claimed by another, every write raises Fenced, and nothing is written.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from halfgig.errors import HalfgigError
from halfgig.jobs.job import Job, State, succeeded
from halfgig.jobs.parts import bounds, part_id, parts_of
from halfgig.jobs.table import SELECT, segment_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from halfgig.jobs.parts import Wanted
    from halfgig.jobs.table import JobTable
    from halfgig.records import Segment

SAME = "The same was done before, by job "  # the note of a job whose work was found done
_HELD = f"{SELECT} WHERE id = ? AND attempt = ? AND state = 'running' {{lock}}"
_CHECKPOINT = """INSERT INTO checkpoints VALUES (:id, :attempt, :state) ON CONFLICT (job_id) DO UPDATE
 SET attempt = excluded.attempt, state = excluded.state"""
_CHECKPOINTED = "SELECT state FROM checkpoints WHERE job_id = ?"
_BATCH = "INSERT INTO batches SELECT :id, coalesce(max(number), -1) + 1, :data FROM batches WHERE job_id = :id"
_BATCHES = "SELECT number, data FROM batches WHERE job_id = ? AND number > ? ORDER BY number LIMIT 1"
_FORGET = ("DELETE FROM checkpoints WHERE job_id = ?", "DELETE FROM batches WHERE job_id = ?")
_TWIN = f"""{SELECT} WHERE fingerprint = :fingerprint AND kind = :kind AND options = :options
 AND state = 'succeeded' AND id != :id ORDER BY id DESC LIMIT 1"""
_UNTELL = "DELETE FROM events WHERE job_id = ? AND type != 'state'"
_ADOPT = """INSERT INTO events SELECT :to, id + :after, type, data FROM events
 WHERE job_id = :from AND type IN ('segment', 'rep', 'note')"""
_LAST_EVENT = "SELECT max(id) FROM events WHERE job_id = ?"
_PARTS = f"{SELECT} WHERE id > ? AND id < ?"
_DROP = "DELETE FROM jobs WHERE id = ?"
_COUNT = "SELECT count(*) FROM events WHERE job_id = ? AND type = ?"


class Fenced(HalfgigError):
    """The job is no longer this attempt's."""

    exit_code, status = 7, 409


class Attempt:
    """One try at `job`, on a table that is open."""

    def __init__(self, table: JobTable, job: Job) -> None:
        self.job = job
        self._table = table

    def describe(
        self, *, fingerprint: str | None = None, degraded: Sequence[str] = (), notes: Sequence[str] = ()
    ) -> None:
        """Record what was found out: the content's fingerprint, what was given up to fit, what else to tell."""
        with self._fenced() as job:
            for note in (*degraded, *notes):
                if note not in (*job.degraded, *job.notes):
                    self._table.tell(job.id, "note", {"text": note})
            described = replace(
                job,
                fingerprint=fingerprint or job.fingerprint,
                degraded=_union(job.degraded, degraded),
                notes=_union(job.notes, notes),
            )
            self._table.update(described)

    def checkpoint(
        self,
        state: Mapping[str, Any],
        *,
        segments: Iterable[Segment] = (),
        reps: Sequence[Mapping[str, Any]] = (),
        batch: bytes | None = None,
    ) -> None:
        """Keep what was made and where to go on, in one transaction; a reader sees all of it or nothing."""
        with self._fenced() as job:
            self._tell_reps(reps)
            if batch is not None:
                self._table.write(_BATCH, {"id": job.id, "data": batch})
            self._keep(job, state, segments)

    def checkpointed(self) -> dict[str, Any] | None:
        """Where to go on; None where the job is at its beginning."""
        with self._table.guarded():
            return self._state_of(self.job.id)

    def batches(self) -> Iterator[bytes]:
        """The batches of the checkpoints, in order, one held at a time."""
        after = -1
        while row := self._batch_after(after):
            after, data = row
            yield data

    def segments(self) -> Iterator[Segment]:
        """The transcript as far as it is on disk."""
        return self._table.segments(self.job.id)

    def count(self, type: str) -> int:
        """How many events of a type the job has."""
        with self._table.guarded():
            return int(self._table.execute(_COUNT, (self.job.id, type)).get)

    def start_over(self, fingerprint: str, why: str) -> None:
        """Drop all that earlier attempts made, and note why: `fingerprint` stands for other content than theirs."""
        with self._fenced() as job:
            self._forget()
            self._table.drop_parts(job.id)
            self._table.write(_UNTELL, (job.id,))
            self._table.tell(job.id, "note", {"text": why})
            self._table.update(replace(job, fingerprint=fingerprint, degraded=(), notes=(why,)))

    # --- parts of it that other machines may do

    def share(self, wanted: Wanted, first: int) -> None:
        """Queue the parts from number `first` on, but for those that are there from an earlier attempt."""
        with self._fenced() as job:
            known = {part.id for part in self._table.many(_PARTS, bounds(job.id))}
            for part in parts_of(job, wanted, first, self._table.clock()):
                if part.id not in known:
                    self._table.insert(part)

    def parts(self) -> list[Job]:
        """The parts that are there."""
        return self._table.many(_PARTS, bounds(self.job.id))

    def part(self, number: int) -> Job | None:
        """One of them; None where it is this attempt's own to do."""
        return self._table.get(part_id(self.job.id, number))

    def take_untouched(self, number: int) -> bool:
        """Make a part this attempt's own; False where somebody has it, or has begun it."""
        with self._fenced():
            part = self._table.held(part_id(self.job.id, number))
            if part is None:
                return True
            if part.state in (State.RUNNING, State.SUCCEEDED) or self._state_of(part.id) is not None:
                return False
            self._table.write(_DROP, (part.id,))
        return True

    def absorb(self, number: int, state_after: Callable[[Job, dict[str, Any]], Mapping[str, Any] | None]) -> bool:
        """Make what others have made of a part this attempt's own, in one transaction; False while one is at it.

        `state_after` makes the checkpoint of the part and what is in its own; where it is None, that is left out.
        """
        with self._fenced() as job:
            part = self._table.held(part_id(job.id, number))
            if part is not None and part.state is State.RUNNING:
                return False
            if part is not None:
                state = state_after(part, self._state_of(part.id) or {})
                if state is not None:
                    self._keep(job, state, self._table.segments(part.id))
                self._table.write(_DROP, (part.id,))
        return True

    def twin(self, fingerprint: str) -> Job | None:
        """A job that has done the same work on the same content, by the same options."""
        job = self.job
        wanted = {"fingerprint": fingerprint, "kind": job.kind, "options": to_json(job.options), "id": job.id}
        return self._table.one(_TWIN, wanted)

    def adopt(self, twin: Job) -> Job | None:
        """End the job with the twin's result, events included; None where the twin was deleted meanwhile."""
        with self._fenced() as job:
            if self._table.held(twin.id) is None:
                return None
            self._forget()
            self._table.write(_UNTELL, (job.id,))
            after = self._table.execute(_LAST_EVENT, (job.id,)).get
            self._table.write(_ADOPT, {"to": job.id, "from": twin.id, "after": after})
            own = [note for note in twin.notes if not note.startswith(SAME)]  # not that of the twin's own twin
            notes = _union(own, [f"{SAME}{twin.id}."])
            described = replace(job, degraded=twin.degraded, notes=notes, fingerprint=twin.fingerprint)
            return self._end(described, twin.result or {})

    def succeed(self, result: Mapping[str, Any], reps: Sequence[Mapping[str, Any]] = ()) -> Job:
        """End the job with its result, and drop the checkpoint that it no longer needs."""
        with self._fenced() as job:
            self._tell_reps(reps)
            self._forget()
            return self._end(job, result)

    def _end(self, job: Job, result: Mapping[str, Any]) -> Job:
        done = succeeded(job, dict(result), self._table.clock())
        self._table.move(done)
        return done

    def _keep(self, job: Job, state: Mapping[str, Any], segments: Iterable[Segment]) -> None:
        for segment in segments:
            self._table.tell(job.id, "segment", segment_json(segment))
        self._table.write(_CHECKPOINT, {"id": job.id, "attempt": job.attempt, "state": to_json(state)})

    def _state_of(self, job_id: str) -> dict[str, Any] | None:
        state = self._table.execute(_CHECKPOINTED, (job_id,)).get
        return None if state is None else cast("dict[str, Any]", json.loads(state))

    def _forget(self) -> None:
        for statement in _FORGET:
            self._table.write(statement, (self.job.id,))

    def _tell_reps(self, reps: Sequence[Mapping[str, Any]]) -> None:
        for rep in reps:
            self._table.tell(self.job.id, "rep", rep)

    @contextmanager
    def _fenced(self) -> Iterator[Job]:
        """A transaction in which the job, as it now stands, is surely this attempt's."""
        with self._table.transaction():
            job = self._table.one(_HELD, (self.job.id, self.job.attempt))
            if job is None:
                raise Fenced(f"Job {self.job.id} is no longer that of attempt {self.job.attempt}.", "Leave it alone.")
            yield job

    def _batch_after(self, after: int) -> tuple[int, bytes] | None:
        with self._table.guarded():
            row = self._table.execute(_BATCHES, (self.job.id, after)).fetchone()
        return cast("tuple[int, bytes] | None", row)


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
