"""Remote files: what servers do wrong, and what a reader sees of it."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
import shutil
import socket
import ssl
import subprocess
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import BadRequest, Forbidden, SourceError, StorageFull, TooLarge, Unreachable
from halfgig.media import connection, fetch, ranges
from halfgig.media.fetch import SpooledFile, open_remote
from halfgig.media.ranges import MAX_WAIT, READING_PAUSES, RemoteFile
from halfgig.media.source import PIECE, fingerprint, open_source
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULTS = Settings()
CONTENT = random.Random(1).randbytes(3_000_000)
WHOLE = hashlib.sha256(CONTENT).hexdigest()


class Naps(list[float]):
    """What was slept, in place of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def drain(file: Any) -> str:
    """SHA-256 of the rest of the file, read in pieces."""
    total = hashlib.sha256()
    for piece in iter(lambda: file.read(50_000), b""):
        total.update(piece)
    return total.hexdigest()


def opened(address: str, settings: Settings = DEFAULTS, **options: Any) -> Any:
    return open_remote(address, settings, title="a.mp4", **{"sleep": Naps(), **options})


def test_it_reads_as_a_file_does(serve: Any) -> None:
    web = serve(lambda request: request.give(CONTENT))
    plain, dice = io.BytesIO(CONTENT), random.Random(2)
    with opened(f"{web.address}/a.mp4") as file:
        assert file.seek(0, os.SEEK_END) == len(CONTENT)
        assert file.read(10) == b""
        for _ in range(300):
            where, size = dice.randrange(len(CONTENT) + 10), dice.choice((0, 1, 100, 40_000, 300_000))
            assert file.seek(where) == plain.seek(where)
            data = file.read(size)
            assert data == plain.read(len(data))
            assert bool(data) == (size > 0 and where < len(CONTENT))
            assert file.tell() == plain.tell()
        assert file.seek(-5, os.SEEK_END) == len(CONTENT) - 5
        assert file.read() == CONTENT[-5:]
        with pytest.raises(ValueError, match="negative"):
            file.seek(-1)
    assert web.connections < 100


def test_reading_on_asks_for_more_and_more_over_one_connection(serve: Any) -> None:
    web = serve(lambda request: request.give(CONTENT))
    with opened(web.address) as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == WHOLE
    assert len(web.asked) == 6
    assert web.connections == 1
    assert web.ranges[:2] == ["bytes=0-65535", "bytes=65536-196607"]


def test_a_short_leap_reads_through_and_a_long_one_asks_for_little(serve: Any) -> None:
    web = serve(lambda request: request.give(CONTENT))
    with opened(web.address) as file:
        for where in range(0, 1_000_000, 100_000):
            file.seek(where)
            assert file.read(10) == CONTENT[where : where + 10]
        assert len(web.asked) < 6
        file.seek(2_500_000)
        assert file.read(10) == CONTENT[2_500_000:2_500_010]
    assert web.ranges[-1] == "bytes=2500000-2565535"


def test_what_the_server_tells(serve: Any) -> None:
    told = {"Content_Type": "video/mp4; charset=x", "Last_Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    web = serve(lambda request: request.give(CONTENT, **told))
    with opened(f"{web.address}/a.mp4") as file:
        facts = file.facts
    assert (facts.address, facts.final) == (f"{web.address}/a.mp4",) * 2
    assert (facts.size, facts.etag, facts.modified) == (len(CONTENT), '"1"', told["Last_Modified"])
    assert (facts.content_type, facts.ranges) == ("video/mp4", True)
    assert file.closed
    assert web.asked[0][1]["Accept-Encoding"] == "identity"


# --- what breaks and is mended -------------------------------------------------------------------------


def test_a_connection_that_drops_again_and_again_is_resumed(serve: Any) -> None:
    web, naps = serve(lambda request: request.give(CONTENT, only=100_000)), Naps()
    with opened(web.address, sleep=naps) as file:
        assert drain(file) == WHOLE
    assert set(naps) == {0.0}
    assert all(headers["If-Range"] == '"1"' for _, headers in web.asked[1:])


def test_a_server_that_is_gone_is_given_up(serve: Any) -> None:
    def once(request: Any) -> None:
        request.give(CONTENT) if len(web.asked) < 3 else request.give(CONTENT, only=0)

    web, naps = serve(once), Naps()
    with opened(web.address, sleep=naps) as file, pytest.raises(Unreachable, match="could not be fetched") as caught:
        drain(file)
    assert caught.value.retryable
    assert naps == list(READING_PAUSES)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(("asks", "waits"), [("7", 7.0), ("9999", MAX_WAIT), ("soon", 0.0)])
def test_a_busy_server_is_left_for_as_long_as_it_asks(serve: Any, status: int, asks: str, waits: float) -> None:
    def busy(request: Any) -> None:
        request.send(status, Retry_After=asks) if len(web.asked) in {1, 3} else request.give(CONTENT)

    web, naps = serve(busy), Naps()
    with opened(web.address, sleep=naps) as file:
        assert drain(file) == WHOLE
    assert naps == [waits, waits]


def test_a_server_that_asks_no_pause_gets_one_all_the_same(serve: Any) -> None:
    web, naps = serve(lambda request: request.send(503)), Naps()
    with pytest.raises(Unreachable, match="503"):
        opened(web.address, sleep=naps)
    assert naps == list(fetch.OPENING_PAUSES)


def test_a_range_that_is_longer_or_shorter_than_asked_is_taken(serve: Any) -> None:
    def longer(request: Any) -> None:
        first = request.headers["Range"].removeprefix("bytes=").partition("-")[0]
        del request.headers["Range"]
        request.headers["Range"] = f"bytes={first}-"
        request.give(CONTENT)

    def shorter(request: Any) -> None:
        first = int(request.headers["Range"].removeprefix("bytes=").partition("-")[0])
        del request.headers["Range"]
        request.headers["Range"] = f"bytes={first}-{first + 99_999}"
        request.give(CONTENT)

    for answer in (longer, shorter):
        with opened(serve(answer).address) as file:
            file.seek(1_000_000)
            assert file.read(1000) == CONTENT[1_000_000:1_001_000]
            file.seek(0)
            assert drain(file) == WHOLE


def test_a_redirect_that_expires_is_asked_for_anew(serve: Any) -> None:
    def signed(request: Any) -> None:
        if request.path == "/a":
            request.send(302, Location=f"/signed/{len(web.asked)}")
        elif sum(path == request.path for path, _ in web.asked) > 2:
            request.send(403)
        else:
            request.give(CONTENT)

    web = serve(signed)
    with opened(f"{web.address}/a") as file:
        assert drain(file) == WHOLE
        assert file.facts.final == f"{web.address}/signed/1"


# --- what cannot be mended -----------------------------------------------------------------------------


@pytest.mark.parametrize("obeys", [True, False])
@pytest.mark.parametrize("etag", ['"%d"', 'W/"%d"'])
def test_a_file_that_changes_midway_is_an_error_and_no_mixture(serve: Any, obeys: bool, etag: str) -> None:
    def changing(request: Any) -> None:
        current = etag % (len(web.asked) > 2)
        if obeys and request.headers.get("If-Range", current) != current:
            del request.headers["Range"]
        request.give(CONTENT, etag=current)

    web = serve(changing)
    with opened(web.address) as file, pytest.raises(SourceError, match="has changed while it was read"):
        drain(file)


def test_a_file_that_grows_or_shrinks_midway_is_an_error(serve: Any) -> None:
    for later in (CONTENT + b"more", CONTENT[:1000]):
        asked: list[str] = []

        def changing(request: Any, later: bytes = later, asked: list[str] = asked) -> None:
            asked.append(request.path)
            if len(asked) > 2 and len(later) < 2000:
                request.send(416)
            else:
                request.give(CONTENT if len(asked) < 3 else later, etag="")

        with opened(serve(changing).address) as file, pytest.raises(SourceError, match="has changed"):
            drain(file)


@pytest.mark.parametrize("told", ["bytes 5-70000/3000000", "bytes */3000000", "pages 1-2/3", ""])
def test_a_range_that_was_not_asked_for_is_not_taken(serve: Any, told: str) -> None:
    def wrong(request: Any) -> None:
        request.give(CONTENT) if len(web.asked) < 2 else request.send(206, CONTENT[:100], Content_Range=told)

    web = serve(wrong)
    with opened(web.address) as file, pytest.raises(Unreachable, match="another part"):
        drain(file)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_a_refusal_is_told_at_once(serve: Any, status: int) -> None:
    web, naps = serve(lambda request: request.send(status)), Naps()
    with pytest.raises(ranges.Refused, match=f"a.mp4 was refused by its server: {status}") as caught:
        opened(web.address, sleep=naps)
    assert caught.value.answered == status
    assert naps == []


def test_redirects_have_an_end(serve: Any) -> None:
    web = serve(lambda request: request.send(301, Location=f"{request.path}x"))
    with pytest.raises(SourceError, match="without end"):
        opened(f"{web.address}/a")
    assert len(web.asked) == connection.MAX_REDIRECTS + 1


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://", "http://a b/"])
def test_redirects_to_what_is_no_web_address(serve: Any, location: str) -> None:
    web = serve(lambda request: request.send(307, Location=location))
    with pytest.raises(SourceError):
        opened(web.address)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda request: request.give(CONTENT, Content_Encoding="gzip"), "compressed"),
        (lambda request: request.send(416, Content_Range="bytes */0"), "is empty"),
        (lambda request: request.send(200, CONTENT, icy_name="radio"), "live stream"),
    ],
)
def test_what_is_no_file(serve: Any, answer: Callable[[Any], None], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        opened(serve(answer).address)


# --- slow servers --------------------------------------------------------------------------------------


def test_a_server_that_does_not_answer_is_not_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT", 0.2)
    naps = Naps()
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(Unreachable, match="did not answer in time"):
        opened(f"http://127.0.0.1:{server.getsockname()[1]}", sleep=naps)
    assert naps == []


def test_a_server_that_falls_silent_is_asked_again(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_TIMEOUT", 1.0)
    go_on, fell = threading.Event(), list[str]()

    def silent(request: Any) -> None:
        if not request.headers["Range"].startswith("bytes=0-") and not fell:
            fell.append(request.headers["Range"])
            request.give(CONTENT, only=0)
            go_on.wait(60)
        else:
            request.give(CONTENT)

    web = serve(silent)
    with opened(web.address) as file:
        assert drain(file) == WHOLE
    assert web.ranges.count(*fell) == 2
    go_on.set()


def test_a_server_that_trickles_is_given_up(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "GRACE", 0.0)
    monkeypatch.setattr(ranges, "SLOWEST", 1e12)
    web = serve(lambda request: request.give(CONTENT))
    with opened(web.address) as file, pytest.raises(Unreachable, match="too slow"):
        drain(file)


# --- without ranges ------------------------------------------------------------------------------------


def whole(request: Any) -> None:
    request.send(200, CONTENT)


def in_chunks(request: Any) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    for first in range(0, len(CONTENT), 100_000):
        part = CONTENT[first : first + 100_000]
        request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    request.wfile.write(b"0\r\n\r\n")


def of_unknown_size(request: Any) -> None:
    if "Range" in request.headers:
        request.send(206, CONTENT[:1000], Content_Range="bytes 0-999/*")
    else:
        whole(request)


@pytest.mark.parametrize("answer", [whole, in_chunks, of_unknown_size])
def test_without_ranges_it_is_stored_until_it_is_closed(
    serve: Any, tmp_path: Path, answer: Callable[[Any], None]
) -> None:
    with opened(serve(answer).address, folder=tmp_path) as file:
        assert isinstance(file, SpooledFile)
        assert file.facts.size == len(CONTENT)
        assert hashlib.sha256(file.read()).hexdigest() == WHOLE
        assert file.seek(-3, os.SEEK_END) == file.tell()
        assert file.read() == CONTENT[-3:]
    assert file.closed
    assert list(tmp_path.iterdir()) == []


def test_what_is_stored_is_on_disk_soon(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that the disk does not have yet cannot be dropped: under a hard limit they are memory that is held."""
    sizes = [0]

    def sync(file: int) -> None:
        sizes.append(os.fstat(file).st_size)
        fdatasync(file)

    fdatasync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", sync)
    monkeypatch.setattr(fetch, "SYNC_EVERY", 200_000)
    with opened(serve(whole).address, folder=tmp_path) as file:
        assert drain(file) == WHOLE
    steps = [after - before for before, after in pairwise([*sizes, len(CONTENT)])]
    assert max(steps) < 200_000 + ranges.BUFFER


@pytest.mark.parametrize(("answer", "total"), [(whole, len(CONTENT)), (in_chunks, None)])
def test_who_watches_hears_of_each_piece_that_is_stored(
    serve: Any, answer: Callable[[Any], None], total: int | None
) -> None:
    heard: list[tuple[int | None, int | None]] = []
    with opened(serve(answer).address, watch=lambda *told: heard.append(told)):
        pass
    stored = [got or 0 for got, _ in heard]
    assert max(after - before for before, after in pairwise([0, *stored])) <= ranges.BUFFER
    assert (stored[-1], {of for _, of in heard}) == (len(CONTENT), {total})


def test_who_watches_may_end_it_and_nothing_is_left(serve: Any, tmp_path: Path) -> None:
    def watch(got: int | None, _: int | None) -> None:
        if got and got > 1_000_000:
            raise StorageFull("There is no room.")

    with pytest.raises(StorageFull, match="no room"):
        opened(serve(whole).address, watch=watch, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_who_watches_hears_of_ranges_and_of_breaks(serve: Any) -> None:
    heard: list[tuple[int | None, int | None]] = []

    def breaking(request: Any) -> None:
        request.give(CONTENT, only=50_000 if len(web.asked) % 2 else None)

    web = serve(breaking)
    with opened(web.address, watch=lambda *told: heard.append(told)) as file:
        assert drain(file) == WHOLE
    assert set(heard) == {(None, None)}
    assert len(heard) > len(CONTENT) // ranges.BUFFER + len(web.asked) // 2

    heard.clear()
    with pytest.raises(Unreachable):
        opened(serve(lambda request: request.send(503)).address, watch=lambda *told: heard.append(told))
    assert len(heard) == 1 + len(fetch.OPENING_PAUSES)


def test_a_drop_without_ranges_begins_again(serve: Any, tmp_path: Path) -> None:
    def breaking(request: Any) -> None:
        if len(web.asked) == 1:
            request.send(200, CONTENT[:100_000], Content_Length=str(len(CONTENT)))
            request.close_connection = True
        else:
            whole(request)

    web = serve(breaking)
    with opened(web.address, folder=tmp_path) as file:
        assert drain(file) == WHOLE


@pytest.mark.parametrize("answer", [whole, in_chunks, lambda request: request.give(CONTENT)])
def test_the_limit_holds(serve: Any, tmp_path: Path, answer: Callable[[Any], None]) -> None:
    with pytest.raises(TooLarge, match="has more than 1 MB"):
        opened(serve(answer).address, Settings(max_file_size_mb=1), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Path("/dev/full").open("w+b", buffering=0))  # noqa: SIM115
    with pytest.raises(StorageFull, match="takes no more"):
        opened(serve(whole).address)


# --- sources -------------------------------------------------------------------------------------------


def test_a_source_without_a_version_is_known_by_its_bytes(serve: Any, studio: Any, tmp_path: Path) -> None:
    content = studio.write(tmp_path / "a.wav", studio.sound()).read_bytes()
    source = open_source(f"{serve(lambda request: request.send(200, content)).address}/a.wav", DEFAULTS)
    assert fingerprint(source) == hashlib.sha256(content).hexdigest()


def test_who_watches_hears_of_each_piece_that_is_hashed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    heard: list[tuple[int | None, int | None]] = []
    source = open_source(tmp_path / "a", DEFAULTS)
    assert fingerprint(source, lambda *told: heard.append(told)) == WHOLE
    assert len(heard) == -(-len(CONTENT) // PIECE)


def test_a_doubt_stands_for_a_version_that_is_not_told(serve: Any) -> None:
    plain = open_source(serve(lambda request: request.give(CONTENT, etag="")).address, DEFAULTS)
    assert len({fingerprint(plain), fingerprint(plain, doubt="one"), fingerprint(plain, doubt="two")}) == 3
    assert fingerprint(plain, doubt="one") == fingerprint(plain, doubt="one")
    versioned = open_source(serve(lambda request: request.give(CONTENT)).address, DEFAULTS)
    stored = open_source(serve(whole).address, DEFAULTS)
    for sure in (versioned, stored):
        assert fingerprint(sure) == fingerprint(sure, doubt="one")


def test_a_source_from_a_server_that_fails_now_and_then(serve: Any, studio: Any, tmp_path: Path) -> None:
    content = studio.write(tmp_path / "a.wav", studio.sound(seconds=20.0)).read_bytes()
    web = serve(lambda request: request.give(content, only=70_000))
    source = open_source(f"{web.address}/a.wav", DEFAULTS)
    assert studio.onsets(studio.hear(source)) == pytest.approx(range(20), abs=0.01)


# --- who is asked --------------------------------------------------------------------------------------


def test_the_password_of_an_address_goes_to_its_own_server_only(serve: Any) -> None:
    other = serve(lambda request: request.give(CONTENT))
    web = serve(lambda request: request.send(302, Location=f"{other.address}/b"))
    with opened(web.address.replace("//", "//me:se%3Acret@")) as file:
        assert file.read(5) == CONTENT[:5]
    assert web.asked[0][1]["Authorization"] == "Basic " + base64.b64encode(b"me:se:cret").decode()
    assert "Authorization" not in other.asked[0][1]


def test_an_http_proxy_is_what_is_connected_to(serve: Any) -> None:
    proxy = serve(lambda request: request.give(CONTENT))
    settings = Settings(proxy_url=proxy.address.replace("//", "//me:secret@"), guard_addresses=True)
    with opened("http://media.example.invalid/a.mp4", settings) as file:
        assert file.read(5) == CONTENT[:5]
    path, headers = proxy.asked[0]
    assert path == "http://media.example.invalid:80/a.mp4"
    assert headers["Proxy-Authorization"].startswith("Basic ")
    with pytest.raises(Forbidden):
        opened("http://127.0.0.1/a.mp4", settings)
    with pytest.raises(Forbidden):
        opened("http://localhost/a.mp4", settings)
    assert len(proxy.asked) == 1


def test_an_https_address_is_tunnelled_by_its_name(serve: Any) -> None:
    proxy = serve(lambda request: request.send(403))
    with pytest.raises(Unreachable):
        opened("https://media.example.invalid/a.mp4", Settings(proxy_url=proxy.address))
    assert proxy.asked[0][0] == "media.example.invalid:443"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "https://proxy.example", "proxy", "http://"])
def test_a_proxy_that_is_none(proxy: str) -> None:
    with pytest.raises(BadRequest, match="PROXY_URL"):
        opened("http://example.org/", Settings(proxy_url=proxy))


@pytest.fixture
def localhost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for `localhost` that we trust."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    trust = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(connection, "tls", lambda: trust)
    return server


def test_tls_is_for_the_hosts_name_at_the_checked_address(serve: Any, localhost: ssl.SSLContext) -> None:
    names: list[str] = []
    localhost.sni_callback = lambda _, name, __: names.append(name)
    web = serve(lambda request: request.give(CONTENT), tls=localhost)
    settings = Settings(guard_addresses=True, allowed_hosts=f"localhost:{web.port}")
    with opened(f"https://localhost:{web.port}/a.mp4", settings) as file:
        assert drain(file) == WHOLE
    assert names == ["localhost"]
    with pytest.raises(SourceError, match="is not trusted"):
        opened(f"https://127.0.0.1:{web.port}/a.mp4")
    assert len(web.asked) == 6


def test_a_forgotten_file_closes_its_connection(serve: Any) -> None:
    file: RemoteFile | None = opened(serve(lambda request: request.give(CONTENT)).address)
    assert file is not None
    file = None
