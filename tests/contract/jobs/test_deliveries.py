from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.jobs.deliveries import Deliveries
from halfgig.jobs.queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.store.database import Where

NOW = 1_800_000_000.0


@pytest.fixture
def queue(where: Where) -> Iterator[JobQueue]:
    with JobQueue(where, lambda: NOW) as opened:
        yield opened


def make(queue: JobQueue, callback_url: str | None = "https://example.org/hook") -> str:
    job, _ = queue.create("reps", {"url": "https://example.org/a.mp4"}, {}, callback_url=callback_url)
    return job.id


def test_a_job_that_ends_leaves_a_delivery(queue: JobQueue) -> None:
    job_id = make(queue)
    assert Deliveries(queue).due(NOW, 9) == []
    queue.claim(job_id, "me")
    assert Deliveries(queue).next_due() is None
    queue.cancel(job_id)
    (delivery,) = Deliveries(queue).due(NOW, 9)
    assert (delivery.job_id, delivery.state, delivery.created_at, delivery.tries) == (job_id, "cancelled", NOW, 0)
    assert delivery.url == "https://example.org/hook"
    assert delivery.id.startswith("evt_")
    assert Deliveries(queue).due(NOW - 1, 9) == []


def test_a_job_without_a_callback_leaves_none(queue: JobQueue) -> None:
    queue.cancel(make(queue, callback_url=None))
    assert Deliveries(queue).due(NOW, 9) == []


def test_a_connection_that_was_opened_before_leaves_one_too(where: Where) -> None:
    """As that of a worker, in a process of its own, would: it is the database that does it."""
    with JobQueue(where, lambda: NOW) as worker, JobQueue(where, lambda: NOW) as server:
        job_id = make(server)
        worker.cancel(job_id)
        assert [delivery.job_id for delivery in Deliveries(server).due(NOW, 9)] == [job_id]


def test_every_end_of_a_job_is_told_once(queue: JobQueue) -> None:
    job_id = make(queue)
    for _ in range(2):
        queue.cancel(job_id)
        queue.retry(job_id)
    ids = {delivery.id for delivery in Deliveries(queue).due(NOW, 9)}
    assert len(ids) == 2


def test_what_failed_comes_back_and_what_arrived_does_not(queue: JobQueue) -> None:
    deliveries = Deliveries(queue)
    for _ in range(2):
        queue.cancel(make(queue))
    first, second = deliveries.due(NOW, 9)
    assert deliveries.due(NOW, 1) == [first]
    deliveries.succeeded(first.id)
    deliveries.failed(second.id, "It did not answer.", NOW + 5)
    assert deliveries.due(NOW + 4, 9) == []
    assert deliveries.next_due() == NOW + 5
    (again,) = deliveries.due(NOW + 5, 9)
    assert (again.id, again.tries) == (second.id, 1)
    deliveries.failed(second.id, "It is not wanted.", None)
    assert deliveries.next_due() is None


def test_deliveries_outlive_a_restart_and_go_with_their_job(queue: JobQueue, where: Where) -> None:
    job_id = make(queue)
    queue.cancel(job_id)
    with JobQueue(where, lambda: NOW) as later:
        assert len(Deliveries(later).due(NOW, 9)) == 1
        later.delete(job_id)
        assert Deliveries(later).due(NOW, 9) == []
