"""Views: how a job is shown to a client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from halfgig.jobs.job import DRAWING, REINDEX, State
from halfgig.media.shown import kept_url

if TYPE_CHECKING:
    from halfgig.jobs.job import Job

BULKY = frozenset({"reps", "attempts", "text", "words"})  # of a result; /result has them
UNSPOKEN = frozenset({"reps", REINDEX, DRAWING})  # kinds of jobs without a transcript


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Progress(_Open):
    """How far the work is; what is not known is null."""

    stage: str | None = Field(default=None, description="as fetching, loading, recognizing, embedding or counting")
    position: float | None = Field(default=None, description="seconds of the source that are done")
    duration: float | None = Field(default=None, description="seconds that the source has")
    fraction: float | None = Field(default=None, description="from 0 to 1")
    speed: float | None = Field(default=None, description="seconds of the source in a second")
    remaining: float | None = Field(default=None, description="seconds of work that are left")


class FailedAttempt(_Open):
    """Why an attempt failed."""

    attempt: int
    reason: str
    detail: str
    at: str = Field(description="ISO 8601")
    peak: int | None = Field(default=None, description="bytes")


class JobView(BaseModel):
    """A job, as far as it is."""

    id: str
    kind: str
    state: str = Field(description="queued, running, succeeded, failed or cancelled")
    source: dict[str, Any]
    options: dict[str, Any]
    priority: int
    keep_source: bool
    attempt: int = Field(description="how often it was begun")
    created_at: str = Field(description="ISO 8601, as all times")
    started_at: str | None
    finished_at: str | None
    run_after: str = Field(description="before it, a queued job is not begun")
    progress: Progress
    peak_bytes: int | None = Field(description="the most memory that an attempt has held")
    timings: dict[str, float] = Field(description="seconds, by what they were spent on")
    failures: list[FailedAttempt]
    degraded: list[str] = Field(description="what was given up to fit into memory")
    notes: list[str]
    problem: dict[str, Any] | None = Field(description="why it failed for good")
    result: dict[str, Any] | None = Field(description="a summary; the whole is at links.result")
    source_id: str | None = Field(description="of the content, as /sources knows it; null until it is known")
    position: int | None = Field(description="how many jobs are served before this one, while it is queued")
    links: dict[str, str]


class JobPage(BaseModel):
    """Some jobs, newest first."""

    jobs: list[JobView]
    next: str | None = Field(description="the address of the next page")


def job_view(job: Job, position: int | None = None) -> JobView:
    """The job for a client: without what only the queue needs, and without the bulk of its result.

    `position` is its place among those that wait, from 0.
    """
    return JobView(
        id=job.id,
        kind=job.kind,
        state=str(job.state),
        source=shown_source(job.source),
        options=job.options,
        priority=job.priority,
        keep_source=job.keep_source,
        attempt=job.attempt,
        created_at=iso(job.created_at),
        started_at=iso_or_none(job.started_at),
        finished_at=iso_or_none(job.finished_at),
        run_after=iso(job.run_after),
        progress=Progress(**job.progress),
        peak_bytes=job.peak,
        timings=job.timings,
        failures=[FailedAttempt(**{**failure, "at": iso(failure["at"])}) for failure in job.failures],
        degraded=list(job.degraded),
        notes=list(job.notes),
        problem=job.problem,
        result=None if job.result is None else {k: v for k, v in job.result.items() if k not in BULKY},
        source_id=job.fingerprint,
        position=position,
        links=links(job),
    )


def links(job: Job) -> dict[str, str]:
    """The addresses of what belongs to a job."""
    own = f"/jobs/{job.id}"
    told = {"self": own, "events": f"{own}/events", "result": f"{own}/result"}
    if job.kind == "reps" and job.keep_source and job.state is State.SUCCEEDED:
        told["drawings"] = f"/sources/{job.fingerprint}/drawings"
    return told if job.kind in UNSPOKEN else {**told, "transcript": f"{own}/transcript"}


def shown_source(source: dict[str, Any]) -> dict[str, Any]:
    """The source without the name, the password and the rights that its URL may hold."""
    return {**source, "url": kept_url(source["url"])} if "url" in source else source


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(seconds: float | None) -> str | None:
    """The same, where there is a time."""
    return None if seconds is None else iso(seconds)
