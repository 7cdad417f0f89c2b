from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.jobs.conftest import Clock

from halfgig.jobs.deliveries import HOLD, Deliveries
from halfgig.jobs.queue import JobQueue

if TYPE_CHECKING:
    from halfgig.store.database import Where

NOW = 1_800_000_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def make(queue: JobQueue, callback_url: str | None = "https://example.org/hook") -> str:
    job, _ = queue.create("reps", {"url": "https://example.org/a.mp4"}, {}, callback_url=callback_url)
    return job.id


def test_a_job_that_ends_leaves_a_delivery(queue: JobQueue, clock: Clock) -> None:
    job_id = make(queue)
    assert Deliveries(queue).claim(9) == []
    queue.claim(job_id, "me")
    assert Deliveries(queue).wait() is None
    queue.cancel(job_id)
    clock.now -= 1
    assert Deliveries(queue).claim(9) == []
    assert Deliveries(queue).wait() == 1
    clock.now += 1
    (delivery,) = Deliveries(queue).claim(9)
    assert (delivery.job_id, delivery.state, delivery.created_at, delivery.tries) == (job_id, "cancelled", NOW, 0)
    assert delivery.url == "https://example.org/hook"
    assert delivery.id.startswith("evt_")


def test_a_job_without_a_callback_leaves_none(queue: JobQueue) -> None:
    queue.cancel(make(queue, callback_url=None))
    assert Deliveries(queue).claim(9) == []


def test_whoever_ends_a_job_leaves_it(queue: JobQueue, where: Where, clock: Clock) -> None:
    """It is the database that does it, also where a worker in a process of its own ends the job."""
    job_id = make(queue)
    with JobQueue(where, clock) as worker:
        worker.cancel(job_id)
    assert [delivery.job_id for delivery in Deliveries(queue).claim(9)] == [job_id]


def test_every_end_of_a_job_is_told_once(queue: JobQueue) -> None:
    job_id = make(queue)
    for _ in range(2):
        queue.cancel(job_id)
        queue.retry(job_id)
    ids = {delivery.id for delivery in Deliveries(queue).claim(9)}
    assert len(ids) == 2


def test_a_delivery_is_one_servers_to_try_until_it_must_have_died(queue: JobQueue, where: Where, clock: Clock) -> None:
    for _ in range(3):
        queue.cancel(make(queue))
    with JobQueue(where, clock) as other:
        mine, theirs = Deliveries(queue).claim(2), Deliveries(other).claim(9)
        assert len({delivery.id for delivery in (*mine, *theirs)}) == len(mine) + len(theirs) == 3
        clock.now += HOLD
        assert len(Deliveries(other).claim(9)) == 3


def test_what_failed_comes_back_and_what_arrived_does_not(queue: JobQueue, clock: Clock) -> None:
    deliveries = Deliveries(queue)
    for _ in range(2):
        queue.cancel(make(queue))
    first, second = deliveries.claim(9)
    deliveries.succeeded(first.id)
    deliveries.failed(second.id, "It did not answer.", 5)
    clock.now += 4
    assert deliveries.claim(9) == []
    assert deliveries.wait() == 1
    clock.now += 1
    (again,) = deliveries.claim(9)
    assert (again.id, again.tries) == (second.id, 1)
    deliveries.failed(second.id, "It is not wanted.", None)
    assert deliveries.wait() is None


def test_deliveries_outlive_a_restart_and_go_with_their_job(queue: JobQueue, where: Where, clock: Clock) -> None:
    job_id = make(queue)
    queue.cancel(job_id)
    with JobQueue(where, clock) as later:
        later.delete(job_id)
        assert Deliveries(later).claim(9) == []
    queue.cancel(make(queue))
    with JobQueue(where, clock) as later:
        assert len(Deliveries(later).claim(9)) == 1
