from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import Busy, Conflict, LibraryError
from halfgig.jobs.attempt import Attempt, Fenced
from halfgig.jobs.job import MAX_STRIKES, Failure, Reason, State
from halfgig.jobs.queue import LEASE, JobQueue
from halfgig.records import Segment
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.jobs.conftest import Clock

    from halfgig.store.database import Where

PATIENCE = 60.0  # seconds; only a test that fails waits so long
CLAIM = """
import pathlib, sys
from halfgig.jobs.queue import JobQueue
where = sys.argv[1]
with JobQueue(where if "://" in where else pathlib.Path(where)) as queue:
    while (job := queue.foremost()) is not None:
        if queue.claim(job.id, "a process") is not None:
            print(job.id)
"""
CRASH = Failure(Reason.CRASHED, "It crashed.")


def make(queue: JobQueue, **wanted: object) -> str:
    return queue.create("transcript", {"upload": "u"}, {}, **wanted)[0].id  # type: ignore[arg-type]


def serve(queue: JobQueue, most: int = 1) -> list[str]:
    """Claim what is to be served next, `most` times at most."""
    served: list[str] = []
    while len(served) < most and (job := queue.foremost()) is not None:
        assert queue.claim(job.id, "me") is not None
        served.append(job.id)
    return served


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
    assert queue.places() == {made[2]: 0, made[0]: 1, made[1]: 2}
    assert serve(queue, 3) == [made[2], made[0], made[1]]


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


def side_by_side(where: Where, *works: Callable[[JobQueue], object]) -> None:
    """Do all of it at once, each on a connection of its own."""
    begin = threading.Barrier(len(works))

    def do(work: Callable[[JobQueue], object]) -> None:
        with JobQueue(where) as own:
            begin.wait(PATIENCE)
            work(own)

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(do, work) for work in works]:
            done.result()


def test_only_one_of_many_claims_a_job(queue: JobQueue, where: Where) -> None:
    job_id = make(queue)
    won: list[object] = []
    side_by_side(where, *[lambda own: won.append(own.claim(job_id, "x"))] * 8)
    assert len([job for job in won if job is not None]) == 1


def test_processes_that_claim_side_by_side_share_the_jobs(queue: JobQueue, where: Where) -> None:
    made = [make(queue) for _ in range(40)]
    command = [sys.executable, "-c", CLAIM, str(where)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    claimed = [line for child in children for line in child.communicate(timeout=PATIENCE)[0].split()]
    assert sorted(claimed) == sorted(made)
    assert [child.returncode for child in children] == [0, 0]
    assert queue.counts() == {("transcript", "running"): 40}


def test_one_key_makes_one_job_however_many_bring_it_at_once(queue: JobQueue, where: Where) -> None:
    made: list[tuple[str, bool]] = []

    def bring(own: JobQueue) -> None:
        job, fresh = own.create("transcript", {"upload": "u"}, {}, idempotency_key="k")
        made.append((job.id, fresh))

    side_by_side(where, *[bring] * 6)
    assert len({job_id for job_id, _ in made}) == 1
    assert sorted(fresh for _, fresh in made) == [False] * 5 + [True]
    assert [event.id for event in queue.events(made[0][0])] == [1]


def test_a_lease_that_ran_out_is_taken_by_one_of_those_who_see_it(
    queue: JobQueue, where: Where, begin: Callable[[], Attempt]
) -> None:
    late = [begin().job.id for _ in range(3)]  # by a clock that is far behind
    taken: list[str] = []
    side_by_side(where, *[lambda own: taken.extend(job.id for job in own.release_expired())] * 4)
    assert sorted(taken) == late
    for job_id in late:
        now = queue.get(job_id)
        assert now is not None
        assert (now.state, now.interruptions, len(now.failures)) == (State.QUEUED, 1, 1)
        assert [event.id for event in queue.events(job_id)] == [1, 2, 3]


def test_who_wakes_after_another_took_the_job_may_write_nothing(
    queue: JobQueue, where: Where, begin: Callable[[], Attempt], clock: Clock
) -> None:
    paused = begin()
    paused.checkpoint({"n": 1}, batch=b"mine")
    clock.now += LEASE + 1
    with JobQueue(where, clock) as elsewhere:
        elsewhere.release_expired()
        taken = elsewhere.claim(paused.job.id, "another")
        assert taken is not None
        before = elsewhere.events(taken.id)
        writes: list[Callable[[], object]] = [
            lambda: paused.checkpoint({"n": 2}, batch=b"late"),
            lambda: paused.describe(notes=["late"]),
            lambda: paused.start_over("f", "late"),
            lambda: paused.adopt(taken),
            lambda: paused.succeed({"late": True}),
        ]
        for write in writes:
            with pytest.raises(Fenced):
                write()
        theirs = Attempt(elsewhere, taken)
        assert (theirs.checkpointed(), list(theirs.batches())) == ({"n": 1}, [b"mine"])
        assert (elsewhere.get(taken.id), elsewhere.events(taken.id)) == (taken, before)


def test_a_job_that_runs_elsewhere_is_cancelled(queue: JobQueue, where: Where, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    with JobQueue(where) as elsewhere:
        elsewhere.cancel(attempt.job.id)
    assert not queue.beat(attempt.job.id, attempt.job.attempt, {}, 0)
    with pytest.raises(Fenced):
        attempt.checkpoint({"n": 1})


def test_who_moves_a_job_at_once_moves_it_in_turn(queue: JobQueue, where: Where, begin: Callable[[], Attempt]) -> None:
    """Events are numbered without a gap, and no write undoes another."""
    attempt = begin()

    def write(own: JobQueue) -> None:
        mine = Attempt(own, attempt.job)
        for number in range(5):
            mine.checkpoint({"n": number}, batch=b"x")
            mine.describe(notes=[f"{threading.get_ident()} {number}"])
            own.note_timings(attempt.job.id, attempt.job.attempt, 1, {"work": 1.0})

    side_by_side(where, write, write, write)
    now = queue.get(attempt.job.id)
    assert now is not None
    assert (len(now.notes), now.timings, len(list(attempt.batches()))) == (15, {"work": 15.0}, 15)
    assert [event.id for event in queue.events(attempt.job.id)] == list(range(1, 18))


def test_clients_are_served_by_turns(queue: JobQueue, clock: Clock) -> None:
    many = [make(queue, client="a") for _ in range(3)]
    few = [make(queue, client="b") for _ in range(2)]
    urgent = make(queue, client="a", priority=-1)
    places = queue.places()
    served = []
    for _ in range(6):
        clock.now += 1
        (job_id,) = serve(queue)
        served.append(job_id)
        queue.cancel(job_id)
    assert served == [urgent, few[0], many[0], few[1], many[1], many[2]]
    assert sorted(places, key=places.__getitem__)[0] == urgent


def test_whoever_has_less_at_work_is_served_first(queue: JobQueue, clock: Clock) -> None:
    made = [make(queue, client="a") for _ in range(3)]
    assert serve(queue, 2) == made[:2]
    clock.now += 1
    others = [make(queue, client="b") for _ in range(3)]
    places = queue.places()
    assert sorted(places, key=places.__getitem__)[:2] == others[:2]
    clock.now += 1
    assert serve(queue, 2) == others[:2]
    assert serve(queue, 2) == [made[2], others[2]]


def test_a_failed_attempt_comes_back_later_with_its_reason(
    queue: JobQueue, begin: Callable[[], Attempt], clock: Clock
) -> None:
    job = begin().job
    failed = queue.fail(job.id, job.attempt, CRASH)
    assert failed is not None
    assert failed.state is State.QUEUED
    assert failed.failures[0]["reason"] == "crashed"
    assert queue.foremost() is None
    clock.now += 2.0
    assert serve(queue) == [job.id]


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
    assert queue.foremost() is None


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


def test_a_drawing_is_asked_for_once_at_a_time(queue: JobQueue) -> None:
    source = {"source": "f", "title": "Squats"}
    plot, overlay = queue.draw(source, "plot.png", client="a"), queue.draw({**source, "upload": "u"}, "overlay.mp4")
    assert (plot.kind, plot.options, plot.fingerprint, plot.client) == ("drawing", {"drawing": "plot.png"}, "f", "a")
    assert queue.draw(source, "plot.png").id == plot.id
    assert queue.claim(plot.id, "me") is not None
    assert queue.drawing_now("f") == {"plot.png": plot.id, "overlay.mp4": overlay.id}
    assert queue.uses("u")
    assert queue.drawing_now("g") == {}
    queue.cancel(plot.id)
    assert queue.draw(source, "plot.png").id != plot.id
    with pytest.raises(Busy):
        queue.draw(source, "landmarks.csv", max_queued=2)


def test_a_place_is_told_in_the_order_of_serving(queue: JobQueue, begin: Callable[[], Attempt], clock: Clock) -> None:
    failed = begin().job.id
    queue.fail(failed, 1, CRASH)
    after = make(queue)
    assert queue.places() == {after: 0, failed: 1}
    clock.now += 10
    assert queue.places() == {failed: 0, after: 1}
    assert serve(queue, 2) == [failed, after]


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
    assert serve(queue) == [job_id]


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


def test_a_job_is_made_and_claimed_in_few_trips(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with JobQueue(postgres_url) as queue:
        connection, asked = queue.database._connection, list[bytes]()  # type: ignore[attr-defined]
        execute = connection.execute

        def noting(query: bytes, *values: object) -> object:
            asked.append(query)
            return execute(query, *values)

        monkeypatch.setattr(connection, "execute", noting)
        job, _ = queue.create("reps", {"url": "http://a/b"}, {})
        assert len(asked) == 2
        claimed = queue.claim(job.id, "me")
        assert claimed is not None
        assert len(asked) == 4
        Attempt(queue, claimed).checkpoint({"at": 1}, segments=[Segment(0, 1, "a"), Segment(1, 2, "b")], batch=b"1")
        assert len(asked) == 6


BOUNDS = {"transcript": 2}


def test_a_bounded_kind_is_passed_over_while_as_many_are_at_work(queue: JobQueue, clock: Clock) -> None:
    first, second, third = (make(queue) for _ in range(3))
    for job_id in (first, second):
        assert (found := queue.foremost("", BOUNDS)) is not None
        assert found.id == job_id
        assert queue.claim(job_id, "me", most=2) is not None
    assert queue.foremost("", BOUNDS) is None
    assert queue.claim(third, "me", most=2) is None
    other, _ = queue.create("index", {"upload": "u"}, {})
    assert (found := queue.foremost("", BOUNDS)) is not None
    assert found.id == other.id
    assert queue.claim(other.id, "me") is not None
    queue.cancel(first)
    assert (found := queue.foremost("", BOUNDS)) is not None
    assert found.id == third
    assert queue.claim(third, "me", most=2) is not None


def test_machines_that_claim_at_once_keep_to_the_bound(queue: JobQueue, where: Where) -> None:
    jobs = [make(queue) for _ in range(8)]

    def claim(job_id: str) -> bool:
        with JobQueue(where) as another:
            return another.claim(job_id, "another", most=3) is not None

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(claim, jobs)) == 3
