from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from halfgig.jobs.attempt import Attempt, Fenced
from halfgig.jobs.job import State
from halfgig.records import Segment, Word

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.queue import JobQueue

HELLO = Segment(0.5, 1.25, "Hello.", (Word(0.5, 1.25, " Hello.", 0.9),), (1, 2), avg_logprob=math.pi)
WORLD = Segment(1.25, 2.0, "World.")


def test_a_checkpoint_is_read_back_as_it_was(begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    assert attempt.checkpointed() is None
    attempt.checkpoint({"position": 1.25}, segments=[HELLO])
    attempt.checkpoint({"position": 2.0}, segments=[WORLD], batch=b"poses")
    assert attempt.checkpointed() == {"position": 2.0}
    assert list(attempt.segments()) == [HELLO, WORLD]
    assert list(attempt.batches()) == [b"poses"]


def test_a_figure_that_is_missing_stays_so(begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    attempt.checkpoint({}, segments=[Segment(0, 1, "a", no_speech_prob=math.nan)])
    [segment] = attempt.segments()
    assert math.isnan(segment.no_speech_prob)


def test_nothing_is_written_for_a_job_that_is_taken_away(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    attempt.checkpoint({"position": 1.0}, segments=[HELLO])
    queue.cancel(attempt.job.id)
    for write in (
        lambda: attempt.checkpoint({"position": 2.0}, segments=[WORLD]),
        lambda: attempt.succeed({}),
        lambda: attempt.describe(notes=["a"]),
    ):
        with pytest.raises(Fenced):
            write()
    assert list(attempt.segments()) == [HELLO]
    assert attempt.checkpointed() == {"position": 1.0}


def test_a_later_attempt_goes_on_from_the_checkpoint(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    first = begin()
    first.checkpoint({"position": 1.25}, segments=[HELLO])
    queue.release_all("The server was stopped.")
    held = queue.claim(first.job.id, "you")
    assert held is not None
    second = Attempt(queue, held)
    assert second.checkpointed() == {"position": 1.25}
    second.checkpoint({"position": 2.0}, segments=[WORLD])
    with pytest.raises(Fenced):
        first.succeed({})
    assert [segment.text for segment in second.segments()] == ["Hello.", "World."]


def test_success_keeps_the_transcript_and_drops_the_checkpoint(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    attempt.checkpoint({"position": 1.25}, segments=[HELLO], batch=b"x")
    done = attempt.succeed({"language": "en"}, reps=[{"number": 1}])
    assert done.state is State.SUCCEEDED
    assert done.result == {"language": "en"}
    assert queue.get(done.id) == done
    assert attempt.checkpointed() is None
    assert list(attempt.batches()) == []
    assert [event.type for event in queue.events(done.id)] == ["state", "state", "segment", "rep", "state"]


def test_notes_are_told_once(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    for _ in range(2):
        attempt.describe(degraded=["tiny.en instead of base"], notes=["2 corrupt packets skipped"], fingerprint="f")
    now = queue.get(attempt.job.id)
    assert now is not None
    assert (now.degraded, now.notes) == (("tiny.en instead of base",), ("2 corrupt packets skipped",))
    assert now.fingerprint == "f"
    assert attempt.count("note") == 2


def test_the_same_work_is_not_done_twice(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    first, second = begin(), begin()
    assert second.twin("f") is None
    first.describe(fingerprint="f")
    first.checkpoint({}, segments=[HELLO])
    done = first.succeed({"language": "en"})
    second.checkpoint({"position": 0.1}, segments=[WORLD])
    twin = second.twin("f")
    assert twin == done
    adopted = second.adopt(done)
    assert adopted is not None
    assert adopted.result == {"language": "en"}
    assert adopted.notes == (f"The same was done before, by job {done.id}.",)
    assert list(second.segments()) == [HELLO]
    ids = [event.id for event in queue.events(adopted.id)]
    assert ids == sorted(set(ids))


def test_a_twins_twin_is_not_told(begin: Callable[[], Attempt]) -> None:
    first = begin()
    first.describe(fingerprint="f", notes=["2 corrupt packets skipped"])
    twin = first.succeed({})
    for _ in range(2):
        adopted = begin().adopt(twin)
        assert adopted is not None
        assert adopted.notes == ("2 corrupt packets skipped", f"The same was done before, by job {twin.id}.")
        twin = adopted


def test_a_twin_that_was_deleted_is_not_taken_over(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    first, second = begin(), begin()
    twin = first.succeed({})
    queue.delete(twin.id)
    assert second.adopt(twin) is None
    assert second.checkpointed() is None
    now = queue.get(second.job.id)
    assert now is not None
    assert now.state is State.RUNNING


def test_what_was_made_of_other_content_is_dropped_with_a_word(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    attempt.describe(fingerprint="old", degraded=["tiny.en instead of base"], notes=["2 corrupt packets skipped"])
    attempt.checkpoint({"position": 0.1}, segments=[HELLO], reps=[{"number": 1}], batch=b"poses")
    attempt.start_over("new", "It has changed.")
    assert attempt.checkpointed() is None
    assert (list(attempt.batches()), list(attempt.segments()), attempt.count("rep")) == ([], [], 0)
    now = queue.get(attempt.job.id)
    assert now is not None
    assert (now.fingerprint, now.degraded, now.notes) == ("new", (), ("It has changed.",))
    attempt.describe(degraded=["tiny.en instead of base"])
    events = queue.events(attempt.job.id)
    assert [event.type for event in events] == ["state", "state", "note", "note"]
    assert events[2].data == {"text": "It has changed."}


def test_only_its_own_attempt_may_start_a_job_over(queue: JobQueue, begin: Callable[[], Attempt]) -> None:
    attempt = begin()
    attempt.checkpoint({"position": 0.1}, segments=[HELLO])
    queue.cancel(attempt.job.id)
    with pytest.raises(Fenced):
        attempt.start_over("new", "It has changed.")
    assert list(attempt.segments()) == [HELLO]
