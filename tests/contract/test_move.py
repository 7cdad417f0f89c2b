"""A library and its jobs moved from files into a Postgres: whole, once, and the same on both sides."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.contract.test_whole_library import REPORT, SQUATS, fill
from tests.fakes.databases import library_at

from halfgig.cli import main
from halfgig.errors import BadRequest
from halfgig.jobs.attempt import Attempt
from halfgig.jobs.deliveries import Deliveries
from halfgig.jobs.home import home_of
from halfgig.jobs.job import State
from halfgig.jobs.moving import move_jobs
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.sole import sole_server
from halfgig.operations.dump import dump
from halfgig.operations.library import file_report, forget
from halfgig.operations.moving import move_library
from halfgig.operations.upkeep import check
from halfgig.records import Segment
from halfgig.settings import Settings
from halfgig.store.belongings import Belongings
from halfgig.store.blob_file import WholeFile
from halfgig.store.blob_shelf import BlobShelf
from halfgig.store.blobs import open_blobs
from halfgig.store.carrying_belongings import carry_belongings
from halfgig.store.drawings import Drawing, Drawn
from halfgig.store.edits import Edits
from halfgig.store.folder_blobs import FolderBlobs
from halfgig.store.library import Library
from halfgig.store.place import open_belongings
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.s3 import Front

    from halfgig.jobs.job import Job


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> Settings:
    """What is to move: a library with four sources, of which one is half done."""
    files = Settings(data_dir=tmp_path)
    file_report(SQUATS, REPORT, settings=files, tags=["legs"])
    with library_at(files.library_path) as database:
        fill(database)
    return Settings(data_dir=tmp_path, database_url=postgres_url)


def jobs(settings: Settings) -> list[Job]:
    """One that has ended, one that is at work, and one that waits for its upload."""
    with JobQueue(settings.data_dir / "jobs.db") as queue:
        made = [queue.create("transcript", {"url": "http://a/b"}, {}, idempotency_key=key)[0] for key in ("a", "b")]
        for job in made:
            claimed = queue.claim(job.id, "me")
            assert claimed is not None
            Attempt(queue, claimed).checkpoint({"at": 1}, segments=[Segment(0, 1, "Hello \0.")], batch=b"\0\xff")
            if job is made[0]:
                Attempt(queue, claimed).succeed({"text": "Hello."})
        made.append(queue.create("index", {"upload": "u" * 26}, {})[0])
        return list(filter(None, (queue.get(job.id) for job in made)))


class TestLibrary:
    def test_it_is_the_same_there_and_moved_once(self, settings: Settings) -> None:
        far = move_library(settings)
        assert (far.moved, far.passages, far.known, far.waiting, far.other, far.broken) == (4, 10, 0, 0, [], [])
        with library_at(settings.library_path) as here, library_at(settings.database_url) as there:
            assert list(dump(there)) == list(dump(here))
            assert Edits(there).stale() == Edits(here).stale() == {"b" * 64: 1}
            assert list(check(there)) == []
        again = move_library(settings)
        assert (again.moved, again.known, again.other) == (0, 4, [])

    def test_one_that_was_cut_off_goes_on(self, settings: Settings) -> None:
        class Cut(Exception):
            pass

        def cut(_: object) -> None:
            raise Cut

        with pytest.raises(Cut):
            move_library(settings, watch=cut)
        far = move_library(settings)
        assert (far.moved, far.known, far.other) == (3, 1, [])

    def test_what_is_being_worked_on_waits(self, settings: Settings) -> None:
        far = move_library(settings, unfinished=False)
        assert (far.moved, far.waiting) == (3, 1)
        with library_at(settings.database_url) as there:
            assert "d" * 64 not in {source.id for source in Library(there).sources()}

    def test_what_has_changed_there_is_left_alone_and_told(self, settings: Settings) -> None:
        move_library(settings)
        with library_at(settings.database_url) as there:
            Edits(there).change("a" * 64, 0, "A horse")
            forget(there, "c" * 64)
        far = move_library(settings)
        assert (far.moved, far.known, far.other) == (1, 3, ["a" * 64])
        with library_at(settings.database_url) as there:
            assert next(Library(there).segments("a" * 64)).text == "A horse"

    def test_vectors_that_are_elsewhere_have_to_come_first(self, settings: Settings) -> None:
        with library_at(settings.library_path) as here:
            here.execute("INSERT INTO index_ledger VALUES ('qdrant', ?, 'e', 'current', 3, 1)", ("d" * 64,))
        with pytest.raises(BadRequest, match="outside"):
            move_library(settings)


class TestJobs:
    def test_they_are_the_same_there_and_go_on(self, settings: Settings) -> None:
        ended, running, waiting = jobs(settings)
        far = move_jobs(settings)
        assert (far.moved, far.known, far.waiting, far.broken) == (3, 0, 0, [])
        with JobQueue(settings.database_url) as queue:
            assert queue.get(ended.id) == ended
            assert [segment.text for segment in queue.segments(ended.id)] == ["Hello \0."]
            moved = queue.get(waiting.id)
            assert moved is not None
            assert (moved.place, moved.state) == (home_of(settings.data_dir), State.QUEUED)
            queue.release_expired()
            queue.clock = lambda: running.created_at + 10_000
            queue.release_expired()
            claimed = queue.claim(running.id, "other")
            assert claimed is not None
            attempt = Attempt(queue, claimed)
            assert (attempt.checkpointed(), list(attempt.batches())) == ({"at": 1}, [b"\0\xff"])
        again = move_jobs(settings)
        assert (again.known, again.moved, again.other) == (3, 0, [running.id])

    def test_a_webhook_that_is_owed_is_owed_by_one(self, settings: Settings) -> None:
        with JobQueue(settings.data_dir / "jobs.db") as queue:
            job, _ = queue.create("index", {"url": "http://a/b"}, {}, callback_url="http://a/hook")
            queue.cancel(job.id)
        far = move_jobs(settings, unfinished=False)
        assert (far.moved, far.waiting) == (0, 1)
        with JobQueue(settings.data_dir / "jobs.db") as queue:
            Deliveries(queue).failed(Deliveries(queue).claim(1)[0].id, "Gone.", None)
        far = move_jobs(settings, unfinished=False)
        assert (far.moved, far.waiting) == (1, 0)

    def test_a_drawing_is_for_the_machine_that_has_the_poses(self, settings: Settings) -> None:
        with JobQueue(settings.data_dir / "jobs.db") as queue:
            job = queue.draw({"source": "s", "title": "S"}, "plot.svg")
        move_jobs(settings)
        with JobQueue(settings.database_url) as queue:
            moved = queue.get(job.id)
            assert moved is not None
            assert moved.place == home_of(settings.data_dir)

    def test_a_key_that_another_machine_has_used_is_its_own(self, settings: Settings) -> None:
        with JobQueue(settings.database_url) as queue:
            theirs, _ = queue.create("transcript", {"url": "http://c/d"}, {}, idempotency_key="a")
        ended, *_ = jobs(settings)
        assert move_jobs(settings).broken == []
        with JobQueue(settings.database_url) as queue:
            keys = {job.id: job.idempotency_key for one in (theirs, ended) if (job := queue.get(one.id))}
        assert keys == {theirs.id: "a", ended.id: None}


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
class TestCommand:
    def test_what_was_moved_is_told(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        *_, waiting = jobs(settings)
        with sole_server(settings.data_dir):
            assert main(["db", "move", "sqlite", "postgres"]) == 0
        told = capsys.readouterr()
        assert told.out == "Moved 3 sources (10 passages) and 1 job.\n"
        assert "1 source and 2 jobs are being worked on, or owe a webhook" in told.err
        assert main(["db", "move", "sqlite", "postgres"]) == 0
        assert capsys.readouterr().out == (
            "Moved 1 source (0 passages) and 2 jobs.\n3 sources and 1 job were there already.\n"
        )
        with JobQueue(settings.database_url) as queue:
            queue.cancel(waiting.id)
        assert main(["db", "move", "sqlite", "postgres"]) == 0
        assert f"not as here: {waiting.id}\n" in capsys.readouterr().err


COMMAND = ["db", "move", "sqlite", "postgres"]


@pytest.mark.usefixtures("environment")
class TestUploads:
    """Those of BLOB_URL become the new queue's, and those of the disk go there."""

    @pytest.fixture(params=["folder", "s3"])
    def shelf(
        self,
        request: pytest.FixtureRequest,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        s3_of_all: Front | None,
    ) -> BlobShelf:
        front: Front | None = None if request.param == "folder" else request.getfixturevalue("s3")
        url = front.make_bucket() if front else f"file://{tmp_path}/shared"
        monkeypatch.setenv("BLOB_URL", url)
        return BlobShelf(open_blobs(url), tmp_path / "staging")

    @pytest.fixture
    def old(self, settings: Settings) -> str:
        with JobQueue(settings.data_dir / "jobs.db") as queue:
            return queue.identity()

    @pytest.fixture
    def new(self, settings: Settings) -> str:
        with JobQueue(settings.database_url) as queue:
            return queue.identity()

    def test_the_storage_of_the_old_queue_becomes_the_new_ones(
        self, settings: Settings, shelf: BlobShelf, old: str, new: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        *_, waiting = jobs(settings)
        shelf.own(old)
        with sole_server(settings.data_dir):
            assert main(COMMAND) == 0
            assert "What is at BLOB_URL is still the server's of this folder. Stop" in capsys.readouterr().err
            shelf.own(old)
        assert main(COMMAND) == 0
        shelf.own(new)
        assert main(COMMAND) == 0  # and again, as after a kill
        shelf.own(new)
        with JobQueue(settings.database_url) as queue:
            moved = queue.get(waiting.id)
            assert moved is not None
            assert moved.place == ""

    def test_what_belongs_to_sources_goes_there_and_drawings_are_made_by_any_machine(
        self, settings: Settings, shelf: BlobShelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        here, there = Belongings(FolderBlobs(tmp_path)), Belongings(shelf._blobs)
        source_id, draft = "a" * 64, tmp_path / "draft"
        here.stills.keep(source_id, [(1.0, b"still")], b"poster")
        draft.write_bytes(b"poses")
        here.poses.keep(source_id, draft, lambda: None)
        draft.write_bytes(b"count")
        here.drawings.keep_count(source_id, draft, lambda: None)
        draft.write_bytes(b"plot")
        here.drawings.keep(Drawn(source_id, here.drawings.version(source_id) or "", Drawing.PLOT), draft, lambda: None)
        with JobQueue(settings.data_dir / "jobs.db") as queue:
            job = queue.draw({"source": source_id, "title": "A"}, Drawing.TABLE)
        assert main(COMMAND) == 0
        assert "Moved 5 files of pictures, poses and drawings to BLOB_URL.\n" in capsys.readouterr().out
        for one in (here, there):
            kept = [
                *(one.stills.poster(source_id), one.stills.near(source_id, 1.0), one.poses.find(source_id)),
                *(one.drawings.count(source_id), one.drawings.find(source_id, Drawing.PLOT)),
            ]
            assert [file.read_bytes() for file in kept if file] == [b"poster", b"still", b"poses", b"count", b"plot"]
        with JobQueue(settings.database_url) as queue:
            assert (moved := queue.foremost("any other")) is not None
            assert moved.id == job.id
        assert main(COMMAND) == 0  # and again, as after a kill
        assert "pictures" not in capsys.readouterr().out

    def test_a_drawing_of_a_count_that_is_not_there_stays_here(
        self, shelf: BlobShelf, tmp_path: Path, settings: Settings
    ) -> None:
        here, there = (Belongings(blobs).drawings for blobs in (FolderBlobs(tmp_path), shelf._blobs))
        source_id, draft = "a" * 64, tmp_path / "draft"

        def carry() -> int:
            return carry_belongings(tmp_path, shelf._blobs, settings.fetched_dir / "carried", lambda: None, str)

        def count(report: bytes) -> None:
            draft.write_bytes(report)
            here.keep_count(source_id, draft, lambda: None)

        count(b"count")
        assert carry() == 1
        count(b"anew!")
        draft.write_bytes(b"plot of it")
        here.keep(Drawn(source_id, here.version(source_id) or "", Drawing.PLOT), draft, lambda: None)
        assert carry() == 0
        kept = there.count(source_id)
        assert kept is not None
        assert kept.read_bytes() == b"count"
        assert there.find(source_id, Drawing.PLOT) is None

    def test_what_is_sent_takes_no_room_and_takes_the_place_of_what_a_killed_move_left(
        self, shelf: BlobShelf, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scratch, blobs = settings.fetched_dir / "carried", shelf._blobs
        take, sent = blobs.take, list[bool]()

        def noting(key: str, draft: Path, *more: Any) -> None:
            sent.append(draft.samefile(tmp_path / key))
            take(key, draft, *more)

        Belongings(FolderBlobs(tmp_path)).stills.keep("a" * 64, [(1.0, b"still")], b"poster")
        scratch.parent.mkdir()
        scratch.write_bytes(b"left")
        monkeypatch.setattr(blobs, "take", noting)
        assert carry_belongings(tmp_path, blobs, scratch, lambda: None, str) == 2
        assert (sent, scratch.exists()) == ([True, True], False)

    def test_a_drawing_is_downloaded_there_under_the_title_of_its_source(
        self, settings: Settings, s3: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BLOB_URL", s3.make_bucket())
        here, draft = Belongings(FolderBlobs(tmp_path)).drawings, tmp_path / "draft"
        draft.write_bytes(b"count")
        here.keep_count(SQUATS.id, draft, lambda: None)
        draft.write_bytes(b"plot")
        here.keep(Drawn(SQUATS.id, here.version(SQUATS.id) or "", Drawing.PLOT), draft, lambda: None)
        assert main(COMMAND) == 0
        there = open_belongings(replace(settings, blob_url=os.environ["BLOB_URL"]))
        kept = there.drawings.find(SQUATS.id, Drawing.PLOT)
        assert isinstance(kept, WholeFile)
        told = httpx.get(kept.link(60) or "")
        assert told.headers["content-disposition"] == 'attachment; filename="Squats.plot.png"'

    def test_that_of_a_third_queue_is_refused_before_anything_is_moved(
        self, settings: Settings, shelf: BlobShelf, capsys: pytest.CaptureFixture[str]
    ) -> None:
        jobs(settings)
        shelf.own("a third")
        assert main(COMMAND) != 0
        assert "Another queue owns the uploads at BLOB_URL." in capsys.readouterr().err
        shelf.own("a third")
        with JobQueue(settings.database_url) as queue, library_at(settings.database_url) as there:
            assert (queue.counts(), list(Library(there).sources())) == ({}, [])

    def test_uploads_of_the_disk_go_there_and_their_jobs_to_any_machine(
        self, settings: Settings, shelf: BlobShelf, new: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        disk = UploadStore(settings.uploads_dir)
        upload, half = disk.create("talk.mp4", 5), disk.create("half.mp4", 5)
        for one, data in ((upload, b"Hello"), (half, b"Hel")):
            with disk.append(one.id, 0) as writer:
                writer.append(data)
        with JobQueue(settings.data_dir / "jobs.db") as queue:
            job, _ = queue.create("index", {"upload": upload.id}, {})
        assert main(COMMAND) == 0
        told = capsys.readouterr()
        assert "Moved 1 upload to BLOB_URL.\n" in told.out
        assert "Not complete, and not moved: 1 upload." in told.err
        there = UploadStore(shelf)
        assert [one.id for one in there.uploads()] == [upload.id]
        assert (there.facts(upload.id).title, there.open(upload.id).read_bytes()) == ("talk.mp4", b"Hello")
        shelf.own(new)
        with JobQueue(settings.database_url) as queue:
            assert (moved := queue.foremost("any other")) is not None
            assert moved.id == job.id
