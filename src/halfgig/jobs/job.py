"""Jobs: what was accepted, in which state it is, and which moves are legal. Pure: no clock, no disk, no chance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from halfgig.errors import PROBLEMS, BadRequest, Conflict

if TYPE_CHECKING:
    from halfgig.records import Bytes, Seconds

REINDEX, DRAWING = "reindex", "drawing"  # the server's own wish after a change of text; what is drawn of a count
PART = "part"  # of the sound of a job, that another machine may hear; nobody asks for one, and no list has it
KINDS = ("transcript", "index", "reps", REINDEX, DRAWING)
MAX_STRIKES = 5  # failed attempts in a row, without progress, after which a job is given up
MAX_INTERRUPTIONS = 20  # in a row, without progress: then it is likely that the job itself brings the server down
PATIENT = 3  # interruptions that are followed by another attempt at once; after more, others go first
MAX_WAITS = 5  # times that a job may come back because it needs more memory than was free
MOST_FAILURES = 20  # that are remembered, the newest
LONGEST_DELAY: Seconds = 300.0
FIRST_DELAY: Seconds = 2.0
JITTER = 0.25  # share by which a delay varies, so that jobs that failed together do not come back together


def read_bounds(text: str) -> dict[str, int]:
    """How many jobs of a kind may be at work at once, from "reps=2,index=4". Errors: BadRequest for anything else."""
    bounds: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, _, most = (word.strip() for word in part.partition("="))
        if kind not in KINDS or not (most.isascii() and most.isdigit() and int(most)):
            remedy = f"Write KIND=COUNT with commas between them; kinds are {', '.join(KINDS)}."
            raise BadRequest(f"JOBS_AT_ONCE says {part}, which is no bound.", remedy)
        bounds[kind] = int(most)
    return bounds


class State(StrEnum):
    """Where a job stands. The last three are final, but for `retry`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether no more work will be done."""
        return self not in (State.QUEUED, State.RUNNING)


class Reason(StrEnum):
    """Why an attempt failed."""

    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    HUNG = "hung"
    INTERRUPTED = "interrupted"  # server or worker were stopped from outside, or a lease ran out: not the job's fault
    DOES_NOT_FIT = "does_not_fit"  # it needs more memory than was free
    UNAVAILABLE = "unavailable"  # what it needs cannot be had now: a model, a host, the library
    REFUSED = "refused"  # trying again cannot help: the source is damaged, an option is wrong
    UNEXPECTED = "unexpected"  # a fault of the program


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt, in words for a person. `peak` is in bytes, `needs` what a larger attempt would take.

    `error` names its kind as the types of problems do; empty where no error of ours was the reason.
    """

    reason: Reason
    detail: str
    remedy: str = ""
    status: int = 500
    peak: Bytes | None = None
    needs: Bytes | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of accepted work. Times are unix seconds; `attempt` counts claims and is the fence.

    `strikes` are failed attempts in a row without progress, `interruptions` those that were stopped from outside, and
    `waits` those for want of memory. `less` counts how often the work ran out of memory: the next attempt is given
    less. `needs` are the bytes below which a claim makes no sense. `failures` and `problem` are JSON values; `result`
    is the summary of what was made. `client` tells whose key asked for it, empty without
    keys. `place` is the home of its source, which no other machine can read; empty where all can.
    """

    id: str
    kind: str
    state: State
    options: dict[str, Any]
    source: dict[str, Any]
    created_at: float
    run_after: float
    attempt: int = 0
    priority: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    owner: str | None = None
    lease_until: float | None = None
    strikes: int = 0
    interruptions: int = 0
    waits: int = 0
    less: int = 0
    needs: Bytes | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    peak: Bytes | None = None
    timings: dict[str, Seconds] = field(default_factory=dict)
    failures: tuple[dict[str, Any], ...] = ()
    degraded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    fingerprint: str | None = None
    idempotency_key: str | None = None
    request: str = ""
    keep_source: bool = False
    callback_url: str | None = None
    client: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job, numbered from 1 within it: state, segment, rep or note."""

    id: int
    type: str
    data: dict[str, Any]


def succeeded(job: Job, result: dict[str, Any], now: float) -> Job:
    """The job with its result."""
    progress = {**job.progress, "fraction": 1.0, "remaining": 0.0}
    return _released(job, state=State.SUCCEEDED, finished_at=now, result=result, problem=None, progress=progress)


def cancelled(job: Job, now: float) -> Job:
    """The job, wanted no more. Raises Conflict where it has ended already."""
    if job.state.final:
        raise Conflict(f"Job {job.id} has {job.state} already.", "Only queued and running jobs can be cancelled.")
    return _released(job, state=State.CANCELLED, finished_at=now)


def retried(job: Job, now: float) -> Job:
    """The job queued again, its checkpoint kept. Raises Conflict where it did not fail and was not cancelled."""
    if job.state not in (State.FAILED, State.CANCELLED):
        raise Conflict(f"Job {job.id} is {job.state}.", "Only failed and cancelled jobs can be tried again.")
    return _released(
        job, state=State.QUEUED, run_after=now, finished_at=None, strikes=0, interruptions=0, waits=0, problem=None
    )


def after_failure(job: Job, failure: Failure, now: float, *, advanced: bool, chance: float) -> Job:
    """What becomes of a running job whose attempt failed.

    `advanced` tells whether the attempt left a checkpoint; then strikes and interruptions before it are forgotten.
    `chance` in [0, 1) spreads the delays.
    """
    noted = replace(job, failures=(*job.failures, _told(job, failure, now))[-MOST_FAILURES:])
    if advanced:
        noted = replace(noted, strikes=0, interruptions=0)
    match failure.reason:
        case Reason.REFUSED:
            return _given_up(noted, failure, now)
        case Reason.INTERRUPTED:
            return _after_interruption(noted, failure, now, chance)
        case Reason.DOES_NOT_FIT:
            return _after_refused_room(noted, failure, now)
    return _after_strike(noted, failure, now, chance)


def _after_interruption(job: Job, failure: Failure, now: float, chance: float) -> Job:
    count = job.interruptions + 1
    if count > MAX_INTERRUPTIONS:
        return _given_up(replace(job, interruptions=count), failure, now)
    later = now if count <= PATIENT else now + delay(count - PATIENT - 1, chance)
    return _released(job, state=State.QUEUED, run_after=later, interruptions=count)


def _after_refused_room(job: Job, failure: Failure, now: float) -> Job:
    if job.waits >= MAX_WAITS:
        return _given_up(job, failure, now)
    later = now + FIRST_DELAY
    return _released(job, state=State.QUEUED, run_after=later, waits=job.waits + 1, needs=failure.needs)


def _after_strike(job: Job, failure: Failure, now: float, chance: float) -> Job:
    strikes = job.strikes + 1
    if strikes >= MAX_STRIKES:
        return _given_up(replace(job, strikes=strikes), failure, now)
    less = job.less + (failure.reason is Reason.OUT_OF_MEMORY)
    later = now + delay(strikes - 1, chance)
    return _released(job, state=State.QUEUED, run_after=later, strikes=strikes, less=less)


def delay(strikes: int, chance: float) -> Seconds:
    """Seconds until the next attempt: doubling from 2 to 300, a quarter more or less by `chance` in [0, 1)."""
    return min(FIRST_DELAY * 2.0**strikes, LONGEST_DELAY) * (1 - JITTER + 2 * JITTER * chance)


def _released(job: Job, **changes: Any) -> Job:
    return replace(job, owner=None, lease_until=None, **changes)


def _given_up(job: Job, failure: Failure, now: float) -> Job:
    tries = f" It was tried {job.attempt} times." if job.attempt > 1 else ""
    problem = {
        "type": f"{PROBLEMS}#{failure.error}" if failure.error else "about:blank",
        "title": failure.reason.replace("_", " ").capitalize(),
        "status": failure.status,
        "detail": failure.detail + tries,
        "remedy": failure.remedy,
    }
    return _released(job, state=State.FAILED, finished_at=now, problem=problem)


def _told(job: Job, failure: Failure, now: float) -> dict[str, Any]:
    told = {"attempt": job.attempt, "reason": str(failure.reason), "detail": failure.detail, "at": now}
    return told if failure.peak is None else {**told, "peak": failure.peak}
