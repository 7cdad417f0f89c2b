"""A guarded reader visits public addresses only, whatever leads elsewhere; what it refuses is never contacted."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import Forbidden, HalfgigError, SourceError, Unreachable
from halfgig.media.obtain import obtain
from halfgig.media.source import open_source
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUARDED = Settings(guard_addresses=True)
CONTENT = b"RIFF" + bytes(100_000)


class Trap:
    """A listening socket that knows whether anyone came."""

    def __init__(self, family: socket.AddressFamily, host: str) -> None:
        self._socket = socket.create_server((host, 0), family=family)
        self.port: int = self._socket.getsockname()[1]

    def contacted(self) -> bool:
        """Whether one more has come since this was asked last."""
        self._socket.setblocking(False)
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    """Listens on 127.0.0.1; nobody may come."""
    one = Trap(socket.AF_INET, "127.0.0.1")
    yield one
    assert not one.contacted()
    one.close()


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where any socket connected to."""
    places: list[Any] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, place: Any) -> None:
        places.append(place)
        connect(self, place)

    monkeypatch.setattr(socket.socket, "connect", watched)
    return places


def test_a_trap_knows_who_came() -> None:
    trap = Trap(socket.AF_INET, "127.0.0.1")
    assert not trap.contacted()
    socket.create_connection(("127.0.0.1", trap.port)).close()
    assert trap.contacted()
    trap.close()


HOSTS = {
    "loopback": "127.0.0.1",
    "loopback, another": "127.8.9.10",
    "its name": "localhost",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "octal": "0177.0.0.1",
    "octal, whole": "017700000001",
    "short": "127.1",
    "with a dot": "127.0.0.1.",
    "in other digits": "①②⑦.⓪.⓪.①",
    "unspecified": "0.0.0.0",
    "zero": "0",
    "v6 loopback": "[::1]",
    "v6 unspecified": "[::]",
    "v6 mapped": "[::ffff:127.0.0.1]",
    "v6 mapped, in hex": "[::ffff:7f00:1]",
    "v6 compatible": "[::127.0.0.1]",
    "v6 6to4": "[2002:7f00:1::]",
    "v6 NAT64": "[64:ff9b::127.0.0.1]",
    "v6 NAT64, local": "[64:ff9b:1::7f00:1]",
    "v6 Teredo": "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "v6 private": "[fd12:3456::1]",
    "v6 link-local": "[fe80::1]",
    "v6 multicast": "[ff02::1]",
    "private, 10": "10.0.0.1",
    "private, 172": "172.16.0.1",
    "private, 192": "192.168.0.1",
    "link-local": "169.254.1.1",
    "metadata": "169.254.169.254",
    "metadata, decimal": "2852039166",
    "metadata, v6": "[fd00:ec2::254]",
    "metadata, mapped": "[::ffff:a9fe:a9fe]",
    "metadata, carrier": "100.100.100.200",
    "metadata, public": "168.63.129.16",
    "carrier": "100.64.0.1",
    "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "documentation": "192.0.2.1",
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_that_is_not_public(trap: Trap, dialled: list[Any], scheme: str, host: str) -> None:
    with pytest.raises(Forbidden) as caught:
        open_source(f"{scheme}://user@{host}:{trap.port}/a.mp4", GUARDED)
    assert caught.value.status == 403
    assert "ALLOWED_HOSTS" in caught.value.remedy
    assert dialled == []


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_a_redirect_to_an_address_that_is_not_public(trap: Trap, dialled: list[Any], serve: Any, host: str) -> None:
    web = serve(lambda request: request.send(302, Location=f"http://{host.encode().decode('latin-1')}:{trap.port}/"))
    settings = Settings(guard_addresses=True, allowed_hosts=f"127.0.0.1:{web.port}")
    with pytest.raises((Forbidden, SourceError)):
        open_source(f"{web.address}/a.mp4", settings)
    assert dialled == [("127.0.0.1", web.port)]


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_a_name_that_leads_to_an_address_that_is_not_public(
    trap: Trap, dialled: list[Any], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    spelled = host.strip("[]").rstrip(".")
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, port, **options: real(spelled, port, **options))
    with pytest.raises((Forbidden, Unreachable)):
        open_source(f"http://innocent.example:{trap.port}/a.mp4", GUARDED)
    assert dialled == []


@pytest.mark.parametrize(
    "address",
    [
        *(
            "file:///etc/passwd",
            "gopher://127.0.0.1:{port}/_GET",
            "ftp://127.0.0.1:{port}/a",
            "dict://127.0.0.1:{port}/",
        ),
        *("ldap://127.0.0.1:{port}/", "tcp://127.0.0.1:{port}", "rtmp://127.0.0.1:{port}/a", "unix:///var/run/x.sock"),
    ],
)
def test_other_schemes(trap: Trap, dialled: list[Any], serve: Any, address: str) -> None:
    address = address.format(port=trap.port)
    web = serve(lambda request: request.send(301, Location=address))
    settings = Settings(guard_addresses=True, allowed_hosts=f"127.0.0.1:{web.port}")
    with pytest.raises(SourceError):
        open_source(web.address, settings)
    assert dialled == [("127.0.0.1", web.port)]
    if not address.startswith("file:"):  # which a person, and only a person, may give
        with pytest.raises(SourceError):
            open_source(address, GUARDED)


# --- an answer of DNS that changes ---------------------------------------------------------------------


class Resolver:
    """Answers each lookup with the next address; the last one stays."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.lookups = list(addresses), 0

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        address = self.addresses[min(self.lookups, len(self.addresses) - 1)]
        self.lookups += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]


def test_what_was_checked_is_what_is_connected_to(
    serve: Any, dialled: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    web = serve(lambda request: request.give(CONTENT))
    resolver = Resolver("127.0.0.1", "127.0.0.2")  # one is allowed; a second look would find the other
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    settings = Settings(guard_addresses=True, allowed_hosts=f"127.0.0.1:{web.port}")
    source = open_source(f"http://turncoat.example:{web.port}/a.wav", settings)
    assert source.stream is not None
    source.stream.seek(0)
    assert source.stream.read(4) == b"RIFF"
    source.stream.close()
    assert resolver.lookups == 1
    assert dialled == [("127.0.0.1", web.port)]


def test_a_later_connection_is_checked_anew(serve: Any, dialled: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    web = serve(lambda request: request.give(CONTENT, only=30_000))
    monkeypatch.setattr(socket, "getaddrinfo", Resolver("127.0.0.1", "127.0.0.2"))
    settings = Settings(guard_addresses=True, allowed_hosts=f"127.0.0.1:{web.port}")
    source = open_source(f"http://turncoat.example:{web.port}/a.wav", settings)
    assert source.stream is not None
    with source.stream, pytest.raises(Forbidden, match=r"leads to 127\.0\.0\.2"):
        source.stream.readlines()
    assert dialled == [("127.0.0.1", web.port)]


def test_every_other_error_is_ours_too(trap: Trap) -> None:
    for address in (f"http://[::1:{trap.port}/", f"http://127.0.0.1:{trap.port}:80/", "http://\t/", "http://[v1.x]/"):
        with pytest.raises(HalfgigError):
            open_source(address, GUARDED)


# --- what yt-dlp follows -------------------------------------------------------------------------------

PAGE = '<!doctype html><title>x</title><meta property="og:video" content="{}">'
LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n{}\n#EXT-X-ENDLIST\n"
INSIDE = {
    "a page's video": PAGE.format("http://127.0.0.1:{port}/a.mp4"),
    "a page's video, by name": PAGE.format("http://localhost:{port}/a.mp4"),
    "a page's playlist": PAGE.format("http://127.0.0.1:{port}/a.m3u8"),
    "a segment": LIST.format("#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts"),
    "a segment, by name": LIST.format("#EXTINF:1,\nhttp://localhost:{port}/a.ts"),
    "a segment, in decimal": LIST.format("#EXTINF:1,\nhttp://2130706433:{port}/a.ts"),
    "a segment, of another scheme": LIST.format("#EXTINF:1,\ngopher://127.0.0.1:{port}/a.ts"),
    "a segment that is a file": LIST.format("#EXTINF:1,\nfile:///etc/passwd"),
    "a key": LIST.format('#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{port}/k"\n#EXTINF:1,\nsegment.ts'),
    "a beginning": LIST.format('#EXT-X-MAP:URI="http://127.0.0.1:{port}/i"\n#EXTINF:1,\nsegment.ts'),
    "a variant": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:{port}/b.m3u8\n",
    "a segment that redirects": LIST.format("#EXTINF:1,\nredirect"),
}


@pytest.mark.parametrize("text", INSIDE.values(), ids=INSIDE)
def test_a_page_or_playlist_that_points_inside(trap: Trap, serve: Any, tmp_path: Path, text: str) -> None:
    def answer(request: Any) -> None:
        if request.path == "/redirect":
            request.send(302, Location=f"http://127.0.0.1:{trap.port}/a.ts")
        elif request.path == "/segment.ts":
            request.send(200, bytes(188))
        else:
            kind = "text/html" if text.startswith("<") else "application/vnd.apple.mpegurl"
            request.send(200, text.format(port=trap.port).encode(), Content_Type=kind)

    web = serve(answer)
    settings = Settings(allowed_hosts=f"127.0.0.1:{web.port}")
    with pytest.raises((Forbidden, SourceError)) as caught, obtain(web.address, tmp_path / "x", "speech", settings):
        pass
    assert web.asked
    assert isinstance(caught.value, Forbidden) or "file" in text or "gopher" in text


def test_a_worker_is_guarded_whatever_the_settings_say(trap: Trap, dialled: list[Any], tmp_path: Path) -> None:
    here = Settings(guard_addresses=False)
    for address in (f"http://127.0.0.1:{trap.port}/a.mp4", "file:///etc/passwd", "/etc/passwd", str(tmp_path)):
        with pytest.raises((Forbidden, SourceError)), obtain(address, tmp_path / "x", "speech", here):
            pass
    assert dialled == []


GUARDED_PROCESS = """
    import os, socket, subprocess, sys, urllib.request
    from halfgig.media.addresses import AllowList
    from halfgig.media.guard import Guard
    port = int(sys.argv[1])
    guard = Guard(AllowList())
    guard.install()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ways = (
        lambda: socket.create_connection(("127.0.0.1", port)),
        lambda: socket.create_connection(("localhost", port)),
        lambda: socket.socket().connect(("127.0.0.1", port)),
        lambda: socket.socket().connect_ex(("127.0.0.1", port)),
        lambda: socket.socket().connect(("localhost", port)),
        lambda: socket.socket(socket.AF_INET6).connect(("::ffff:127.0.0.1", port)),
        lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"),
        lambda: udp.sendto(b"x", ("127.0.0.1", port)),
        lambda: udp.sendmsg([b"x"], [], 0, ("127.0.0.1", port)),
        lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/"),
        lambda: urllib.request.urlopen("file:///etc/passwd"),
        lambda: subprocess.run(["curl", f"http://127.0.0.1:{port}/"]),
        lambda: subprocess.run(f"curl http://127.0.0.1:{port}/", shell=True),
        lambda: os.system(f"curl http://127.0.0.1:{port}/"),
        lambda: os.posix_spawn("/usr/bin/env", ["env"], {}),
        lambda: os.execv("/usr/bin/env", ["env"]),
    )
    for number, way in enumerate(ways):
        try:
            way()
        except OSError as error:
            assert guard.refused is not None, error
            guard.refused = None
        else:
            raise SystemExit(f"way {number} was not refused")
"""


def test_a_guarded_process_has_no_other_way_out(trap: Trap) -> None:
    command = [sys.executable, "-c", textwrap.dedent(GUARDED_PROCESS), str(trap.port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
