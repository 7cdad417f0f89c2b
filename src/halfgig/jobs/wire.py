"""What supervisor and worker say to each other, one JSON object a line.

To the worker goes an Order. It answers with objects that each hold one of these, `done` or `failure` being the last:

    progress    stage, position, duration, fraction, speed, remaining
    checkpoint  the position up to which everything is on disk
    admitted    the variant that runs, the bytes that it needs, and the peak that is expected
    done        succeeded, or fenced where the job was taken away
    failure     the fields of a Failure; after one that is not of LASTING the worker ends itself
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig.jobs.job import Failure, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from halfgig.records import Bytes


# What says nothing against the process that met it; after others it is in doubt.
LASTING = frozenset({Reason.REFUSED, Reason.DOES_NOT_FIT, Reason.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Order:
    """A job to do: which attempt, the bytes that may be held, and how often it ran out of memory before."""

    job: str
    attempt: int
    lease: Bytes
    less: int = 0


def read_failure(message: Mapping[str, Any]) -> Failure:
    """The Failure that a worker told."""
    return Failure(**{**message, "reason": Reason(message["reason"])})
