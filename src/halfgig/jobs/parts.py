"""The parts of a job's sound as jobs of their own, which other machines may do meanwhile: their ids and options. Pure.

The job is heard from the front, and its parts are taken from the back by whoever has nothing else to do: their ids come
after those of all other jobs, and that of the last part first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig.jobs.job import PART, Job, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from halfgig.records import Seconds

MOST = 10_000  # parts of a source, and attempts at one of them


@dataclass(frozen=True, slots=True)
class Wanted:
    """What all parts of a job have in common: how they are heard, and how long one and the whole are, in seconds."""

    options: Mapping[str, Any]
    length: Seconds
    count: int


def part_id(job_id: str, number: int) -> str:
    """The id of one part."""
    return f"~{job_id}.{MOST - number:05}"


def bounds(job_id: str) -> tuple[str, str]:
    """The ids of a job's parts are between these two."""
    return f"~{job_id}.", f"~{job_id}/"


def parts_of(job: Job, wanted: Wanted, first: int, now: float) -> Iterator[Job]:
    """The parts of a job from number `first` on, to be queued; the last reaches to the end of the source.

    A part that was dropped may come again with a later attempt of the job. So its attempts are counted from there on,
    and whoever heard it before may not write into it.
    """
    for number in range(first, wanted.count):
        last = number == wanted.count - 1
        yield Job(
            part_id(job.id, number),
            PART,
            State.QUEUED,
            {**wanted.options, "part": number, "length": wanted.length, "last": last},
            job.source,
            created_at=now,
            run_after=now,
            priority=job.priority,
            attempt=job.attempt * MOST,
            fingerprint=job.fingerprint,
            client=job.client,
        )
