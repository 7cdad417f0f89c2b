"""Sources as the page shows them: their pictures, and the file itself with ranges, as long as it is kept."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.api.conftest import Idle

from halfgig.api.sending import _answer
from halfgig.errors import LibraryError
from halfgig.jobs.attempt import Attempt
from halfgig.operations.library import file_report
from halfgig.records import StoredSource
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from tests.contract.api.conftest import Site

    from halfgig.jobs.job import Job
    from halfgig.jobs.queue import JobQueue

CONTENT = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 1500  # of several blocks
ID = hashlib.sha256(CONTENT).hexdigest()
JPEG = b"\xff\xd8\xff\xe0 a picture"
SQUATS = {
    "exercise": "squat",
    "count": 1,
    "reps": [{"side": "both", "start": 1.0, "end": 2.0, "seconds": 1.0, "range": 90.0, "partial": False}],
    "attempts": [],
}


@pytest.fixture
def kept(site: Site) -> str:
    """The id of an upload that a job was told to keep; its source is in the library."""
    upload = site.upload(CONTENT, "squats.html")
    source = StoredSource(ID, "", "Squats.mp4", 9.0, None, "", "", "unheard", 0)
    file_report(source, SQUATS, settings=site.services.settings, tags=["legs"])
    succeed(site, upload)
    return upload


def succeed(site: Site, upload: str, *, kind: str = "reps") -> str:
    def do(queue: JobQueue) -> str:
        job, _ = queue.create(kind, {"upload": upload, "sha256": ID}, {}, keep_source=True)
        claimed = queue.claim(job.id, "test")
        assert claimed is not None
        attempt = Attempt(queue, claimed)
        attempt.describe(fingerprint=ID)
        attempt.succeed({})
        return job.id

    made: str = site.queue(do)
    return made


def keep_poses(site: Site, content: bytes) -> None:
    draft = site.services.settings.data_dir / "draft"
    draft.write_bytes(content)
    site.services.belongings.poses.keep(ID, draft, lambda: None)


def media(site: Site, **headers: str) -> Any:
    return site.get(f"/sources/{ID}/media", headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_source_tells_what_there_is_of_it(site: Site, kept: str) -> None:
    (told,) = site.get("/sources").json()["sources"]
    assert told == site.get(f"/sources/{ID}").json()
    assert (told["media"], told["thumbnail"]) == (f"/sources/{ID}/media", None)
    assert (told["reps"], told["passages"], told["tags"]) == ({"squat": 1}, 0, ["legs"])
    site.services.belongings.stills.keep(ID, [], JPEG)
    assert site.get(f"/sources/{ID}").json()["thumbnail"] == f"/sources/{ID}/thumbnail"


def test_sources_of_a_tag_are_listed(site: Site, kept: str) -> None:
    with open_library(site.services.settings.library_path) as connection:
        for number in range(3):
            Library(connection).note_source(str(number) * 64, "", "Other", None)
            Library(connection).tag(str(number) * 64, ["talk & more"])
    assert [one["id"] for one in site.get("/sources?tag=legs").json()["sources"]] == [ID]
    told = site.get("/sources", params={"tag": "talk & more", "limit": 2}).json()
    assert len(told["sources"]) == 2
    assert len(site.get(told["next"]).json()["sources"]) == 1
    assert site.get("/sources?tag=nothing").json()["sources"] == []


def test_a_picture_is_shown(site: Site, kept: str) -> None:
    assert site.get(f"/sources/{ID}/thumbnail").status_code == 404
    site.services.belongings.stills.keep(ID, [(1.0, JPEG + b"1"), (5.0, JPEG + b"5")], JPEG)
    shown = site.get(f"/sources/{ID}/thumbnail")
    assert (shown.content, shown.headers["content-type"]) == (JPEG, "image/jpeg")
    known = {"If-None-Match": shown.headers["etag"]}
    assert site.get(f"/sources/{ID}/thumbnail", headers=known).status_code == 304
    assert site.get(f"/sources/{ID}/thumbnail?at=5", headers=known).status_code == 200
    assert site.get(f"/sources/{ID}/thumbnail?at=4.2").content == JPEG + b"5"
    assert site.get(f"/sources/{ID}/thumbnail?at=-1").status_code == 422
    assert site.get(f"/sources/{'b' * 64}/thumbnail").status_code == 404


def test_the_file_itself_is_sent(site: Site, kept: str) -> None:
    whole = media(site)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["content-type"] == "video/mp4"  # whatever its client called it
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-length"] == str(len(CONTENT))
    told = site.ask("HEAD", f"/sources/{ID}/media")
    assert (told.status_code, told.headers["content-length"]) == (200, str(len(CONTENT)))


def test_a_range_of_it_is_sent(site: Site, kept: str) -> None:
    part = media(site, Range="bytes=100-200099")
    assert (part.status_code, part.content) == (206, CONTENT[100:200_100])
    assert part.headers["content-range"] == f"bytes 100-200099/{len(CONTENT)}"
    assert media(site, Range="bytes=-7").content == CONTENT[-7:]
    assert media(site, Range="bytes=0-1,4-5").status_code == 200
    past = media(site, Range=f"bytes={len(CONTENT)}-")
    assert (past.status_code, past.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


def test_a_range_of_another_content_is_not_mixed_in(site: Site, kept: str) -> None:
    tag = media(site).headers["etag"]
    assert media(site, Range="bytes=1-2", If_Range=tag).status_code == 206
    assert media(site, Range="bytes=1-2", If_Range='"other"').status_code == 200
    again = media(site, If_None_Match=f'"x", {tag}')
    assert (again.status_code, again.content) == (304, b"")


def test_a_browser_asks_each_time_whether_it_may_show_what_it_keeps(site: Site, kept: str) -> None:
    site.services.belongings.stills.keep(ID, [], JPEG)
    keep_poses(site, b"HGP1")
    for what in ("media", "thumbnail", "poses"):
        told = site.get(f"/sources/{ID}/{what}")
        assert told.headers["cache-control"] == "private, no-cache"
        again = site.get(f"/sources/{ID}/{what}", headers={"If-None-Match": f"W/{told.headers['etag']}"})
        assert (again.status_code, again.headers["cache-control"]) == (304, "private, no-cache")


def test_what_takes_the_place_of_a_file_is_not_mixed_with_it(
    site: Site, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_poses(site, b"HGP1 old")

    def answer(*arguments: Any) -> Any:
        keep_poses(site, b"HGP1 the new ones")
        return _answer(*arguments)

    monkeypatch.setattr("halfgig.api.sending._answer", answer)
    first = site.get(f"/sources/{ID}/poses")
    assert first.content == b"HGP1 old"
    second = site.get(f"/sources/{ID}/poses", headers={"If-None-Match": first.headers["etag"]})
    assert second.content == b"HGP1 the new ones"


def test_what_was_not_kept_is_told_so(site: Site, kept: str) -> None:
    with open_library(site.services.settings.library_path) as connection:
        Library(connection).note_source("c" * 64, "https://example.org/a.mp4", "Other", None)
    missing = site.get(f"/sources/{'c' * 64}/media")
    assert (missing.status_code, "keep_source" in missing.json()["remedy"]) == (404, True)
    assert site.get(f"/sources/{'d' * 64}/media").status_code == 404


def test_two_jobs_share_what_is_kept(site: Site, kept: str) -> None:
    second = succeed(site, kept, kind="index")
    assert site.ask("DELETE", f"/jobs/{second}").status_code == 204
    assert media(site).status_code == 200
    (job,) = site.get("/jobs").json()["jobs"]
    assert site.ask("DELETE", f"/jobs/{job['id']}").status_code == 204
    assert media(site).status_code == 404
    assert site.get(f"/sources/{ID}").json()["media"] is None


def test_what_is_kept_goes_with_its_source(site: Site, kept: str) -> None:
    succeed(site, kept, kind="index")
    site.services.belongings.stills.keep(ID, [], JPEG)
    assert site.ask("DELETE", f"/sources/{ID}").status_code == 204
    assert site.get(f"/uploads/{kept}").status_code == 404
    assert site.services.belongings.sources() == set()
    assert len(site.get("/jobs").json()["jobs"]) == 2


@pytest.mark.parametrize("place", ["halfgig.api.library.let_go", "halfgig.jobs.searcher.Searcher.forget"])
def test_forgetting_that_was_cut_off_can_be_asked_again(
    site: Site, kept: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_off(*_: Any) -> None:
        raise LibraryError("The disk is gone.", "Bring it back.")

    with monkeypatch.context() as patched:
        patched.setattr(place, cut_off)
        assert site.ask("DELETE", f"/sources/{ID}").status_code == 503
    assert site.ask("DELETE", f"/sources/{ID}").status_code == 204
    assert site.get(f"/uploads/{kept}").status_code == 404
    assert site.ask("DELETE", f"/sources/{ID}").status_code == 404


def test_a_source_is_forgotten_once_nobody_works_on_it(site: Site, kept: str) -> None:
    def begin(queue: JobQueue) -> Job:
        job, _ = queue.create("reps", {"upload": kept, "sha256": ID}, {}, keep_source=True)
        claimed = queue.claim(job.id, "test")
        assert claimed is not None
        return claimed

    supervisor = Ending(site, site.queue(begin))
    site.services.supervisor = supervisor
    assert site.ask("DELETE", f"/sources/{ID}").status_code == 204
    assert supervisor.seen == [("cancelled", True)] * 3  # the third time there was no worker any more
    assert site.get(f"/uploads/{kept}").status_code == 404


class Ending(Idle):
    """A supervisor whose worker ends after two looks; `seen` are the job's state and whether the source is known."""

    def __init__(self, site: Site, job: Job) -> None:
        self.restarts, self.leases = {}, ()
        self._site, self._job = site, job
        self.seen: list[tuple[str, bool]] = []

    @property
    def children(self) -> Any:  # type: ignore[override]
        job = self._site.queue(lambda queue: queue.get(self._job.id))
        with open_library(self._site.services.settings.library_path) as connection:
            self.seen.append((str(job.state), Library(connection).source(ID) is not None))
        return [SimpleNamespace(job=self._job)] if len(self.seen) < 3 else []


def test_an_upload_that_was_taken_away_is_not_promised(site: Site, kept: str) -> None:
    site.services.uploads.remove(kept)
    assert site.get(f"/sources/{ID}").json()["media"] is None
    assert media(site).status_code == 404


def test_the_report_of_a_source_is_told(site: Site, kept: str) -> None:
    told = site.get(f"/sources/{ID}/reps")
    assert told.json()["exercise"] == "squat"
    assert told.headers["content-disposition"] == 'attachment; filename="Squats.json"'
    with open_library(site.services.settings.library_path) as connection:
        Library(connection).note_source("c" * 64, "", "Other", None)
    assert site.get(f"/sources/{'c' * 64}/reps").status_code == 404
    assert site.get(f"/sources/{ID}/reps?format=srt").status_code == 415


def test_poses_are_sent_where_they_are_kept(site: Site, kept: str) -> None:
    assert site.get(f"/sources/{ID}").json()["poses"] is None
    missing = site.get(f"/sources/{ID}/poses")
    assert (missing.status_code, "keep_source" in missing.json()["remedy"]) == (404, True)
    keep_poses(site, b"HGP1 and more")
    told = site.get(site.get(f"/sources/{ID}").json()["poses"])
    assert (told.content, told.headers["content-type"]) == (b"HGP1 and more", "application/octet-stream")
    assert site.get(f"/sources/{ID}/poses", headers={"If-None-Match": told.headers["etag"]}).status_code == 304
    assert site.get(f"/sources/{ID}/poses", headers={"Range": "bytes=0-3"}).content == b"HGP1"
    assert site.get("/sources/none/poses").status_code == 404
    site.ask("DELETE", f"/sources/{ID}")
    assert site.services.belongings.sources() == set()
