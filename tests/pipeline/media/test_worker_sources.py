"""A worker's sources: what it recognises in them, from one attempt to the next, and what it keeps and tells of them."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import MIB
from halfgig.jobs.job import State
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.wire import Order
from halfgig.jobs.worker import CHANGED, Discreet, Worker
from halfgig.media.ranges import BUFFER
from halfgig.records import Segment
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.jobs.job import Job
    from halfgig.jobs.work import Work

SPOKEN = Segment(0.0, 1.0, "Hello.")


class Killed(BaseException):
    """The worker's end, as far as a test survives it."""


class Bench:
    """A worker on a real queue, whose work is a stub: it notes what it was given, and breaks off or succeeds."""

    def __init__(self, queue: JobQueue, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queue, self.told = queue, list[dict[str, Any]]()
        self.given: list[Work] = []
        self.breaks = False
        settings = Settings(data_dir=folder, allowed_hosts="127.0.0.1")
        self.worker = Worker(queue, settings, self)  # type: ignore[arg-type]  # it sends, and that is all
        monkeypatch.setattr("halfgig.jobs.work.do", self._do)

    def send(self, message: dict[str, Any]) -> None:
        self.told.append(message)

    def make(self, **source: Any) -> Job:
        return self.queue.create("transcript", source, {})[0]

    def limit(self, **settings: Any) -> None:
        self.worker._settings = replace(self.worker._settings, **settings)

    def run(self, job: Job, *, breaks: bool = False) -> Job:
        """One attempt."""
        self.breaks = breaks
        claimed = self.queue.claim(job.id, "me")
        assert claimed is not None
        with suppress(Killed):
            self.worker.take(Order(job.id, claimed.attempt, 512 * MIB))
        if breaks:
            self.queue.release_all("The server was stopped.")
        now = self.queue.get(job.id)
        assert now is not None
        return now

    def _do(self, work: Work) -> None:
        self.given.append(work)
        if self.breaks:
            work.attempt.checkpoint({"position": 1.0}, segments=[SPOKEN])
            raise Killed
        work.attempt.succeed({"segments": work.attempt.count("segment")})


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with JobQueue(tmp_path / "jobs.db") as queue:
        yield Bench(queue, tmp_path, monkeypatch)


@pytest.fixture
def sound(studio: Any, tmp_path: Path) -> bytes:
    content: bytes = studio.write(tmp_path / "a.wav", studio.sound()).read_bytes()
    return content


# --- from one attempt to the next


def test_a_job_goes_on_where_the_content_is_the_same(bench: Bench, serve: Any, sound: bytes) -> None:
    job = bench.make(url=serve(lambda request: request.give(sound)).address)
    bench.run(job, breaks=True)
    done = bench.run(job)
    assert (done.state, done.result, done.notes) == (State.SUCCEEDED, {"segments": 1}, ())


@pytest.mark.parametrize("etags", [('"1"', '"2"'), ("", "")])
def test_a_job_begins_anew_where_the_content_has_changed(
    bench: Bench, serve: Any, sound: bytes, etags: tuple[str, str]
) -> None:
    first, second = etags
    content, etag = [sound], [first]
    web = serve(lambda request: request.give(content[0], etag=etag[0]))
    job = bench.make(url=web.address)
    before = bench.run(job, breaks=True).fingerprint
    content[0], etag[0] = sound + b"more", second
    done = bench.run(job)
    assert (done.state, done.result, done.notes) == (State.SUCCEEDED, {"segments": 0}, (CHANGED,))
    assert done.fingerprint == bench.given[-1].fingerprint != before


def test_the_same_content_is_not_heard_twice_where_its_server_tells_a_version(
    bench: Bench, serve: Any, sound: bytes
) -> None:
    web = serve(lambda request: request.give(sound))
    first, second = (bench.run(bench.make(url=web.address)) for _ in range(2))
    assert (len(bench.given), second.fingerprint) == (1, first.fingerprint)


def test_content_of_no_version_is_taken_for_no_other(bench: Bench, serve: Any, sound: bytes) -> None:
    web = serve(lambda request: request.give(sound, etag=""))
    jobs = [bench.make(url=web.address) for _ in range(2)]
    bench.run(jobs[1], breaks=True)
    first, second = map(bench.run, jobs)
    assert len(bench.given) == 3
    assert first.fingerprint != second.fingerprint
    assert second.result == {"segments": 1}


def test_an_upload_is_not_hashed_where_its_hash_is_known(bench: Bench, tmp_path: Path, sound: bytes) -> None:
    for name in ("one", "two"):
        folder = tmp_path / "uploads" / name
        folder.mkdir(parents=True)
        (folder / "data").write_bytes(sound)
    assert bench.run(bench.make(upload="one", sha256="known")).fingerprint == "known"
    assert bench.run(bench.make(upload="two")).fingerprint == hashlib.sha256(sound).hexdigest()


# --- while it is fetched


def test_it_tells_that_it_lives_while_a_source_is_stored_and_hashed(
    bench: Bench, serve: Any, sound: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halfgig.jobs.telling.EVERY", 0.0)
    content = sound + bytes(3_000_000)
    assert bench.run(bench.make(url=serve(lambda request: request.send(200, content)).address)).result
    beats = [told for told in bench.told if told.get("progress", {}).get("stage") == "fetching"]
    assert len(beats) > 2 * (len(content) // BUFFER)


def test_what_passes_the_quota_is_tried_again_when_there_may_be_room(bench: Bench, serve: Any, sound: bytes) -> None:
    bench.limit(disk_quota_mb=1)
    content = sound + bytes(12_000_000)
    bench.run(bench.make(url=serve(lambda request: request.send(200, content)).address))
    failure = bench.told[-1]["failure"]
    assert (failure["reason"], failure["status"], failure["error"]) == ("unavailable", 507, "storage-full")
    assert "DISK_QUOTA_MB" in failure["remedy"]
    assert list((bench.worker._settings.fetched_dir).iterdir()) == []


# --- what is kept and told


def test_the_library_gets_an_address_without_what_only_its_owner_knows(bench: Bench, serve: Any, sound: bytes) -> None:
    web = serve(lambda request: request.give(sound))
    for query, kept in (("?v=1", "?v=1"), ("?v=1&sig=secret", "")):
        bench.run(bench.make(url=f"{web.address.replace('//', '//me:secret@')}/a.wav{query}"))
        assert bench.given[-1].address == f"{web.address}/a.wav{kept}"
    path, headers = web.asked[-1]
    assert path == "/a.wav?v=1&sig=secret"
    assert "Authorization" in headers


def test_a_traceback_in_the_log_has_no_login() -> None:
    try:
        raise ValueError("https://me:secret@a.example/b?sig=secret")
    except ValueError as error:
        record = logging.LogRecord("halfgig", logging.ERROR, "", 0, "it broke", None, (ValueError, error, None))
    told = Discreet("%(message)s").format(record)
    assert "https://a.example/b" in told
    assert "secret" not in told
