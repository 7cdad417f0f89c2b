from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.fakes.faulty import serving
from tests.fakes.qdrant import FakeQdrant
from tests.unit.motion.conftest import true_pose

from halfgig.demo.athlete import bodies, encode, render, steady
from halfgig.errors import ServerRefuses
from halfgig.jobs import work as work_module
from halfgig.jobs.attempt import Attempt
from halfgig.jobs.job import Failure, Reason
from halfgig.jobs.work import BATCH, Tools, Work, do_index, do_reps, do_transcript, still_holds
from halfgig.media.source import open_source
from halfgig.motion.exercises import exercise_named
from halfgig.operations.exercises import keep
from halfgig.operations.library import file_report
from halfgig.records import Source, StoredSource
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.place import open_belongings
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.jobs.conftest import Clock

    from halfgig.demo.athlete import Script
    from halfgig.jobs.queue import JobQueue
    from halfgig.motion.regions import Region
    from halfgig.records import Pose


CONTENT = "f" * 64
COUNTED = {
    "exercise": "squat",
    "reps": [{"side": "both", "start": 1.0, "end": 2.0, "seconds": 1.0, "range": 90.0}],
    "attempts": [],
}


class Silent:
    """Hears everything, and says nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_: None


def test_to_fail_again_at_the_same_place_is_no_progress(
    tmp_path: Path, queue: JobQueue, begin: Callable[..., Attempt], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise MemoryError

    facts = {"duration": 1.0, "language": "en", "model": "tiny.en"}
    monkeypatch.setattr(work_module, "_transcribed", lambda _: facts)
    monkeypatch.setattr(work_module, "file_transcript", fail)
    settings = Settings(data_dir=tmp_path)
    attempt = begin("index")
    strikes = []
    for _ in range(3):
        silent: Any = Silent()
        at = Work(attempt, Source("", "a"), "", "f", settings, silent, Tools(settings, silent.beat), silent.admitted)
        with pytest.raises(MemoryError):
            do_index(at)
        failed = queue.fail(attempt.job.id, attempt.job.attempt, Failure(Reason.CRASHED, "It crashed."))
        assert failed is not None
        strikes.append(failed.strikes)
        clock.now += 1000
        claimed = queue.claim(attempt.job.id, "me")
        assert claimed is not None
        attempt = Attempt(queue, claimed)
    assert strikes == [1, 2, 3]


def test_an_index_that_refuses_is_told_before_anything_is_heard(
    tmp_path: Path, begin: Callable[..., Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hear(_: Work) -> Any:
        pytest.fail("it was heard")

    monkeypatch.setattr(work_module, "_transcribed", hear)
    attempt, silent = begin("index"), cast("Any", Silent())
    with serving(FakeQdrant()) as address:
        settings = Settings(data_dir=tmp_path, index_url=f"qdrant+{address}/talks", qdrant_api_key="wrong")
        at = Work(attempt, Source("", "a"), "", "f", settings, silent, Tools(settings, silent.beat), silent.admitted)
        with pytest.raises(ServerRefuses, match="refuses the key"):
            do_index(at)


class Drawn:
    """Tools whose pose tracker sees the athlete as drawn, from a frame on."""

    region: Region | None = None

    def __init__(self, script: Script, first: int = 0) -> None:
        self.poses = self
        self._bodies = islice(bodies(script), first, None)

    def tracker(self, _: str) -> Drawn:
        return self

    def track(self, _: object) -> Pose | None:
        return true_pose(next(self._bodies)[1])


class Cut(Silent):
    """Ends an attempt behind its first checkpoint."""

    def kept(self, _: float) -> None:
        raise MemoryError


@pytest.mark.parametrize("exercise", ["hip circle", "auto"])
def test_a_count_goes_on_by_what_was_taught_when_it_began(tmp_path: Path, queue: JobQueue, exercise: str) -> None:
    script = steady("deadlift", 4, fps=10, width=48, height=64)
    encode(render(script), tmp_path / "clip.mp4", script.fps)
    settings = Settings(data_dir=tmp_path)
    keep([replace(exercise_named("deadlift"), name="hip circle", aliases=(), prior=2.0)], settings)

    def count(attempt: Attempt, telling: Any, first: int = 0) -> dict[str, Any]:
        source, tools = open_source(tmp_path / "clip.mp4", settings), cast("Any", Drawn(script, first))
        do_reps(Work(attempt, source, "", "f", settings, telling, tools, telling.admitted))
        done = queue.get(attempt.job.id)
        assert done is not None
        return done.result or {}

    whole, broken = (_claimed(queue, exercise) for _ in range(2))
    told = count(whole, Silent())
    with pytest.raises(MemoryError):
        count(broken, Cut())
    keep([], settings)
    assert (told["exercise"], told["count"]) == ("hip circle", 4)
    assert count(broken, Silent(), BATCH) == told


def _claimed(queue: JobQueue, exercise: str) -> Attempt:
    held = queue.claim(queue.create("reps", {"upload": "u"}, {"exercise": exercise})[0].id, "me")
    assert held is not None
    return Attempt(queue, held)


def test_what_was_removed_from_the_library_is_made_again(tmp_path: Path, begin: Callable[..., Attempt]) -> None:
    settings = Settings(data_dir=tmp_path)
    twin = begin("index").succeed({})
    assert not still_holds(twin, CONTENT, settings)
    with open_library(settings.library_path) as connection:
        library = Library(connection)
        source = library.add_source(CONTENT, "", "a", "tiny.en")
        assert not still_holds(twin, CONTENT, settings)
        library.finish(library.close_transcript(source))
        assert still_holds(twin, CONTENT, settings)
        library.remove_source(CONTENT)
    assert not still_holds(twin, CONTENT, settings)
    counted = begin("reps").succeed({})
    assert still_holds(counted, CONTENT, settings)
    assert not still_holds(counted, CONTENT, settings, keep=True)
    file_report(StoredSource(CONTENT, "", "a", 1.0, None, "", "", "unheard", 0), COUNTED, settings=settings)
    assert not still_holds(counted, CONTENT, settings, keep=True)
    belongings, draft = open_belongings(settings), tmp_path / "draft"
    draft.write_bytes(b"HGP1")
    belongings.poses.keep(CONTENT, draft, lambda: None)
    assert not still_holds(counted, CONTENT, settings, keep=True)
    draft.touch()
    belongings.drawings.keep_count(CONTENT, draft, lambda: None)
    assert still_holds(counted, CONTENT, settings, keep=True)


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, True),
        ({"language": "en"}, True),
        ({"language": "auto", "words": False}, True),
        ({"language": "de"}, False),
        ({"translate": True}, False),
        ({"model": "base"}, False),
    ],
)
def test_the_librarys_transcript_is_taken_only_where_nothing_else_is_asked(options: dict[str, Any], same: bool) -> None:
    known = StoredSource("f", "", "a", 1.0, "en", "tiny.en", "", "ready", 1)
    assert work_module._is_what_is_wanted(known, options) is same


def captioned(tmp_path: Path, queue: JobQueue, captions: Path | None) -> Work:
    job, _ = queue.create("transcript", {"url": "https://example.org/watch"}, {"captions": True, "language": "en"})
    claimed = queue.claim(job.id, "me")
    assert claimed is not None
    silent: Any = Silent()
    settings, tools = Settings(data_dir=tmp_path), Tools(Settings(data_dir=tmp_path), silent.beat)
    attempt = Attempt(queue, claimed)
    return Work(attempt, Source("", "a"), "", "f", settings, silent, tools, silent.admitted, captions)


def test_captions_that_were_asked_for_are_taken_unheard(tmp_path: Path, queue: JobQueue) -> None:
    captions = tmp_path / "a.vtt"
    captions.write_text("WEBVTT\n\n00:01.000 --> 00:02.500\nHello.\n\n00:03.000 --> 00:04.000\nAgain.\n")
    work = captioned(tmp_path, queue, captions)
    do_transcript(work)
    job = queue.get(work.attempt.job.id)
    assert job is not None
    assert job.result == {"task": "transcribe", "language": "en", "duration": 4.0, "model": "captions", "segments": 2}
    assert [(s.start, s.end, s.text) for s in queue.segments(job.id)] == [(1.0, 2.5, "Hello."), (3.0, 4.0, "Again.")]
    assert job.notes == ("The captions of the source were taken; it was not heard.",)


def test_a_source_without_captions_is_heard(tmp_path: Path, queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    class Heard(Exception):
        pass

    def hear(*_: object) -> Any:
        raise Heard

    monkeypatch.setattr(work_module, "_prepare", hear)
    work = captioned(tmp_path, queue, None)
    with pytest.raises(Heard):
        do_transcript(work)
    job = queue.get(work.attempt.job.id)
    assert job is not None
    assert job.notes == ("The source has no captions, so it was heard.",)
