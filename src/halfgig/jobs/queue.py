"""The queue: a table of leases. One statement claims a job, so that two cannot."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from halfgig.errors import Busy, Conflict
from halfgig.jobs.job import LONGEST_DELAY, Failure, Job, Reason, State, after_failure, cancelled, retried
from halfgig.jobs.table import COLUMNS, OUTLINE, SELECT, JobTable, to_json
from halfgig.store.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from halfgig.records import Bytes, Seconds
    from halfgig.store.database import Where

NO_BOUNDS: Mapping[str, int] = MappingProxyType({})
FARTHEST: Seconds = 2 * LONGEST_DELAY
MOST_APART = 32  # places within which machines that want jobs at once look
FREED = 5_000  # pages of 4 kB that are given back at a time, so that nobody waits for long
LEASE: Seconds = 60.0  # that a job stays its owner's without a sign of life

_CLAIM = f"""UPDATE jobs SET state = 'running', owner = :owner, attempt = attempt + 1, lease_until = :until,
 started_at = coalesce(started_at, :now) WHERE id = (SELECT id FROM jobs WHERE id = :id AND state = 'queued'
 {{skip_held}}) RETURNING {COLUMNS}"""  # noqa: S608 - our own column names
# Whoever claims a job of a kind that is bounded counts alone, so that two do not both take the last place.
_ALONE = "SELECT id FROM queue_facts {lock}"
_HAS_PLACE = (
    """ AND (SELECT count(*) FROM jobs AS others WHERE others.state = 'running' AND others.kind = jobs.kind) < :most"""
)
_CLAIM_PLACE = _CLAIM.replace(" {skip_held}", f"{_HAS_PLACE} {{skip_held}}")
_AT_WORK = "SELECT kind, count(*) FROM jobs WHERE state = 'running' GROUP BY kind"
# No delay is longer than FARTHEST: a time beyond it was written by a clock that was set back since.
_DUE = "(run_after <= :now OR run_after > :now + :farthest)"
# Clients take turns: whoever has the fewest jobs running, then whoever has waited longest since the last was begun.
_BUSY = "(SELECT count(*) FROM jobs WHERE state = 'running' AND client = {0})"
_BEGUN = "(SELECT coalesce(max(started_at), 0) FROM jobs WHERE client = {0})"
# Each client is found by a leap in the index, and the first of its jobs by another, however many wait behind it.
_FOREMOST = f"""WITH RECURSIVE clients (name) AS (
 SELECT min(client) FROM jobs WHERE state = 'queued' UNION ALL
 SELECT (SELECT min(client) FROM jobs WHERE state = 'queued' AND client > name) FROM clients WHERE name IS NOT NULL),
 heads (head, busy, begun) AS MATERIALIZED (SELECT (SELECT id FROM jobs
 WHERE state = 'queued' AND client = name AND {_DUE} AND place IN ('', :home)
 ORDER BY priority, id LIMIT 1 OFFSET :skip),
 CASE (SELECT count(name) FROM clients) WHEN 1 THEN 0 ELSE {_BUSY.format("name")} END, {_BEGUN.format("name")}
 FROM clients WHERE name IS NOT NULL)
 {SELECT} WHERE id = (SELECT head FROM heads WHERE head IS NOT NULL
 ORDER BY (SELECT priority FROM jobs WHERE id = head), busy, begun, head LIMIT 1)"""  # noqa: S608
_FOREMOST_BUT = _FOREMOST.replace("AND place IN", "AND kind NOT IN ({each[:full]}) AND place IN")
_PLACES = f"""WITH turns (name, busy, begun) AS (SELECT client, {_BUSY.format("waiting.client")},
 {_BEGUN.format("waiting.client")} FROM (SELECT DISTINCT client FROM jobs WHERE state = 'queued') AS waiting)
 SELECT id FROM jobs JOIN turns ON client = name WHERE state = 'queued' AND kind != 'part' ORDER BY NOT {_DUE},
 priority, busy + row_number() OVER (PARTITION BY client, {_DUE}, priority ORDER BY id), begun, id"""  # noqa: S608
_BEAT = """UPDATE jobs SET lease_until = :until, progress = coalesce(:progress, progress),
 peak = {greater}(coalesce(peak, 0), :peak) WHERE id = :id AND attempt = :attempt AND state = 'running' RETURNING id"""
_IS_HELD = "SELECT 1 FROM jobs WHERE id = ? AND attempt = ? AND state = 'running'"
_PAGE = f"""{OUTLINE} WHERE kind != 'part' AND (:state IS NULL OR state = :state) AND (:kind IS NULL OR kind = :kind)
 AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"""
_COUNTS = "SELECT kind, state, count(*) FROM jobs WHERE kind != 'part' GROUP BY kind, state"
_UNFINISHED = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running') AND kind != 'part'"
_OLD = "(SELECT id FROM jobs WHERE state IN ('failed', 'cancelled') AND finished_at < ?)"
_OLD_WORK = (f"DELETE FROM checkpoints WHERE job_id IN {_OLD}", f"DELETE FROM batches WHERE job_id IN {_OLD}")  # noqa: S608
_KEPT = """SELECT fingerprint, {inside[source.upload]} FROM jobs WHERE state = 'succeeded' AND keep_source = 1
 AND {inside[source.upload]} IS NOT NULL AND fingerprint IN ({each[?]}) ORDER BY id"""
_MENTIONED = "SELECT fingerprint FROM jobs WHERE fingerprint IN ({each[?]})"
# A job that has not begun has no fingerprint yet, but an upload has its sha256, which is the same.
_WORKING_ON = f"""{SELECT} WHERE (fingerprint = :content OR {{inside[source.sha256]}} = :content)
 AND state IN ('queued', 'running') AND kind != 'part' ORDER BY id {{lock}}"""
_DRAWING = f"""{OUTLINE} WHERE kind = 'drawing' AND state IN ('queued', 'running') AND {{inside[source.source]}} = ?"""
_LET_GO = """UPDATE jobs SET keep_source = 0 WHERE (fingerprint = :content OR {inside[source.sha256]} = :content)
 AND keep_source = 1 RETURNING {inside[source.upload]}"""
_USES = """SELECT 1 FROM jobs WHERE {inside[source.upload]} = ? AND id != ?
 AND (keep_source = 1 OR state IN ('queued', 'running')) LIMIT 1"""
_WAITS_FOR_INDEX = f"""{OUTLINE} WHERE kind = 'reindex' AND state = 'queued' AND {{inside[source.source]}} = ?"""
_RUNNING = f"{SELECT} WHERE id = :id AND attempt = :attempt AND state = 'running' {{lock}}"
_LATE = f"{SELECT} WHERE state = 'running' AND lease_until < ?"


class JobQueue(JobTable):
    """Jobs as clients and the supervisor see them. `chance` gives a number in [0, 1) that spreads retries."""

    def __init__(
        self,
        where: Where,
        clock: Callable[[], float] | None = None,
        chance: Callable[[], float] = random.random,
        *,
        patience: Seconds = 0.0,
    ) -> None:
        super().__init__(where, clock, patience=patience)
        self._chance = chance
        self._lost = 0  # claims in a row for which another was first

    # --- for clients

    def create(
        self,
        kind: str,
        source: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        priority: int = 0,
        idempotency_key: str | None = None,
        keep_source: bool = False,
        callback_url: str | None = None,
        fingerprint: str | None = None,
        client: str = "",
        place: str = "",
        max_queued: int | None = None,
    ) -> tuple[Job, bool]:
        """Accept a job, or give back the one that this key has made: (job, whether it is new).

        It is on disk when this returns. Conflict where the key came with another request, Busy where
        `max_queued` jobs are unfinished.
        """
        now = self.clock()
        request = _digest(kind, source, options, priority, keep_source, callback_url)
        job = Job(
            new_id(now),
            kind,
            State.QUEUED,
            dict(options),
            dict(source),
            created_at=now,
            run_after=now,
            priority=priority,
            idempotency_key=idempotency_key,
            request=request,
            keep_source=keep_source,
            callback_url=callback_url,
            fingerprint=fingerprint,
            client=client,
            place=place,
        )
        with self.transaction():
            known = self.known(idempotency_key)
            if known is None:
                self._refuse_crowd(max_queued)
                if self.insert(job):
                    return job, True
                known = self.known(idempotency_key)  # another server was first
        return _same(known, request), False

    def known(self, key: str | None) -> Job | None:
        """The job, as an outline, that was made with this idempotency key; None where there is none."""
        return None if key is None else self.one(f"{OUTLINE} WHERE idempotency_key = ?", (key,))

    def page(
        self, *, state: str | None = None, kind: str | None = None, limit: int = 50, before: str | None = None
    ) -> list[Job]:
        """Jobs, newest first, as outlines; the next page begins `before` the id of the last."""
        wanted = {"state": state, "kind": kind, "limit": limit, "before": before}
        return self.many(_PAGE, wanted)

    def counts(self) -> dict[tuple[str, str], int]:
        """How many jobs there are, by (kind, state)."""
        with self.guarded():
            return {(kind, state): count for kind, state, count in self.execute(_COUNTS)}

    def places(self) -> dict[str, int]:
        """The place of each queued job, from 0, in the order in which they are served as things stand; last those not
        due yet."""
        with self.guarded():
            rows = self.execute(_PLACES, {"now": self.clock(), "farthest": FARTHEST})
            return {str(job_id): place for place, (job_id,) in enumerate(rows)}

    def cancel(self, job_id: str) -> Job | None:
        """Want a job no more; a running attempt may write nothing from now on. Conflict where it has ended."""
        return self._move(job_id, lambda job: cancelled(job, self.clock()))

    def retry(self, job_id: str) -> Job | None:
        """Queue a failed or cancelled job again; it goes on from its checkpoint. Conflict otherwise."""
        return self._move(job_id, lambda job: retried(job, self.clock()))

    def delete(self, job_id: str) -> Job | None:
        """Forget an ended job with all that belongs to it, and return it as it was. Conflict where it has not ended."""
        with self.transaction():
            job = self.held(job_id)
            if job is not None and not job.state.final:
                raise Conflict(f"Job {job_id} is {job.state}.", "Cancel it first.")
            self.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
        return job

    def uses(self, upload_id: str, but: str = "") -> bool:
        """Whether a job, other than the one named `but`, still needs this upload: unfinished, or told to keep it."""
        with self.guarded():
            return self.execute(_USES, (upload_id, but)).fetchone() is not None

    def reindex(self, source_id: str, title: str) -> Job:
        """The job that indexes a source again: one that waits already will do, one that runs may not."""
        waiting = self.one(_WAITS_FOR_INDEX, (source_id,))
        if waiting is not None:
            return waiting
        return self.create("reindex", {"source": source_id, "title": title}, {}, fingerprint=source_id)[0]

    def draw(
        self,
        source: Mapping[str, Any],
        drawing: str,
        *,
        client: str = "",
        place: str = "",
        max_queued: int | None = None,
    ) -> Job:
        """The job that draws this of a source: one that has not ended will do. Busy as in `create`."""
        options, content = {"drawing": drawing}, source["source"]
        at_it = [job for job in self.many(_DRAWING, (content,)) if job.options == options]
        if at_it:
            return at_it[0]
        asked: dict[str, Any] = {"client": client, "place": place, "max_queued": max_queued}
        return self.create("drawing", source, options, fingerprint=content, **asked)[0]

    def drawing_now(self, source_id: str) -> dict[str, str]:
        """The jobs that are drawing something of a source, by what that is."""
        return {job.options["drawing"]: job.id for job in self.many(_DRAWING, (source_id,))}

    def kept(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """The uploads that jobs were told to keep, by the fingerprint of their content; of several the newest."""
        with self.guarded():
            rows = self.execute(_KEPT, (json.dumps(list(fingerprints)),))
            return {str(fingerprint): str(upload) for fingerprint, upload in rows}

    def mentioned(self, fingerprints: Iterable[str]) -> set[str]:
        """Those of the fingerprints that any job has."""
        with self.guarded():
            rows = self.execute(_MENTIONED, (json.dumps(list(fingerprints)),))
            return {str(fingerprint) for (fingerprint,) in rows}

    def let_go(self, fingerprint: str) -> tuple[list[str], list[str]]:
        """Cancel the unfinished jobs on this content, which would file it anew, and keep no upload of it any more.

        Which jobs those were, and which uploads were kept.
        """
        with self.transaction():
            unfinished = self.many(_WORKING_ON, {"content": fingerprint})
            for job in unfinished:
                self.move(cancelled(job, self.clock()))
            rows = self.execute(_LET_GO, {"content": fingerprint}).fetchall()
        return [job.id for job in unfinished], sorted({str(upload) for (upload,) in rows if upload is not None})

    # --- for the supervisor

    def foremost(self, home: str = "", bounds: Mapping[str, int] = NO_BOUNDS) -> Job | None:
        """The job that is to be served next by a machine of this home; None where none may be claimed now.

        Kinds of which as many as `bounds` says are at work are passed over.

        Where others have been first again and again, it is one of the next few, so that many machines do not all want
        the same.
        """
        skip = int(self._chance() * min(2**self._lost, MOST_APART))
        values = {"now": self.clock(), "farthest": FARTHEST, "home": home, "skip": skip}
        statement, full = _FOREMOST, self._full(bounds)
        if full:
            statement, values = _FOREMOST_BUT, {**values, "full": json.dumps(full)}
        found = self.one(statement, values)
        return self.one(statement, {**values, "skip": 0}) if found is None and skip else found

    def _full(self, bounds: Mapping[str, int]) -> list[str]:
        """The kinds of which no more may be begun now."""
        if not bounds:
            return []
        with self.guarded():
            at_work = dict(self.execute(_AT_WORK).fetchall())
        return [kind for kind, most in bounds.items() if at_work.get(kind, 0) >= most]

    def claim(self, job_id: str, owner: str, lease: Seconds = LEASE, *, most: int | None = None) -> Job | None:
        """Make a queued job this owner's, by one statement; None where another was first, or `most` of its kind run."""
        now = self.clock()
        with self.transaction():
            values = {"id": job_id, "owner": owner, "now": now, "until": now + lease}
            if most is not None:
                self.write(_ALONE)
            job = self.one(_CLAIM, values) if most is None else self.one(_CLAIM_PLACE, {**values, "most": most})
            if job is not None:
                self.tell_state(job)
        self._lost = 0 if job is not None else self._lost + 1
        return job

    def beat(
        self, job_id: str, attempt: int, progress: Mapping[str, Any] | None, peak: Bytes, lease: Seconds = LEASE
    ) -> bool:
        """Say that the attempt lives, how far it is and what it held; False where the job is no longer its own.

        Not forced to disk: after a loss of power nothing that matters is missing.
        """
        values = {"id": job_id, "attempt": attempt, "until": self.clock() + lease, "peak": peak}
        values["progress"] = None if progress is None else to_json(progress)
        with self.database.lazily():
            return self.execute(_BEAT, values).fetchone() is not None

    def is_held(self, job_id: str, attempt: int) -> bool:
        """Whether the job is still this attempt's; nothing is written."""
        with self.guarded():
            return self.execute(_IS_HELD, (job_id, attempt)).fetchone() is not None

    def fail(self, job_id: str, attempt: int, failure: Failure, *, late: float | None = None) -> Job | None:
        """End an attempt that failed: the job is queued again or given up. None where it is not this attempt's, or
        its lease runs out only after `late`.
        """
        with self.transaction():
            job = self.one(_RUNNING, {"id": job_id, "attempt": attempt})
            if job is None or (late is not None and (job.lease_until or 0.0) >= late):
                return None
            advanced = self._checkpointed(job_id) == attempt
            moved = after_failure(job, failure, self.clock(), advanced=advanced, chance=self._chance())
            self.move(moved)
        return moved

    def touch(self) -> None:
        """Begin as a claim does, and write nothing. LibraryError where nothing can be written."""
        with self.transaction():
            pass

    def note(self, job_id: str, text: str) -> None:
        """Tell something about an unfinished job, once."""
        with self.transaction():
            job = self.held(job_id)
            if job is not None and not job.state.final and text not in job.notes:
                self.update(replace(job, notes=(*job.notes, text)))
                self.tell(job_id, "note", {"text": text})

    def drop_old_work(self, ended_before: float) -> None:
        """Forget what failed and cancelled jobs could have gone on from; give some free pages back to the disk."""
        with self.transaction():
            for statement in _OLD_WORK:
                self.execute(statement, (ended_before,))
        with self.guarded():
            self.database.tidy(FREED)

    def note_timings(self, job_id: str, attempt: int, peak: Bytes, timings: Mapping[str, Seconds]) -> None:
        """Add what an attempt took, whatever became of it."""
        with self.transaction():
            job = self.one(f"{SELECT} WHERE id = ? AND attempt = ? {{lock}}", (job_id, attempt))
            if job is not None:
                total = {name: job.timings.get(name, 0.0) + seconds for name, seconds in timings.items()}
                held = max(job.peak or 0, peak)
                self.update(replace(job, peak=held, timings={**job.timings, **total}))

    def release_all(self, detail: str, owned: Callable[[str], bool] = lambda _: True) -> list[Job]:
        """Queue again every running job whose owner is gone, by `owned`: what a server does when it starts or stops."""
        running = self.many(f"{SELECT} WHERE state = 'running'", ())
        failure = Failure(Reason.INTERRUPTED, detail)
        moved = (self.fail(job.id, job.attempt, failure) for job in running if owned(job.owner or ""))
        return [job for job in moved if job is not None]

    def release_expired(self) -> list[Job]:
        """Queue again every running job whose lease has run out."""
        now = self.clock()
        failure = Failure(Reason.INTERRUPTED, "Its worker gave no sign of life until the lease ran out.")
        moved = (self.fail(job.id, job.attempt, failure, late=now) for job in self.many(_LATE, (now,)))
        return [job for job in moved if job is not None]

    def _move(self, job_id: str, move: Callable[[Job], Job]) -> Job | None:
        with self.transaction():
            job = self.held(job_id)
            if job is None:
                return None
            moved = move(job)
            self.move(moved)
        return moved

    def _refuse_crowd(self, max_queued: int | None) -> None:
        if max_queued is not None and self.execute(_UNFINISHED).get >= max_queued:
            raise Busy(f"{max_queued} jobs are waiting already.", "Try again when some have ended.")

    def _checkpointed(self, job_id: str) -> int | None:
        """The attempt that left the newest checkpoint."""
        found = self.execute("SELECT attempt FROM checkpoints WHERE job_id = ?", (job_id,)).get
        return cast("int | None", found)


def _digest(kind: str, source: Mapping[str, Any], *rest: object) -> str:
    """What a request must come back with to be the same: the kind, the source and its title, and all the `rest`."""
    named = {name: source[name] for name in ("url", "upload", "sha256", "title") if name in source}
    if "sha256" in named:
        named.pop("upload", None)  # the same bytes sent again are the same request
    return sha256(to_json([kind, named, *rest]).encode()).hexdigest()


def _same(known: Job | None, request: str) -> Job:
    if known is None:
        raise Conflict("The job of this Idempotency-Key was deleted just now.", "Send the request again.")
    if known.request != request:
        raise Conflict(
            "This Idempotency-Key came with another request before.", f"Use a new key; job {known.id} has this one."
        )
    return known
