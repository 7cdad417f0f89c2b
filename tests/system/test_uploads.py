"""A real server of uploads and real clients: killed, starved of memory, and asked by many at once."""

from __future__ import annotations

import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.uploads import (
    by_form,
    by_tus_js,
    by_tuspy,
    check,
    install_clients,
    make_file,
    measure_crowd,
    measure_one,
    serving,
    sha256_of,
    start_server,
)
from tests.conftest import absent
from tests.waiting import until

from halfgig.errors import MIB
from halfgig.memory.jail import Group, can_make_cgroups, cell
from halfgig.memory.meter import rss
from halfgig.store.upload import DATA
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.uploads import Upstart

TUS = {"Tus-Resumable": "1.0.0"}
WARM = 2 * MIB  # sent before anything is measured


@pytest.fixture(scope="session")
def node_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tus-js-client in it."""
    try:
        return install_clients(tmp_path_factory.mktemp("clients"))
    except RuntimeError as error:
        absent(str(error))
        raise


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Upstart]:
    with serving(tmp_path / "uploads") as running:
        yield running


@pytest.fixture
def made(tmp_path: Path) -> Callable[[int], tuple[Path, str]]:
    """A file of that size with its SHA-256."""

    def make(size: int) -> tuple[Path, str]:
        path = tmp_path / f"{size}.mp4"
        return path, make_file(path, size)

    return make


# --- real clients ----------------------------------------------------------------------------------------


def test_tuspy_uploads_in_pieces_with_checksums(server: Upstart, made: Callable[[int], tuple[Path, str]]) -> None:
    path, sha256 = made(3 * MIB + 1)
    check(server, by_tuspy(server, path, MIB, checksum=True), sha256)


def test_tuspy_uploads_nothing(server: Upstart, made: Callable[[int], tuple[Path, str]]) -> None:
    path, sha256 = made(0)
    check(server, by_tuspy(server, path), sha256)


def test_tus_js_uploads(server: Upstart, made: Callable[[int], tuple[Path, str]], node_clients: Path) -> None:
    path, sha256 = made(20 * MIB)
    upload_id = by_tus_js(server, path, node_clients)
    facts = UploadStore(server.folder).facts(upload_id)
    assert (facts.title, facts.content_type, facts.complete) == (path.name, "video/mp4", True)
    check(server, upload_id, sha256)


def test_a_server_killed_in_the_middle_of_a_patch_goes_on_where_it_was(
    tmp_path: Path, made: Callable[[int], tuple[Path, str]], node_clients: Path
) -> None:
    """One PATCH of 100 MB by tus-js-client, which comes back by itself."""
    path, sha256 = made(100 * MIB)
    server = start_server(tmp_path / "uploads")
    command = ["node", "tus_upload.mjs", f"{server.address}/uploads", str(path)]
    pipe, environment = subprocess.PIPE, {**os.environ, "HOLD_AT": str(50 * MIB)}
    with subprocess.Popen(command, cwd=node_clients, stdin=pipe, stdout=pipe, text=True, env=environment) as client:
        assert client.stdout is not None
        address = next(line for line in client.stdout if line.startswith("at ")).strip()
        assert "held\n" in client.stdout
        until(lambda: recorded(server, address) > 30 * MIB)
        server.kill()
        safe = recorded(server, address)
        again = start_server(tmp_path / "uploads", port=server.port)
        told = client.communicate("\n")[0].splitlines()
    try:
        assert 30 * MIB < safe < 100 * MIB
        assert any(line.startswith("retry ") for line in told)
        assert told[-1] == "done"
        check(again, address.rpartition("/")[2], sha256)
    finally:
        again.kill()
        close(server, again)


def test_killed_again_and_again_at_any_moment_nothing_is_lost(
    tmp_path: Path, made: Callable[[int], tuple[Path, str]]
) -> None:
    """tuspy, 10 kills; each time a client asks for the offset and goes on."""
    path, sha256 = made(100 * MIB)
    server, moments = start_server(tmp_path / "uploads"), random.Random(4)
    address, offsets = create(server, 100 * MIB), [0]
    for _ in range(10):
        moment = min(offsets[-1] + moments.randrange(4 * MIB, 20 * MIB), 100 * MIB)
        most = moment + 4 * MIB - offsets[-1]  # it cannot be at the end before we come to kill
        command = [sys.executable, "-c", SEND_THE_REST, f"{server.address}{address}", str(path), str(most)]
        sender = subprocess.Popen(command)
        until(lambda: written(server, address) >= moment, pause=0.0005)  # noqa: B023 - it is not kept
        server.kill()
        sender.wait()
        close(server)
        offsets.append(recorded(server, address))
        server = start_server(tmp_path / "uploads", port=server.port)
    try:
        assert offsets == sorted(offsets)
        assert len(set(offsets)) > 3
        command = [sys.executable, "-c", SEND_THE_REST, f"{server.address}{address}", str(path), "inf"]
        subprocess.run(command, check=True)
        check(server, address.rpartition("/")[2], sha256)
    finally:
        server.kill()
        close(server)


# Sends by tuspy, and stands still after as many bytes as it is told, until the server has gone.
SEND_THE_REST = """
import sys
from http.client import HTTPConnection
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.uploader import Uploader
left, plain = float(sys.argv[3]), HTTPConnection.send
def send(connection, data):
    global left
    for start in range(0, len(data), 1 << 18):
        plain(connection, data[start : start + (1 << 18)])
        left -= 1 << 18
        if left <= 0:
            connection.sock.recv(1)
HTTPConnection.send = send
try:
    Uploader(sys.argv[2], url=sys.argv[1]).upload()
except (TusCommunicationError, TusUploadFailed):
    pass
"""


def close(*servers: Upstart) -> None:
    for server in servers:
        assert server.process.stdout is not None
        server.process.stdout.close()


# --- connections -----------------------------------------------------------------------------------------


def ask(server: Upstart, method: str, path: str, headers: dict[str, str], body: Any = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, body=body, headers={**TUS, **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def create(server: Upstart, length: int) -> str:
    return str(ask(server, "POST", "/uploads", {"Upload-Length": str(length)}).headers["Location"])


def offset(server: Upstart, address: str) -> int:
    return int(ask(server, "HEAD", address, {}).headers["Upload-Offset"])


def written(server: Upstart, address: str) -> int:
    return (server.folder / address.rpartition("/")[2] / "data").stat().st_size


def recorded(server: Upstart, address: str) -> int:
    return UploadStore(server.folder).facts(address.rpartition("/")[2]).offset


def begin_patch(server: Upstart, address: str, data: bytes, at: int = 0, length: int = 1000) -> socket.socket:
    """A PATCH that has sent some of its body."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"PATCH {address} HTTP/1.1\r\nHost: server\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n"
    head += f"Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


def test_what_came_before_a_connection_broke_is_kept(server: Upstart) -> None:
    address = create(server, 1000)
    with begin_patch(server, address, b"x" * 300):
        until(lambda: written(server, address) == 300)
    until(lambda: recorded(server, address) == 300)


@contextmanager
def trickling(connection: socket.socket) -> Iterator[list[bytes]]:
    """Send a byte again and again during the block; what was sent."""
    sent: list[bytes] = []
    enough = threading.Event()

    def trickle() -> None:
        while not enough.wait(0.02):
            connection.sendall(b"x")
            sent.append(b"x")

    sender = threading.Thread(target=trickle)
    sender.start()
    try:
        yield sent
    finally:
        enough.set()
        sender.join()


def test_a_newcomer_waits_for_one_who_sends_and_takes_over_from_one_who_does_not(server: Upstart) -> None:
    length, headers = 100_000, {"Content-Type": "application/offset+octet-stream"}
    address = create(server, length)
    with begin_patch(server, address, b"x" * 300, length=length) as first:
        until(lambda: written(server, address) == 300)  # the server may take up two connections in either order
        with trickling(first) as more:
            assert ask(server, "PATCH", address, {**headers, "Upload-Offset": "0"}, b"y").status == 423
            assert ask(server, "DELETE", address, {}).status == 423
        sent = 300 + len(more)
        until(lambda: offset(server, address) == sent)  # HEAD settles it once the first has gone quiet
        assert first.recv(4096).startswith(b"HTTP/1.1 423 ")
    rest = b"y" * (length - sent)
    assert ask(server, "PATCH", address, {**headers, "Upload-Offset": str(sent)}, rest).status == 204


@pytest.mark.parametrize("path", ["/forms", "/uploads"])
def test_a_refusal_reaches_a_client_that_is_still_sending(tmp_path: Path, path: str) -> None:
    """30 MB against a limit of 1 MB; the client reads the answer only after it has sent everything."""
    with serving(tmp_path / "uploads", {"MAX_FILE_SIZE_MB": 1}) as server:
        headers = {"Content-Type": "multipart/form-data; boundary=x"} if path == "/forms" else OCTETS
        answer = ask(server, "POST", path, {**headers, "Content-Length": str(30 * MIB)}, bytes(30 * MIB))
        assert (answer.status, answer.headers["Connection"]) == (413, "close")
        assert list(server.folder.iterdir()) == []


OCTETS = {"Content-Type": "application/offset+octet-stream", "Upload-Defer-Length": "1"}


def test_a_client_that_asks_first_is_refused_before_it_sends(tmp_path: Path) -> None:
    with serving(tmp_path / "uploads", {"MAX_FILE_SIZE_MB": 1}) as server:
        head = b"POST /forms HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(head + b"Content-Length: 30000000\r\nExpect: 100-continue\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_sends_a_form_and_reads_an_early_refusal(tmp_path: Path, made: Callable[[int], tuple[Path, str]]) -> None:
    path, sha256 = made(3 * MIB)
    with serving(tmp_path / "uploads", {"MAX_FILE_SIZE_MB": 2}) as server:
        curl = ["curl", "-s", "-F", f"file=@{path}", f"{server.address}/forms"]
        assert '"status":413' in subprocess.run(curl, capture_output=True, text=True, check=True).stdout
    with serving(tmp_path / "uploads") as server:
        curl[-1] = f"{server.address}/forms"
        assert sha256 in subprocess.run(curl, capture_output=True, text=True, check=True).stdout


def test_a_server_that_is_asked_to_stop_keeps_what_came(server: Upstart) -> None:
    address = create(server, 1000)
    with begin_patch(server, address, b"x" * 300):
        until(lambda: written(server, address) == 300)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    server.process.wait(timeout=60)
    assert recorded(server, address) == 300


# --- memory ----------------------------------------------------------------------------------------------

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="this system does not tell a process's memory")


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("send", [by_form, by_tuspy])
def test_a_large_upload_leaves_no_trace_in_memory(
    server: Upstart, made: Callable[[int], tuple[Path, str]], send: Callable[[Upstart, Path], str]
) -> None:
    """200 MB. Measured with 2 GB: 1 MiB more than idle at most."""
    send(server, made(WARM)[0])
    figures = measure_one(server, *made(200 * MIB), send)
    assert figures.growth < 8 * MIB
    assert figures.after - figures.idle < 8 * MIB


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("send", [by_form, by_tuspy])
def test_many_uploads_at_once_take_little(
    server: Upstart, made: Callable[[int], tuple[Path, str]], send: Callable[[Upstart, Path], str]
) -> None:
    """20 of 5 MB. Measured with 50 of 20 MB: 16 MiB more than idle."""
    send(server, made(WARM)[0])
    figures = measure_crowd(server, *made(5 * MIB), send, 20)
    assert figures.growth < 16 * MIB
    assert figures.after - figures.idle < 8 * MIB


@needs_proc
def test_an_idle_server_is_small(server: Upstart) -> None:
    assert rss(server.process.pid) < 60 * MIB


@pytest.mark.cgroup
@pytest.mark.slow
def test_uploads_live_within_320_mb_with_their_page_cache(
    tmp_path: Path, made: Callable[[int], tuple[Path, str]]
) -> None:
    """300 MB by form and by tus, then 20 at once, under a hard limit that counts what the disk has not taken yet."""
    if not can_make_cgroups():
        pytest.skip("this system lets us make no memory cgroup")
    path, sha256 = made(300 * MIB)
    with cell(320 * MIB, strict=True) as walls:
        assert isinstance(walls, Group)
        server = start_server(tmp_path / "uploads", enter=walls.enter([]))
        try:
            for send in (by_form, by_tuspy):
                upload_id = send(server, path)
                assert sha256_of(server.folder / upload_id / DATA) == sha256
            small, small_sha256 = made(10 * MIB)
            measure_crowd(server, small, small_sha256, by_form, 20)
            assert not walls.killed()
            assert server.process.poll() is None
            assert walls.reading(server.process.pid) < 160 * MIB
        finally:
            server.kill()
            close(server)
