"""What is drawn of a count: asked for, listed, sent, and gone with its source or its count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from halfgig.api import drawings as routes
from halfgig.api.upkeep import remove_homeless
from halfgig.errors import MIB
from halfgig.jobs.attempt import Attempt
from halfgig.jobs.job import State
from halfgig.operations.library import file_report
from halfgig.records import StoredSource
from halfgig.store.drawings import Drawing, Drawn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.api.conftest import Site
    from tests.fakes.s3 import Front

    from halfgig.jobs.job import Job
    from halfgig.jobs.queue import JobQueue

ID = "d" * 64
HERE = f"/sources/{ID}/drawings"
SQUATS = {"exercise": "squat", "count": 0, "reps": [], "attempts": []}


@pytest.fixture(params=["disk", "s3"])
def site(request: pytest.FixtureRequest, open_site: Any, s3_of_all: Front | None) -> Iterator[Site]:
    url = request.getfixturevalue("s3").make_bucket() if request.param == "s3" else ""
    with open_site(blob_url=url) as opened:
        yield opened


@pytest.fixture
def counted(site: Site) -> str:
    """A source of which the upload and the count were kept; the id of the upload."""
    file_source(site)
    keep_count(site)
    upload = site.upload(b"video", "squats.mp4")

    def do(queue: JobQueue) -> None:
        job, _ = queue.create("reps", {"upload": upload, "sha256": ID}, {}, keep_source=True)
        claimed = queue.claim(job.id, "test")
        assert claimed is not None
        attempt = Attempt(queue, claimed)
        attempt.describe(fingerprint=ID)
        attempt.succeed({})

    site.queue(do)
    return upload


def file_source(site: Site) -> None:
    source = StoredSource(ID, "", "Squats.mp4", 9.0, None, "", "", "unheard", 0)
    file_report(source, SQUATS, settings=site.services.settings, always=True)


def keep_count(site: Site, content: bytes = b"a count") -> None:
    site.services.belongings.drawings.keep_count(ID, draft(site, content), lambda: None)


def draft(site: Site, content: bytes) -> Path:
    path = site.services.settings.data_dir / "draft"
    path.write_bytes(content)
    return path


def draw(site: Site, drawing: Drawing, content: bytes, version: str | None = None) -> None:
    """What a worker leaves."""
    drawings = site.services.belongings.drawings
    drawn = Drawn(ID, version or drawings.version(ID) or "none", drawing, "Squats.mp4")
    drawings.keep(drawn, draft(site, content), lambda: None)


def test_a_drawing_is_made_by_a_job_and_sent(site: Site, counted: str) -> None:
    missing = site.get(f"{HERE}/overlay.mp4")
    assert (missing.status_code, missing.json()["remedy"]) == (404, f"POST {HERE}/overlay.mp4 has it made.")
    made = site.post(f"{HERE}/overlay.mp4")
    job = made.json()
    assert (made.status_code, made.headers["location"]) == (202, f"/jobs/{job['id']}")
    assert (job["kind"], job["options"], job["source_id"], job["position"]) == (
        "drawing",
        {"drawing": "overlay.mp4"},
        ID,
        0,
    )
    assert job["source"] == {"source": ID, "title": "Squats.mp4", "upload": counted}
    assert set(job["links"]) == {"self", "events", "result"}
    assert site.get(job["links"]["result"]).status_code == 409
    assert site.post(f"{HERE}/overlay.mp4").json()["id"] == job["id"]
    assert site.post(f"{HERE}/plot.png").json()["id"] != job["id"]
    draw(site, Drawing.OVERLAY, b"0123456789")
    succeed(site, job["id"])
    for address in (job["links"]["result"], f"{HERE}/overlay.mp4"):
        told = site.get(address)
        assert (told.content, told.headers["content-type"]) == (b"0123456789", "video/mp4")
        assert told.headers["content-disposition"] == 'attachment; filename="Squats.overlay.mp4"'
    part = site.get(f"{HERE}/overlay.mp4", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    head = site.ask("HEAD", f"{HERE}/overlay.mp4")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10", b"")
    assert site.get(f"{HERE}/overlay.mp4", headers={"If-None-Match": head.headers["etag"]}).status_code == 304
    again = site.post(f"{HERE}/overlay.mp4").json()["id"]
    assert again != job["id"]
    assert site.ask("DELETE", f"{HERE}/overlay.mp4").status_code == 204
    assert site.ask("DELETE", f"{HERE}/overlay.mp4").status_code == 204
    assert site.get(f"{HERE}/overlay.mp4").status_code == 404


def succeed(site: Site, job_id: str) -> None:
    def do(queue: JobQueue) -> Job:
        claimed = queue.claim(job_id, "test")
        assert claimed is not None
        return Attempt(queue, claimed).succeed({})

    site.queue(do)


def test_what_there_is_and_why_something_cannot_be_is_listed(
    site: Site, counted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(site, Drawing.PLOT, b"png")
    at_it = site.post(f"{HERE}/landmarks.csv").json()["id"]
    told = {row["name"]: row for row in site.get(HERE).json()["drawings"]}
    assert list(told) == ["plot.png", "overlay.mp4", "landmarks.csv", "landmarks.parquet"]
    assert {row["obstacle"] for row in told.values()} == {None}
    assert (told["plot.png"]["bytes"], told["overlay.mp4"]["bytes"]) == (3, None)
    assert (told["landmarks.csv"]["job"], told["plot.png"]["job"]) == (f"/jobs/{at_it}", None)
    assert told["plot.png"]["address"] == f"{HERE}/plot.png"
    site.services.uploads.remove(counted)
    monkeypatch.setattr(routes, "parquet_is_here", lambda: False)
    told = {row["name"]: row["obstacle"] for row in site.get(HERE).json()["drawings"]}
    assert (told["plot.png"], told["landmarks.csv"]) == (None, None)
    for name, words in (("overlay.mp4", "video itself was not kept"), ("landmarks.parquet", "not installed")):
        assert words in told[name]
        assert site.post(f"{HERE}/{name}").status_code == 409
        assert words in site.post(f"{HERE}/{name}").json()["detail"]
    assert site.post(f"{HERE}/plot.png").status_code == 202


def test_without_poses_nothing_is_drawn(site: Site) -> None:
    assert [site.ask(method, f"{HERE}/plot.png").status_code for method in ("GET", "POST", "DELETE")] == [404] * 3
    assert site.get(HERE).status_code == 404
    file_source(site)
    refused = site.post(f"{HERE}/plot.png")
    assert (refused.status_code, "keep_source" in refused.json()["remedy"]) == (409, True)
    assert site.post(f"{HERE}/portrait.png").status_code == 422


def test_what_was_drawn_of_an_earlier_count_is_not_taken_for_the_newest(site: Site, counted: str) -> None:
    draw(site, Drawing.PLOT, b"old")
    old = site.services.belongings.drawings.version(ID)
    keep_count(site, b"another count")
    assert site.get(f"{HERE}/plot.png").status_code == 404
    draw(site, Drawing.PLOT, b"new")
    draw(site, Drawing.PLOT, b"old", old)
    assert site.get(f"{HERE}/plot.png").content == b"new"


def test_drawings_go_with_their_source_and_jobs_on_them_end(site: Site, counted: str) -> None:
    draw(site, Drawing.PLOT, b"png")
    job = site.post(f"{HERE}/overlay.mp4").json()["id"]
    assert site.ask("DELETE", f"/sources/{ID}").status_code == 204
    assert site.services.belongings.sources() == set()
    assert site.get(f"/jobs/{job}").json()["state"] == State.CANCELLED
    assert site.get(f"/jobs/{job}/result").status_code == 409


def test_drawings_of_what_nobody_knows_go(site: Site) -> None:
    keep_count(site)
    remove_homeless(site.services)
    assert site.services.belongings.sources() == set()


def test_poses_and_what_is_fetched_count_against_the_quota(open_site: Any) -> None:
    with open_site(disk_quota_mb=3) as site:
        file_source(site)  # what belongs to nobody is swept
        site.services.belongings.poses.keep(ID, draft(site, bytes(MIB)), lambda: None)
        job, _ = site.queue(lambda queue: queue.create("reps", {"url": "https://example.org/a.mp4"}, {}))
        fetched = site.services.settings.fetched_dir / job.id
        fetched.mkdir(parents=True)
        (fetched / "source.part").write_bytes(bytes(MIB))
        told = site.post("/plan", json={"kind": "transcript", "size": MIB + 1}).json()
        assert (told["refused_by"], told["limit"]) == ("disk", MIB)
        assert site.post("/plan", json={"kind": "transcript", "size": MIB}).json()["refused_by"] != "disk"


def test_drawings_count_against_the_quota(open_site: Any) -> None:
    with open_site(disk_quota_mb=1) as site:
        file_source(site)
        keep_count(site)
        length = {"Upload-Length": str(1024 * 1024), "Tus-Resumable": "1.0.0"}
        refused = site.post("/uploads", headers=length)
        assert (refused.status_code, "uploads, drawings and what is fetched" in refused.json()["detail"]) == (507, True)
        assert site.get("/operations").json()["disk"]["drawings_bytes"] == len(b"a count")
        site.ask("DELETE", f"/sources/{ID}")
        assert site.post("/uploads", headers=length).status_code == 201


@pytest.mark.parametrize("size", [10, 9 * MIB])  # of one request, and of several
def test_a_download_is_answered_by_a_link_where_that_is_asked_for(open_site: Any, s3: Front, size: int) -> None:
    with open_site(blob_url=s3.make_bucket(), blob_links=True) as site:
        file_source(site)
        keep_count(site)
        draw(site, Drawing.OVERLAY, bytes(size))
        told = site.get(f"{HERE}/overlay.mp4")
        link = told.headers["location"]
        assert (told.status_code, told.content, told.headers["cache-control"]) == (307, b"", "no-store")
        assert (link.startswith(s3.address), "X-Amz-Expires=900" in link) == (True, True)
        whole = httpx.get(link)  # without any key
        assert (whole.status_code, whole.content) == (200, bytes(size))
        assert whole.headers["content-type"] == "video/mp4"
        assert whole.headers["content-disposition"] == 'attachment; filename="Squats.overlay.mp4"'
        part = httpx.get(link, headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.content) == (206, bytes(3))
        assert site.get(f"{HERE}/overlay.mp4", headers={"Sec-Fetch-Dest": "document"}).status_code == 307
        page = (
            {"Sec-Fetch-Dest": "video"},
            {"User-Agent": "Mozilla/5.0"},
            {"If-None-Match": '"x"'},
            {"If-Range": '"x"'},
        )
        for more in page:
            assert site.get(f"{HERE}/overlay.mp4", headers=more).content == bytes(size)
        assert site.ask("HEAD", f"{HERE}/overlay.mp4").headers["content-length"] == str(size)
        assert site.get(f"{HERE}/plot.png").status_code == 404


def test_a_folder_has_no_links(open_site: Any, tmp_path: Path) -> None:
    with open_site(blob_url=f"file://{tmp_path}/shared", blob_links=True) as site:
        file_source(site)
        keep_count(site)
        draw(site, Drawing.PLOT, b"png")
        assert (site.get(f"{HERE}/plot.png").status_code, site.get(f"{HERE}/plot.png").content) == (200, b"png")
