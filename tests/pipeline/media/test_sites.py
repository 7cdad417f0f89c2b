"""Pages with videos: yt-dlp itself, in its own process, on a site of our own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.waiting import PATIENCE, until

from halfgig.errors import MIB, SourceError, TooLarge, Unreachable
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.wire import Order
from halfgig.jobs.worker import Worker
from halfgig.media.obtain import obtain
from halfgig.media.sites import grab
from halfgig.settings import Settings

LOCAL = Settings(allowed_hosts="127.0.0.1", guard_addresses=True)


CAPTIONS = "WEBVTT\n\n00:00.500 --> 00:01.500\nHello.\n\n00:02.000 --> 00:03.000\nAgain.\n"


@pytest.fixture
def site(serve: Any, studio: Any, tmp_path: Path) -> Any:
    """A site with a talk, as a file, behind pages, and as a playlist with its segments."""
    folder = tmp_path / "site"
    folder.mkdir()
    studio.write(folder / "talk.mp4", studio.picture(seconds=3.0), studio.sound(rate=44_100, codec="aac"))
    sound = studio.sound(seconds=3.0, codec="aac")
    studio.write(folder / "list.m3u8", sound, format="hls", options={"hls_time": "1", "hls_playlist_type": "vod"})
    return serve(lambda request: answer(request, folder))


def answer(request: Any, folder: Path) -> None:
    pages = {
        "/og": '<title>A talk</title><meta property="og:video" content="{}/talk.mp4">',
        "/tag": '<title>A talk</title><body><video src="talk.mp4"></video></body>',
        "/captioned": '<title>A talk</title><body><video src="talk.mp4">'
        '<track kind="captions" srclang="en" src="talk.vtt"></video></body>',
        "/nothing": "<title>A poem</title><body>Roses are red.</body>",
    }
    name = request.path.partition("?")[0]
    path = folder / name.strip("/")
    if name in pages:
        page = "<!doctype html><html>" + pages[name].format(request.web.address)
        request.send(200, page.encode(), Content_Type="text/html")
    elif name.startswith("/status/"):
        request.send(int(name.removeprefix("/status/")))
    elif name == "/talk.vtt":
        request.send(200, CAPTIONS.encode(), Content_Type="text/vtt")
    elif path.is_file():
        kind = {".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t"}.get(path.suffix, "video/mp4")
        request.give(path.read_bytes(), Content_Type=kind)
    else:
        request.send(404)


@pytest.mark.parametrize(("page", "title"), [("/og", "A talk"), ("/tag", "A talk (1)"), ("/list.m3u8", "list")])
def test_a_video_behind_a_page_is_heard(site: Any, studio: Any, tmp_path: Path, page: str, title: str) -> None:
    folder, beats = tmp_path / "fetched", list[Any]()
    with obtain(f"{site.address}{page}", folder, "speech", LOCAL, lambda *got: beats.append(got)) as obtained:
        assert obtained.source.title == title
        assert folder in Path(obtained.source.address).parents
        assert studio.onsets(studio.hear(obtained.source)) == pytest.approx([0, 1, 2], abs=0.1)
    assert beats
    assert not folder.exists()


@pytest.mark.parametrize("language", ["en", "auto"])
def test_a_job_takes_the_captions_of_a_page(site: Any, tmp_path: Path, language: str) -> None:
    """The worker itself; nothing is heard, so no model is needed."""
    told: list[dict[str, Any]] = []
    with JobQueue(tmp_path / "jobs.db") as queue:
        source, options = {"url": f"{site.address}/captioned"}, {"captions": True, "language": language}
        claimed = queue.claim(queue.create("transcript", source, options)[0].id, "me")
        assert claimed is not None
        worker = Worker(queue, replace(LOCAL, data_dir=tmp_path), SimpleNamespace(send=told.append))  # type: ignore[arg-type]
        worker.take(Order(claimed.id, claimed.attempt, 512 * MIB))
        heard = [segment.text for segment in queue.segments(claimed.id)]
    assert (told[-1], heard) == ({"done": "succeeded"}, ["Hello.", "Again."])


def test_a_file_is_streamed_and_not_stored(site: Any, studio: Any, tmp_path: Path) -> None:
    folder = tmp_path / "fetched"
    with obtain(f"{site.address}/talk.mp4", folder, "motion", LOCAL) as obtained:
        assert list(folder.iterdir()) == []
        assert len(studio.see(obtained.source, rate=10)) == 30
        stream = obtained.source.stream
        assert stream is not None
    assert stream.closed
    assert not folder.exists()


@pytest.mark.parametrize(
    ("page", "kind", "says"),
    [
        ("/nothing", SourceError, "no page with a video that is known"),
        ("/gone", SourceError, "refused by its server: 404"),
        ("/status/401", SourceError, "refused by its server .*401"),
        ("/status/500", Unreachable, "answers 500"),
    ],
)
def test_pages_without_a_video(
    site: Any, tmp_path: Path, page: str, kind: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halfgig.media.fetch.OPENING_PAUSES", (0.0,))
    with pytest.raises(kind, match=says), obtain(f"{site.address}{page}", tmp_path / "fetched", "speech", LOCAL):
        pass
    assert not (tmp_path / "fetched").exists()


def test_the_limits_hold(site: Any, tmp_path: Path) -> None:
    tight = Settings(allowed_hosts="127.0.0.1", guard_addresses=True, max_file_size_mb=0.001)
    with pytest.raises(TooLarge, match="MAX_FILE_SIZE_MB"):
        grab(f"{site.address}/og", tmp_path, "speech", tight)
    with pytest.raises(TooLarge, match="MAX_VIDEO_DURATION_SECONDS"):
        grab(f"{site.address}/list.m3u8", tmp_path, "speech", Settings(max_video_duration_seconds=1))


class Cancelled(Exception):
    """The job was taken away."""


def test_whoever_watches_may_end_it(site: Any, tmp_path: Path) -> None:
    def watch(*_: object) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        grab(f"{site.address}/og", tmp_path, "speech", LOCAL, watch)


def test_a_broken_download_goes_on_where_it_was(site: Any, tmp_path: Path) -> None:
    first = grab(f"{site.address}/og", tmp_path, "speech", LOCAL)
    content = first.path.read_bytes()
    part = first.path.with_name(f"{first.path.name}.part")
    part.write_bytes(content[:1000])
    first.path.unlink()
    site.asked.clear()
    assert grab(f"{site.address}/og", tmp_path, "speech", LOCAL).path.read_bytes() == content
    assert "bytes=1000-" in site.ranges


def test_it_ends_with_its_parent(serve: Any, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux ends a child with its parent")
    held: list[float] = []

    def hold(request: Any) -> None:
        held.append(time.monotonic())
        request.connection.settimeout(PATIENCE)
        assert request.rfile.read(1) == b""  # until the other end has gone

    web = serve(hold)
    script = f"""
        from pathlib import Path
        from halfgig.media.sites import grab
        from halfgig.settings import Settings
        grab("{web.address}/page", Path({str(tmp_path)!r}), "speech", Settings())
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    until(lambda: held)
    child = int(Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    until(lambda: not alive(child))


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def made(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Run this code in place of the grabber."""
    popen = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        return popen([sys.executable, "-c", code], **options)

    monkeypatch.setattr("subprocess.Popen", start)


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("raise SystemExit('no yt-dlp here')", SourceError, "ended unexpectedly .*no yt-dlp here"),
        ("import os; os._exit(3)", SourceError, "code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGALRM)", Unreachable, "no sign of life"),
    ],
)
def test_a_process_that_dies_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, kind: type[Exception], says: str
) -> None:
    made(monkeypatch, f"import sys; sys.stdin.readline(); {code}")
    with pytest.raises(kind, match=says):
        grab("https://example.org/a", tmp_path, "speech", LOCAL)


def test_what_an_address_gives_its_owner_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://me:secret@example.org/a?sig=secret"
    made(monkeypatch, f"import sys; sys.stdin.readline(); raise SystemExit('cannot read {url}')")
    with pytest.raises(SourceError, match=r"it read https://example\.org/a ") as caught:
        grab(url, tmp_path, "speech", LOCAL)
    assert "secret" not in str(caught.value)


MEASURE = """
    import resource, sys
    from pathlib import Path
    from halfgig.media.sites import grab
    from halfgig.settings import Settings
    grab(sys.argv[1], Path(sys.argv[2]), "speech", Settings())
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def test_what_the_process_holds(site: Any, tmp_path: Path) -> None:
    """docs/media.md says 80 MB; here is room for other versions of Python and of yt-dlp."""
    command = [sys.executable, "-c", textwrap.dedent(MEASURE), f"{site.address}/tag", str(tmp_path)]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert peak < 120e6
