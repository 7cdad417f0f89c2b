from __future__ import annotations

import hashlib
import io
import os
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from benchmarks.serving import answering

import halfgig.media.connection
import halfgig.media.ranges
from halfgig.errors import HalfgigError, MissingStream, SourceError, TooLarge, Unreachable
from halfgig.media.audio import decode_audio
from halfgig.media.source import Page, fingerprint, inspect, open_source
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEFAULTS = Settings()
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123\n"
MISTAKES = [
    (b"", "is empty"),
    (LFS, "git lfs pull"),
    (b"this is not a video\n" * 50, "is text"),
    ("日本語のテキスト\n".encode() * 200, "is text"),
    (b"\xef\xbb\xbf<!DOCTYPE html><html>", "web page"),
    (b"\n  <html lang='en'>", "web page"),
    (b"#EXTM3U\n#EXTINF:5,\n/etc/passwd\n", "playlist"),
    (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "list of files"),
    (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "session description"),
    (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "is text"),
    (bytes(range(256)) * 40, "is not audio or video"),
    (bytes(5000), "is not audio or video"),
    (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(5000), "index is missing"),
    (b"PK\x03\x04" + bytes(range(256)) * 10, "is not audio or video"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 10, "is not audio or video"),
]


@pytest.mark.parametrize(("content", "says"), MISTAKES, ids=[says for _, says in MISTAKES])
def test_what_is_no_media_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "given.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=says) as caught:
        inspect(open_source(path, DEFAULTS), DEFAULTS)
    assert caught.value.remedy
    assert "given.mp4" in caught.value.detail


def test_a_missing_file(tmp_path: Path) -> None:
    for given in (tmp_path / "no.mp4", str(tmp_path / "no.mp4"), (tmp_path / "no.mp4").as_uri(), f"{__file__}/x.mp4"):
        with pytest.raises(SourceError, match="does not exist"):
            open_source(given, DEFAULTS)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        open_source(tmp_path, DEFAULTS)


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceError, match="not a regular file"):
        open_source(tmp_path / "fifo", DEFAULTS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights(tmp_path: Path) -> None:
    path = tmp_path / "secret.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(SourceError, match="may not be read"):
        open_source(path, DEFAULTS)


@pytest.mark.parametrize("given", ["a\0b", "x" * 5000, ""])
def test_impossible_paths(given: str) -> None:
    with pytest.raises(SourceError):
        open_source(given, DEFAULTS)


@pytest.mark.parametrize(
    "given",
    ["rtsp://host/a", "ftp://host/a.mp4", "concat://a|b", "http:///a", "https://", "file://other/a", "s3://bucket/a"],
)
def test_other_addresses_are_refused(given: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(given, DEFAULTS)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "name", ["concat:a|b.wav", "subfile,,start,0,end,9,,:a.wav", "a%03d.wav", "pipe:0", "ünï ☃.wav", "-.wav"]
)
def test_a_name_that_looks_like_a_protocol_is_a_plain_file(
    studio: Any, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(studio.write(tmp_path / "real.wav", studio.sound()).read_bytes())
    monkeypatch.chdir(tmp_path)
    for given in (name, path, path.as_uri()):
        source = open_source(given, DEFAULTS)
        assert source.title == name
        assert inspect(source, DEFAULTS).duration == pytest.approx(3.0)


@pytest.mark.parametrize(
    "given", ["concat:real.wav|real.wav", "lavfi:sine", "data:audio/wav;base64,AAAA", "cache:real.wav"]
)
def test_a_protocol_is_not_followed(studio: Any, tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.write(tmp_path / "real.wav", studio.sound())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        open_source(given, DEFAULTS)


@pytest.mark.parametrize("target", ["/etc/passwd", "real.wav"])
def test_a_playlist_behind_binary_is_not_followed(studio: Any, tmp_path: Path, target: str) -> None:
    studio.write(tmp_path / "real.wav", studio.sound())
    path = tmp_path / "list.m3u8"
    path.write_bytes(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n".encode() + bytes(2000))
    with pytest.raises(SourceError):
        inspect(open_source(path, DEFAULTS), DEFAULTS)


def test_what_the_container_says(studio: Any, tmp_path: Path) -> None:
    sound = studio.sound(rate=44_100, layout="stereo", codec="aac")
    path = studio.write(tmp_path / "a.mp4", studio.picture(seconds=3.0), sound)
    info = inspect(open_source(path, DEFAULTS), DEFAULTS)
    assert info.duration == pytest.approx(3.0, abs=0.1)
    assert info.size == path.stat().st_size
    assert [(one.codec, one.rate, one.channels) for one in info.audio] == [("aac", 44_100, 2)]
    assert [(one.codec, one.width, one.height, one.fps) for one in info.video] == [("h264", 64, 48, 30.0)]


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert {fingerprint(open_source(tmp_path / name, DEFAULTS)) for name in ("a", "b")} == {expected}
    assert fingerprint(open_source(io.BytesIO(content), DEFAULTS)) == expected


# --- streams -------------------------------------------------------------------------------------------


@contextmanager
def piped(content: bytes) -> Iterator[IO[bytes]]:
    """A pipe through which another thread writes `content`."""
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb") as end:
            try:
                end.write(content)
            except BrokenPipeError:
                pass

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reading, "rb") as stream:
        yield stream
    thread.join()


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp3", "a.wav", "fast.mp4"])
def test_a_pipe_is_inspected_and_then_decoded(studio: Any, tmp_path: Path, name: str) -> None:
    codec = {"mp3": "libmp3lame", "wav": "pcm_s16le"}.get(name[2:], "aac")
    options = {"options": {"movflags": "faststart"}} if name == "fast.mp4" else {}
    path = studio.write(tmp_path / name, studio.sound(seconds=5.0, rate=44_100, codec=codec), **options)
    with piped(path.read_bytes()) as stream:
        source = open_source(stream, DEFAULTS)
        assert len(inspect(source, DEFAULTS).audio) == 1
        heard = np.concatenate(list(decode_audio(source, log=DecodeLog())))
    assert studio.onsets(heard) == pytest.approx([0, 1, 2, 3, 4], abs=0.06)
    with piped(path.read_bytes()) as stream, pytest.raises(SourceError, match="Save it to a file"):
        fingerprint(open_source(stream, DEFAULTS))


def test_an_mp4_with_its_index_at_the_end_cannot_be_piped(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "slow.mp4", studio.sound(codec="aac", seconds=60.0))
    with piped(path.read_bytes()) as stream, pytest.raises(SourceError, match="faststart"):
        list(decode_audio(open_source(stream, DEFAULTS), log=DecodeLog()))


def test_a_seekable_stream_is_as_good_as_a_file(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "slow.mp4", studio.sound(codec="aac"))
    for stream in (io.BytesIO(path.read_bytes()), path.open("rb")):
        with stream:
            source = open_source(cast("IO[bytes]", stream), DEFAULTS)
            assert source.size == path.stat().st_size
            assert inspect(source, DEFAULTS).duration == pytest.approx(3.0, abs=0.1)


def test_a_pipe_past_the_limit_is_refused(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "a.wav", studio.sound(seconds=30.0))
    settings = Settings(max_file_size_mb=0.3)
    with piped(path.read_bytes()) as stream:
        source = open_source(stream, settings)
        with pytest.raises(TooLarge, match="MAX_FILE_SIZE_MB"):
            list(decode_audio(source, log=DecodeLog()))


def test_an_empty_pipe() -> None:
    with piped(b"") as stream, pytest.raises(SourceError, match="is empty"):
        open_source(stream, DEFAULTS)


# --- http ----------------------------------------------------------------------------------------------


class Site(BaseHTTPRequestHandler):
    """A folder with ranges, and some addresses that misbehave."""

    folder: Path

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        if self.path == "/to_file":
            self.send_response(302)
            self.send_header("Location", f"file://{self.folder}/a.mp4")
            self.end_headers()
            return
        path = self.folder / self.path.strip("/").partition("?")[0]
        if self.path.endswith("?once") and "once" in self.server.__dict__:
            self.send_error(503)
            return
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content) - first))
        self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if body:
            self.server.__dict__["once"] = True
            try:
                self.wfile.write(content[first : first + 150_000] if self.path.endswith("?once") else content[first:])
            except ConnectionError:
                pass

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a server over `tmp_path`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Site,), {"folder": tmp_path}))
    server.daemon_threads = False
    with answering(server) as address:
        yield address


@pytest.mark.parametrize("options", [{}, {"options": {"movflags": "faststart"}}])
def test_a_video_is_read_from_its_address(studio: Any, tmp_path: Path, site: str, options: dict[str, Any]) -> None:
    sound = studio.sound(rate=44_100, codec="aac")
    path = studio.write(tmp_path / "a.mp4", studio.picture(seconds=3.0), sound, **options)
    source = open_source(f"{site}/a.mp4?token=secret", DEFAULTS)
    assert source.title == "a.mp4"
    assert inspect(source, DEFAULTS).size == path.stat().st_size
    assert studio.onsets(studio.hear(source)) == pytest.approx([0, 1, 2], abs=0.01)
    assert len(studio.see(source, rate=10)) == 30


def test_an_address_is_recognised_by_its_etag(studio: Any, tmp_path: Path, site: str) -> None:
    path = studio.write(tmp_path / "a.wav", studio.sound())
    source = open_source(f"{site}/a.wav", DEFAULTS)
    first = fingerprint(source)
    assert open_source(source, DEFAULTS) is source
    assert fingerprint(open_source(f"{site}/a.wav", DEFAULTS)) == first
    path.write_bytes(path.read_bytes() + b"more")
    assert fingerprint(open_source(f"{site}/a.wav", DEFAULTS)) != first


@pytest.mark.parametrize(
    ("name", "says"), [("no.mp4", "refused"), ("page.html", "not audio"), ("to_file", "file addresses are not read")]
)
def test_addresses_without_media(studio: Any, tmp_path: Path, site: str, name: str, says: str) -> None:
    (tmp_path / "page.html").write_text("<html>" + "words " * 500)
    studio.write(tmp_path / "a.mp4", studio.picture())
    with pytest.raises(SourceError, match=says) as caught:
        inspect(open_source(f"{site}/{name}", DEFAULTS), DEFAULTS)
    assert caught.value.remedy


def test_limits_hold_for_addresses(studio: Any, tmp_path: Path, site: str) -> None:
    studio.write(tmp_path / "a.mp4", studio.picture())
    settings = Settings(max_video_size_mb=0.001)
    with pytest.raises(TooLarge, match="MAX_VIDEO_SIZE_MB"):
        inspect(open_source(f"{site}/a.mp4", settings), settings)


@pytest.mark.parametrize("name", ["a.wav", "a.mkv", "a.flac"])
def test_a_connection_that_is_lost_for_good_is_told(
    studio: Any, tmp_path: Path, site: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = "flac" if name == "a.flac" else "pcm_s16le"
    studio.write(tmp_path / name, studio.sound(seconds=60.0, codec=codec, rate=48_000))
    monkeypatch.setattr(halfgig.media.ranges, "READING_PAUSES", (0.0, 0.0))
    with pytest.raises(Unreachable, match=f"{name} could not be fetched: its server answers 503"):
        studio.hear(f"{site}/{name}?once")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="could not be fetched"):
        inspect(open_source("http://127.0.0.1:9/a.mp4", DEFAULTS), DEFAULTS)


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halfgig.media.connection, "ANSWER_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(SourceError, match="could not be fetched"):
        inspect(open_source(f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4", DEFAULTS), DEFAULTS)


# --- the odd files beside the project ------------------------------------------------------------------

ODD = {
    "odd_audio_only_1.mp4": (None, MissingStream),
    "odd_black_1.mp4": (MissingStream, None),
    "odd_lfs_pointer_1.mp4": (SourceError, SourceError),
    "odd_single_frame_1.mp4": (MissingStream, None),
    "odd_testpattern_noperson_1.mp4": (MissingStream, None),
    "odd_text_not_video_1.mp4": (Page, Page),
    "odd_truncated_faststart_1.mp4": (None, None),
    "odd_truncated_nomoov_1.mp4": (SourceError, SourceError),
    "odd_zero_bytes_1.mp4": (SourceError, SourceError),
}


def outcome(decode: Any, path: Path) -> type[Exception] | None:
    try:
        return None if len(decode(path)) else AssertionError
    except HalfgigError as error:
        return type(error) if error.remedy else AssertionError


@pytest.mark.shared
@pytest.mark.parametrize("name", ODD)
def test_odd_recordings(studio: Any, shared_data: Path, name: str) -> None:
    path = shared_data / "reps" / name
    found = outcome(studio.hear, path), outcome(lambda path: studio.see(path, rate=5, width=320), path)
    assert found == ODD[name]


def test_a_path_is_called_as_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("only words")
    with pytest.raises(SourceError, match=r"^talk\.mp4 is text"):
        open_source(path, Settings(), title="talk.mp4")
