from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.errors import BadRequest
from halfgig.jobs.job import (
    LONGEST_DELAY,
    MAX_INTERRUPTIONS,
    MAX_STRIKES,
    MAX_WAITS,
    MOST_FAILURES,
    Failure,
    Job,
    Reason,
    State,
    after_failure,
    delay,
    read_bounds,
)

JOB = Job("j", "reps", State.RUNNING, {}, {}, 0.0, 0.0, attempt=1, owner="me", lease_until=60.0)


def fail(job: Job, reason: Reason, *, advanced: bool = False, needs: int | None = None) -> Job:
    return after_failure(job, Failure(reason, "It failed.", needs=needs), 10.0, advanced=advanced, chance=0.5)


def test_what_cannot_be_helped_is_given_up_at_once() -> None:
    failed = fail(JOB, Reason.REFUSED)
    assert (failed.state, failed.owner, failed.finished_at) == (State.FAILED, None, 10.0)


def test_out_of_memory_comes_back_with_less() -> None:
    assert fail(JOB, Reason.OUT_OF_MEMORY).less == 1
    assert fail(JOB, Reason.CRASHED).less == 0


def test_what_does_not_fit_waits_for_room_and_not_for_ever() -> None:
    waiting = fail(JOB, Reason.DOES_NOT_FIT, needs=300)
    assert (waiting.state, waiting.needs, waiting.strikes) == (State.QUEUED, 300, 0)
    assert fail(replace(JOB, waits=MAX_WAITS), Reason.DOES_NOT_FIT).state is State.FAILED


def test_progress_wipes_out_the_strikes() -> None:
    tired = replace(JOB, strikes=MAX_STRIKES - 1)
    assert fail(tired, Reason.CRASHED).state is State.FAILED
    assert fail(tired, Reason.CRASHED, advanced=True).strikes == 1


def test_an_interruption_is_no_strike_and_is_followed_at_once_by_another_attempt() -> None:
    again = fail(replace(JOB, strikes=MAX_STRIKES - 1), Reason.INTERRUPTED)
    assert (again.state, again.run_after, again.strikes) == (State.QUEUED, 10.0, MAX_STRIKES - 1)


def test_a_job_that_is_always_interrupted_lets_others_go_first_and_is_given_up_late() -> None:
    job, delays = JOB, []
    while job.state is not State.FAILED:
        job = fail(replace(job, state=State.RUNNING), Reason.INTERRUPTED)
        delays.append(job.run_after - 10.0)
    assert delays[:4] == [0.0, 0.0, 0.0, 2.0]
    assert len(delays) == MAX_INTERRUPTIONS + 1
    assert fail(replace(JOB, interruptions=MAX_INTERRUPTIONS), Reason.INTERRUPTED, advanced=True).interruptions == 1


@given(st.lists(st.tuples(st.sampled_from(list(Reason)), st.booleans()), max_size=30))
def test_every_failure_is_noted_and_nobody_owns_a_job_after_it(story: list[tuple[Reason, bool]]) -> None:
    job = JOB
    for number, (reason, advanced) in enumerate(story, 1):
        job = fail(job, reason, advanced=advanced)
        assert len(job.failures) == min(number, MOST_FAILURES)
        assert job.owner is None
        if job.state is State.FAILED:
            assert job.problem is not None
            return
        job = replace(job, state=State.RUNNING, owner="me")


@given(st.integers(0, 40), st.floats(0, 1, exclude_max=True))
def test_delays_double_up_to_a_bound(strikes: int, chance: float) -> None:
    assert 1.5 <= delay(strikes, chance) <= LONGEST_DELAY * 1.25


def test_bounds_are_read_and_nonsense_is_refused() -> None:
    assert read_bounds("") == {}
    assert read_bounds(" reps=2, index = 4 ,") == {"reps": 2, "index": 4}
    for wrong in ("reps", "reps=", "reps=0", "reps=-1", "reps=x", "video=1", "=2"):
        with pytest.raises(BadRequest, match=r"JOBS_AT_ONCE.*KIND=COUNT"):
            read_bounds(wrong)
