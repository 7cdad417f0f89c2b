"""A source that several attempts hear together gives the transcript that one gives, whoever does what and when."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import pytest
from tests.fakes.speech import Loudness, Teller, bursts, recording

from halfgig.jobs import work as work_module
from halfgig.jobs.attempt import Attempt, Fenced
from halfgig.jobs.job import PART, Failure, Job, Reason, State
from halfgig.jobs.parts import Wanted, part_id
from halfgig.jobs.work import Work, do_part, do_transcript
from halfgig.media.source import open_source
from halfgig.settings import Settings
from halfgig.speech.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from halfgig.jobs.queue import JobQueue
    from halfgig.records import Segment

CONTENT = "f" * 64
LENGTH = 30.0  # seconds of a part
SECONDS = 140.0  # five parts
SHARED = Settings(database_url="postgresql://unused")
WANTED = Wanted({"model": "tiny.en", "language": "en"}, LENGTH, 4)
CRASH = Failure(Reason.CRASHED, "It crashed.")


class Tools:
    """Models that are fakes; `speech` is the same thing."""

    def __init__(self) -> None:
        self.speech = self
        self.heard = Teller()

    def detector(self) -> Any:
        return Loudness()

    def recognizer(self, _: str) -> Any:
        return self.heard

    def close_recognizer(self) -> None:
        pass


class Telling:
    """Hears everything. `kept` does what a test says, once for each entry; of a whole job from the second on, for with
    the first stretch nothing is offered yet. `positions` are those that were told.
    """

    def __init__(self, kept: list[Callable[[], None]], positions: list[float] | None) -> None:
        self._kept = kept
        self.duration: float | None = None
        self.positions = [] if positions is None else positions

    def kept(self, _: float) -> None:
        if self._kept:
            self._kept.pop(0)()

    def move(self, position: float) -> None:
        self.positions.append(position)

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_: None


class Cut(Exception):
    """An attempt ends here."""


def cut() -> None:
    raise Cut


def nothing() -> None:
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Talk with a pause every other second."""
    return recording(tmp_path / "a.wav", bursts(SECONDS, [(at, at + 1.2) for at in range(0, int(SECONDS), 2)]))


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_module, "WHOLE", Parts(LENGTH))


def accept(queue: JobQueue, **wanted: Any) -> Attempt:
    job, _ = queue.create("transcript", {"upload": "u", "sha256": CONTENT}, {"language": "en"}, **wanted)
    return claim(queue, job)


def claim(queue: JobQueue, job: Job | None) -> Attempt:
    held = queue.claim(job.id, "me") if job else None
    assert held is not None
    return Attempt(queue, held)


def hear(
    attempt: Attempt,
    path: Path,
    settings: Settings = SHARED,
    *,
    kept: list[Callable[[], None]] | None = None,
    waits: list[Callable[[], None]] | None = None,
    positions: list[float] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tools:
    """Do the job; its tools tell what was heard. `waits` are done while it waits, one each time.

    `positions` get how far it says that all are.
    """
    first = [] if attempt.job.kind == PART else [nothing]
    tools, telling = Tools(), cast("Any", Telling([*first, *(kept or [])], positions))
    attempt.describe(fingerprint=CONTENT)
    do = do_part if attempt.job.kind == PART else do_transcript
    source = open_source(path, settings)
    with patch("halfgig.jobs.sharing.time", SimpleNamespace(monotonic=clock, sleep=sleeper(waits or []))):
        do(Work(attempt, source, "", CONTENT, settings, telling, cast("Any", tools), telling.admitted))
    assert max(telling.positions) <= SECONDS
    return tools


def sleeper(waits: list[Callable[[], None]]) -> Callable[[float], None]:
    return lambda _: waits.pop(0)() if waits else None


def text_of(queue: JobQueue, attempt: Attempt) -> list[Segment]:
    job = queue.get(attempt.job.id)
    assert job is not None
    assert job.state is State.SUCCEEDED
    assert (job.result or {})["segments"] == len(list(attempt.segments()))
    assert queue.many("SELECT * FROM jobs WHERE kind = 'part'", ()) == []
    return list(attempt.segments())


@pytest.fixture
def alone(queue: JobQueue, path: Path) -> list[Segment]:
    """What one machine makes of it, that shares nothing."""
    attempt = accept(queue)
    hear(attempt, path, Settings())
    return text_of(queue, attempt)


def help_once(queue: JobQueue, path: Path, did: list[int], **how: Any) -> None:
    """Another machine does what is foremost."""
    part = queue.foremost()
    assert part is not None
    assert part.kind == PART
    did.append(part.options["part"])
    hear(claim(queue, part), path, **how)


def test_one_that_shares_in_vain_hears_all_in_order(queue: JobQueue, path: Path, alone: list[Segment]) -> None:
    attempt = accept(queue)
    hear(attempt, path)
    assert text_of(queue, attempt) == alone
    assert len(alone) > 8


def test_others_take_parts_from_the_back(queue: JobQueue, path: Path, alone: list[Segment]) -> None:
    attempt, did = accept(queue), list[int]()
    tools = hear(attempt, path, kept=[partial(help_once, queue, path, did)] * 2)
    assert did == [4, 3]
    assert text_of(queue, attempt) == alone
    assert sum(tools.heard.heard) < 0.7 * SECONDS


def test_what_another_is_at_is_waited_for(queue: JobQueue, path: Path, alone: list[Segment]) -> None:
    attempt, at_work, did = accept(queue), list[Attempt](), list[int]()

    def begin() -> None:
        while (part := queue.foremost()) is not None:
            at_work.append(claim(queue, part))

    def finish() -> None:
        did.append(at_work[-1].job.options["part"])
        hear(at_work.pop(), path)

    hear(attempt, path, kept=[begin], waits=[finish] * 4)
    assert at_work == []
    assert did == sorted(did)
    assert len(did) >= 3
    assert text_of(queue, attempt) == alone


def test_what_was_taken_over_counts_once(queue: JobQueue, path: Path, alone: list[Segment]) -> None:
    attempt, at_work, positions, now = accept(queue), list[Attempt](), list[float](), [0.0]

    def begin() -> None:
        at_work.append(claim(queue, queue.foremost()))
        help_once(queue, path, [])
        now[0] = 100.0  # it asks once more, and then never again

    def finish() -> None:
        assert max(positions) == pytest.approx(4 * LENGTH)
        hear(at_work.pop(), path)

    hear(attempt, path, kept=[begin], waits=[finish], positions=positions, clock=lambda: now[0])
    assert at_work == []
    assert text_of(queue, attempt) == alone


def test_what_another_has_begun_is_gone_on_with(queue: JobQueue, path: Path, alone: list[Segment]) -> None:
    attempt = accept(queue)

    def begin() -> None:
        part = claim(queue, queue.foremost())
        with pytest.raises(Cut):
            hear(part, path, kept=[cut])
        assert queue.fail(part.job.id, part.job.attempt, CRASH) is not None

    tools = hear(attempt, path, kept=[begin])
    assert text_of(queue, attempt) == alone
    assert sum(tools.heard.heard) < 0.95 * SECONDS  # without the window that was heard elsewhere


@pytest.mark.parametrize("when", [0, 1, 3])
def test_one_that_is_cut_off_goes_on(queue: JobQueue, path: Path, alone: list[Segment], when: int) -> None:
    first, did = accept(queue), list[int]()
    helped = [partial(help_once, queue, path, did)] * min(when, 2)
    with pytest.raises(Cut):
        hear(first, path, kept=[*helped, *[nothing] * (when - len(helped)), cut])
    assert queue.fail(first.job.id, first.job.attempt, CRASH) is not None
    while queue.foremost() is not None and len(did) < 3:  # the job itself is not due yet
        help_once(queue, path, did)
    again = claim(queue, queue.get(first.job.id))
    hear(again, path)
    assert text_of(queue, again) == alone


def test_what_was_made_of_other_content_is_not_taken(queue: JobQueue, path: Path, alone: list[Segment]) -> None:
    attempt = accept(queue)

    def help_wrongly() -> None:
        part = claim(queue, queue.foremost())
        part.start_over("0" * 64, "It has changed.")
        part.checkpoint({}, segments=alone[:3])
        part.succeed({"log": {}})

    hear(attempt, path, kept=[help_wrongly])
    assert text_of(queue, attempt) == alone


def test_a_short_source_and_one_that_only_we_have_are_not_shared(queue: JobQueue, path: Path, tmp_path: Path) -> None:
    def look() -> None:
        assert queue.many("SELECT * FROM jobs WHERE kind = 'part'", ()) == []

    short = recording(tmp_path / "b.wav", bursts(35, [(1, 2), (33, 34)]))
    hear(accept(queue), short, kept=[look, look])
    hear(accept(queue, place="home"), path, kept=[look, look])
    hear(accept(queue), path, replace(SHARED, database_url=""), kept=[look, look])


# --- as rows of the queue


def test_parts_are_in_no_list_and_after_all_other_work(queue: JobQueue) -> None:
    parent = accept(queue, client="a", priority=2)
    parent.share(WANTED, 1)
    parent.share(WANTED, 1)  # those that are there stay
    assert [part.options["part"] for part in sorted(parent.parts(), key=lambda part: part.id)] == [3, 2, 1]
    later = accept(queue, client="a", priority=2).job
    assert queue.fail(later.id, 1, replace(CRASH, reason=Reason.INTERRUPTED)) is not None
    foremost = queue.foremost()
    assert foremost is not None
    assert foremost.id == later.id
    claim(queue, later)
    foremost = queue.foremost()
    assert foremost is not None
    assert (foremost.id, foremost.client, foremost.priority) == (part_id(parent.job.id, 3), "a", 2)
    assert {job.kind for job in queue.page()} == {"transcript"}
    assert set(queue.counts()) == {("transcript", "running")}
    queue.create("transcript", {"upload": "v"}, {}, max_queued=3)


@pytest.mark.parametrize("end", ["cancel", "fail", "succeed", "let go"])
def test_parts_end_with_their_job(queue: JobQueue, end: str) -> None:
    parent, other = accept(queue), accept(queue)
    parent.describe(fingerprint=CONTENT)
    parent.share(WANTED, 1)
    other.share(WANTED, 3)
    helper = claim(queue, queue.get(part_id(parent.job.id, 3)))
    match end:
        case "cancel":
            queue.cancel(parent.job.id)
        case "fail":
            queue.fail(parent.job.id, 1, replace(CRASH, reason=Reason.REFUSED))
        case "succeed":
            parent.succeed({})
        case _:
            queue.let_go(CONTENT)
    assert queue.many("SELECT * FROM jobs WHERE id = ?", (helper.job.id,)) == []
    assert (end == "let go") != bool(other.parts())
    with pytest.raises(Fenced):
        helper.checkpoint({})
    assert not queue.beat(helper.job.id, helper.job.attempt, None, 0)


def test_a_part_is_one_machines_at_a_time(queue: JobQueue) -> None:
    parent = accept(queue)
    parent.share(WANTED, 1)
    assert parent.take_untouched(1)
    assert parent.part(1) is None
    helper = claim(queue, queue.get(part_id(parent.job.id, 3)))
    assert not parent.take_untouched(3)
    assert not parent.absorb(3, lambda _, __: {})
    helper.checkpoint({"seam": {}})
    queue.fail(helper.job.id, helper.job.attempt, CRASH)
    assert not parent.take_untouched(3)  # there is something in it
    assert parent.absorb(3, lambda _, made: made)
    assert parent.checkpointed() == {"seam": {}}
    with pytest.raises(Fenced):
        helper.checkpoint({})


def test_a_part_that_comes_again_is_closed_to_who_had_it_before(queue: JobQueue) -> None:
    parent = accept(queue)
    parent.share(WANTED, 1)
    early = claim(queue, queue.get(part_id(parent.job.id, 3)))
    queue.cancel(parent.job.id)
    parent = claim(queue, queue.retry(parent.job.id))
    parent.share(WANTED, 1)
    late = claim(queue, queue.get(part_id(parent.job.id, 3)))
    assert not queue.is_held(early.job.id, early.job.attempt)
    assert not queue.beat(early.job.id, early.job.attempt, None, 0)
    with pytest.raises(Fenced):
        early.checkpoint({"seam": {}})
    assert late.checkpointed() is None


def test_parts_take_nobodys_place(queue: JobQueue) -> None:
    parent = accept(queue)
    parent.share(WANTED, 1)
    waiting, _ = queue.create("transcript", {"upload": "v"}, {})
    assert queue.places() == {waiting.id: 0}
