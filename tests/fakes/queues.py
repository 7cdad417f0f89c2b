"""Jobs that are at work, without a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.jobs.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.queue import JobQueue


def claimer(queue: JobQueue) -> Callable[..., Attempt]:
    """claimer(queue)(kind, **source): a job that was made and claimed."""

    def claim(kind: str = "transcript", **source: object) -> Attempt:
        job, _ = queue.create(kind, source or {"upload": "u"}, {})
        held = queue.claim(job.id, "me")
        assert held is not None
        return Attempt(queue, held)

    return claim
