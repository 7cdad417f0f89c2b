"""A queue with a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.fakes.queues import claimer

from halfgig.jobs.queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.jobs.attempt import Attempt


@dataclass
class Clock:
    """Unix seconds that stand still until they are moved."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Iterator[JobQueue]:
    with JobQueue(tmp_path / "jobs.db", clock, chance=lambda: 0.5) as opened:
        yield opened


@pytest.fixture
def begin(queue: JobQueue) -> Callable[..., Attempt]:
    """begin(kind): a job that was made and claimed."""
    return claimer(queue)
