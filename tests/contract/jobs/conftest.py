"""A queue in each kind of database, with a clock that the test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fakes.queues import claimer
from tests.unit.jobs.conftest import Clock

from halfgig.jobs.queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.jobs.attempt import Attempt
    from halfgig.store.database import Where


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(where: Where, clock: Clock) -> Iterator[JobQueue]:
    with JobQueue(where, clock, chance=lambda: 0.5) as opened:
        yield opened


@pytest.fixture
def begin(queue: JobQueue) -> Callable[..., Attempt]:
    """begin(kind): a job that was made and claimed."""
    return claimer(queue)
