from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import Busy, Conflict, LibraryError
from halfgig.jobs.job import MAX_STRIKES, Failure, Reason, State
from halfgig.jobs.queue import LEASE, JobQueue
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.jobs.conftest import Clock

    from halfgig.jobs.attempt import Attempt
    from halfgig.store.database import Where

CRASH = Failure(Reason.CRASHED, "It crashed.")


def make(queue: JobQueue, **wanted: object) -> str:
    return queue.create("transcript", {"upload": "u"}, {}, **wanted)[0].id  # type: ignore[arg-type]


def test_a_job_is_there_after_a_restart(where: Where) -> None:
    with JobQueue(where) as queue:
        job, fresh = queue.create("reps", {"url": "http://a/b.mp4"}, {"exercise": "squat"}, keep_source=True)
    with JobQueue(where) as queue:
        assert fresh
        assert queue.get(job.id) == job
        assert job.state is State.QUEUED


def test_the_same_key_makes_one_job(queue: JobQueue) -> None:
    first, fresh = queue.create("transcript", {"upload": "u", "sha256": "s"}, {}, idempotency_key="k")
    again, fresh_again = queue.create("transcript", {"upload": "v", "sha256": "s"}, {}, idempotency_key="k")
    assert (first.id, fresh, fresh_again) == (again.id, True, False)
    assert queue.counts() == {("transcript", "queued"): 1}


def test_the_same_key_with_another_request_is_refused(queue: JobQueue) -> None:
    make(queue, idempotency_key="k")
    with pytest.raises(Conflict, match="another request"):
        queue.create("index", {"upload": "u"}, {}, idempotency_key="k")


@pytest.mark.parametrize(
    "other",
    [
        {"priority": 1},
        {"keep_source": True},
        {"callback_url": "https://example.org/"},
        {"source": {"upload": "u", "title": "B"}},
    ],
)
def test_the_same_key_with_anything_else_asked_for_is_refused(queue: JobQueue, other: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"kind": "index", "source": {"upload": "u", "title": "A"}, "options": {}}
    queue.create(**asked, idempotency_key="k")
    with pytest.raises(Conflict, match="another request"):
        queue.create(**{**asked, **other}, idempotency_key="k")


def test_an_outline_lacks_the_lists_of_the_result_and_nothing_else(
    queue: JobQueue, begin: Callable[..., Attempt]
) -> None:
    attempt = begin()
    attempt.succeed({"count": 2, "reps": [{"number": 1}, {"number": 2}], "attempts": []})
    whole, outline = queue.get(attempt.job.id), queue.outline(attempt.job.id)
    assert whole is not None
    assert outline == replace(whole, result={"count": 2})
    assert queue.page() == [outline]
    waiting = make(queue)
    assert queue.outline(waiting) == queue.get(waiting)


def test_too_many_waiting_jobs_are_refused(queue: JobQueue) -> None:
    make(queue, max_queued=1)
    with pytest.raises(Busy, match="1 jobs"):
        make(queue, max_queued=1)


def test_jobs_are_served_by_priority_and_then_by_age(queue: JobQueue, clock: Clock) -> None:
    made = []
    for priority in (0, 0, -1):
        clock.now += 1
        made.append(make(queue, priority=priority))
    assert [job.id for job in queue.waiting(5)] == [made[2], made[0], made[1]]


def test_pages_go_from_new_to_old(queue: JobQueue, clock: Clock) -> None:
    made = []
    for _ in range(5):
        clock.now += 1
        made.append(make(queue))
    first = queue.page(limit=2)
    rest = queue.page(limit=9, before=first[-1].id)
    assert [job.id for job in (*first, *rest)] == made[::-1]
    assert queue.page(kind="reps") == []
    assert len(queue.page(state="queued", kind="transcript")) == 5


def test_only_one_of_many_claims_a_job(queue: JobQueue, where: Where) -> None:
    job_id = make(queue)
    won: list[str] = []

    def claim(name: str) -> None:
        with JobQueue(where) as own:
            if own.claim(job_id, name) is not None:
                won.append(name)

    threads = [threading.Thread(target=claim, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_failed_attempt_comes_back_later_with_its_reason(
    queue: JobQueue, begin: Callable[[], Attempt], clock: Clock
) -> None:
    job = begin().job
    failed = queue.fail(job.id, job.attempt, CRASH)
    assert failed is not None
    assert failed.state is State.QUEUED
    assert failed.failures[0]["reason"] == "crashed"
    assert queue.waiting() == []
    clock.now += 2.0
    assert [waiting.id for waiting in queue.waiting()] == [job.id]


def test_a_job_that_keeps_crashing_is_given_up(queue: JobQueue, clock: Clock) -> None:
    job_id = make(queue)
    for attempt in range(1, MAX_STRIKES + 1):
        clock.now += 1000
        assert queue.claim(job_id, "me") is not None
        queue.fail(job_id, attempt, CRASH)
    given_up = queue.get(job_id)
    assert given_up is not None
    assert given_up.state is State.FAILED
    assert given_up.problem is not None
    assert given_up.problem["detail"] == "It crashed. It was tried 5 times."
    assert queue.waiting() == []


def test_a_late_answer_of_an_older_attempt_changes_nothing(
    queue: JobQueue, begin: Callable[[], Attempt], clock: Clock
) -> None:
    old = begin()
    clock.now += LEASE + 1
    assert [job.id for job in queue.release_expired()] == [old.job.id]
    assert queue.claim(old.job.id, "you") is not None
    assert queue.fail(old.job.id, old.job.attempt, CRASH) is None
    assert not queue.beat(old.job.id, old.job.attempt, {}, 1)


def test_a_heartbeat_keeps_the_lease_and_tells_progress(
    queue: JobQueue, begin: Callable[[], Attempt], clock: Clock
) -> None:
    job = begin().job
    clock.now += LEASE - 1
    assert queue.beat(job.id, job.attempt, {"position": 5.0}, 100)
    clock.now += LEASE - 1
    assert queue.beat(job.id, job.attempt, None, 50)
    assert queue.release_expired() == []
    now = queue.get(job.id)
    assert now is not None
    assert (now.progress, now.peak) == ({"position": 5.0}, 100)


def test_a_lease_that_is_renewed_just_before_it_is_taken_stays(
    queue: JobQueue, begin: Callable[[], Attempt], clock: Clock
) -> None:
    job = begin().job
    clock.now += LEASE + 1
    late = clock.now
    assert queue.beat(job.id, job.attempt, None, 0)
    assert queue.fail(job.id, job.attempt, CRASH, late=late) is None
    clock.now += LEASE + 1
    assert queue.fail(job.id, job.attempt, CRASH, late=clock.now) is not None


def test_an_interruption_is_no_strike(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    job = begin().job
    [released] = queue.release_all("The server was stopped.")
    assert (released.state, released.strikes, released.run_after) == (State.QUEUED, 0, job.run_after)


def test_what_others_own_is_not_released(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    begin()
    assert queue.release_all("gone", lambda owner: owner != "me") == []


def test_a_running_job_is_cancelled_at_once(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    job = begin().job
    cancelled = queue.cancel(job.id)
    assert cancelled is not None
    assert cancelled.state is State.CANCELLED
    assert not queue.beat(job.id, job.attempt, {}, 1)
    with pytest.raises(Conflict, match="cancelled already"):
        queue.cancel(job.id)


def test_only_what_failed_or_was_cancelled_can_be_tried_again(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    job = begin().job
    with pytest.raises(Conflict, match="is running"):
        queue.retry(job.id)
    queue.cancel(job.id)
    retried = queue.retry(job.id)
    assert retried is not None
    assert retried.state is State.QUEUED
    assert queue.retry("nothing") is None


def test_a_job_is_deleted_with_its_events_once_it_has_ended(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    job = begin().job
    with pytest.raises(Conflict, match="Cancel it first"):
        queue.delete(job.id)
    queue.cancel(job.id)
    assert queue.delete(job.id) is not None
    assert queue.get(job.id) is None
    assert queue.events(job.id) == []


def test_an_upload_is_in_use_while_its_job_is(queue: JobQueue, begin: Callable[..., Attempt]) -> None:
    attempt = begin(upload="u1")
    assert queue.uses("u1")
    assert not queue.uses("u1", but=attempt.job.id)
    attempt.succeed({})
    assert not queue.uses("u1")


def test_content_that_is_let_go_is_worked_on_no_more_and_kept_no_more(
    queue: JobQueue, begin: Callable[..., Attempt]
) -> None:
    done, running = begin(upload="u1"), begin(upload="u2")
    for attempt in (done, running):
        attempt.describe(fingerprint="f")
    done.succeed({})
    waiting = queue.create("reps", {"upload": "u3", "sha256": "f"}, {}, keep_source=True)[0]
    other = queue.create("reps", {"upload": "u4", "sha256": "g"}, {}, keep_source=True)[0]
    assert queue.let_go("f") == ([running.job.id, waiting.id], ["u3"])
    states = [queue.get(job_id) for job_id in (done.job.id, running.job.id, waiting.id, other.id)]
    assert [job and str(job.state) for job in states] == ["succeeded", "cancelled", "cancelled", "queued"]
    assert [queue.uses(upload) for upload in ("u1", "u2", "u3", "u4")] == [False, False, False, True]
    assert queue.events(running.job.id)[-1].data["state"] == "cancelled"


def test_a_place_is_told_in_the_order_of_serving(queue: JobQueue, begin: Callable[[], Attempt], clock: Clock) -> None:
    failed = begin().job.id
    queue.fail(failed, 1, CRASH)
    after = make(queue)
    assert queue.places() == {after: 0, failed: 1}
    assert [job.id for job in queue.waiting(2)] == [after]
    clock.now += 10
    assert queue.places() == {failed: 0, after: 1}
    assert [job.id for job in queue.waiting(2)] == [failed, after]


def test_the_states_of_a_job_are_told(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    queue.fail(attempt.job.id, 1, CRASH)
    told = queue.events(attempt.job.id)
    assert [event.id for event in told] == [1, 2, 3]
    assert [event.data["state"] for event in told] == ["queued", "running", "queued"]
    assert told[2].data["failure"]["detail"] == "It crashed."
    assert queue.events(attempt.job.id, after=2) == told[2:]


def test_timings_add_up_over_attempts(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    queue.note_timings(attempt.job.id, 1, 5, {"work": 1.5})
    queue.note_timings(attempt.job.id, 1, 3, {"work": 1.0, "fetching": 2.0})
    now = queue.get(attempt.job.id)
    assert now is not None
    assert (now.timings, now.peak) == ({"work": 2.5, "fetching": 2.0}, 5)


def test_the_library_is_no_queue(tmp_path: Path) -> None:
    with open_library(tmp_path / "library.db"):
        pass
    with pytest.raises(LibraryError, match="another program"):
        JobQueue(tmp_path / "library.db")


def test_a_clock_that_is_set_back_stops_nothing(queue: JobQueue, clock: Clock) -> None:
    job_id = make(queue)
    clock.now -= 86_400
    assert [job.id for job in queue.waiting()] == [job_id]


def test_a_note_is_told_once_and_only_of_what_has_not_ended(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    for _ in range(2):
        queue.note(attempt.job.id, "It waits.")
    now = queue.get(attempt.job.id)
    assert now is not None
    assert now.notes == ("It waits.",)
    assert [event.data for event in queue.events(attempt.job.id) if event.type == "note"] == [{"text": "It waits."}]
    attempt.succeed({})
    queue.note(attempt.job.id, "Too late.")
    assert attempt.count("note") == 1


def test_the_work_of_a_failed_job_is_dropped_in_time_and_the_file_shrinks(
    where: Where, queue: JobQueue, begin: Callable[[], Attempt], clock: Clock
) -> None:
    attempt = begin()
    for number in range(20):
        attempt.checkpoint({"n": number}, batch=b"x" * 100_000)
    queue.cancel(attempt.job.id)
    queue.drop_old_work(clock.now)
    assert attempt.checkpointed() == {"n": 19}
    queue.drop_old_work(clock.now + 1)
    assert attempt.checkpointed() is None
    assert list(attempt.batches()) == []
    if isinstance(where, Path):  # Postgres sees to its files itself
        queue.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert where.stat().st_size < 1_000_000
