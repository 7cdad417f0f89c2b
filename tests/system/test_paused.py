"""A worker that stands still past its lease; `python -m benchmarks.paused` waits until that is over by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.paused import pause
from tests.fakes.databases import fresh_postgres

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.jobs.queue import JobQueue

pytestmark = [pytest.mark.models, pytest.mark.slow]


def let_lapse(queue: JobQueue, job_id: str) -> None:
    """As if the lease of the first attempt had been over for long."""
    queue.execute("UPDATE jobs SET lease_until = 0 WHERE id = ? AND attempt = 1", (job_id,))


def test_a_worker_that_wakes_after_its_lease_may_write_nothing(
    tmp_path: Path, postgres: str | None, model_store: Path
) -> None:
    assert model_store.is_dir()
    paused = pause(fresh_postgres(postgres), tmp_path, let_lapse)
    assert list(paused.faults()) == []
