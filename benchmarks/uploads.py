"""What uploads take of the server's memory, by form and by tus: `python -m benchmarks.uploads [--mb 2048]`.

Prints a table, and writes JSON beside the other results. The clients are http.client, tuspy and, where node is there,
tus-js-client; each upload's SHA-256 is compared.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, cast

from tusclient.client import TusClient

from benchmarks.table import Row, printed, write
from halfgig.errors import MIB
from halfgig.memory.cores import granted_cores
from halfgig.memory.meter import peak_rss, rss
from halfgig.store.upload import DATA
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from halfgig.records import Bytes, Seconds

PROJECT = Path(__file__).resolve().parents[1]
CLIENTS = PROJECT / "tests" / "clients"
BOUNDARY = "halfgig-boundary"
PIECE = MIB  # bytes that a client reads at a time
CROWD, CROWD_SIZE = 50, 20 * MIB


@dataclass(frozen=True, slots=True)
class Upstart:
    """A running server of uploads."""

    process: subprocess.Popen[str]
    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def held(self) -> Bytes:
        return rss(self.process.pid)

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak(self) -> Bytes:
        return peak_rss(self.process.pid)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def start_server(
    folder: Path, settings: Mapping[str, object] = MappingProxyType({}), port: int = 0, enter: Sequence[str] = ()
) -> Upstart:
    """A server that listens; `enter` is a command before it, as one that joins a control group."""
    command = [*enter, sys.executable, "-m", "benchmarks.upload_server", str(folder), str(port)]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", **{name: str(value) for name, value in settings.items()}}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=environment)
    line = cast("IO[str]", process.stdout).readline()
    if not line.startswith("listening on "):
        raise RuntimeError(f"the server did not start, exit {process.wait()}")
    return Upstart(process, int(line.split()[-1]), folder)


@contextmanager
def serving(folder: Path, settings: Mapping[str, object] = MappingProxyType({})) -> Iterator[Upstart]:
    """A server for the block."""
    server = start_server(folder, settings)
    try:
        yield server
    finally:
        server.kill()
        cast("IO[str]", server.process.stdout).close()


def make_file(path: Path, size: Bytes) -> str:
    """Fill `path` with `size` random bytes; their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, 8 * MIB):
            piece = os.urandom(min(8 * MIB, size - start))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- clients ---------------------------------------------------------------------------------------------


def by_form(server: Upstart, path: Path) -> str:
    """Post the file as a form; the id of its upload."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'.encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    length = len(head) + path.stat().st_size + len(tail)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": str(length)}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("POST", "/forms", body=form_pieces(head, path, tail), headers=headers)
    answer = json.load(connection.getresponse())
    connection.close()
    return str(answer["upload"]["id"])


def form_pieces(head: bytes, path: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
    yield tail


def by_tuspy(server: Upstart, path: Path, chunk: Bytes = 64 * MIB, *, checksum: bool = False) -> str:
    """Send the file by tuspy, which reads a chunk into memory for each request; the id of its upload."""
    client = TusClient(f"{server.address}/uploads")
    with path.open("rb") as file:  # tuspy would not close a file that it opens
        uploader = client.uploader(
            file_stream=file, chunk_size=chunk, upload_checksum=checksum, metadata={"filename": path.name}
        )
        uploader.upload()
    return str(uploader.url).rpartition("/")[2]


def by_tus_js(server: Upstart, path: Path, clients: Path) -> str:
    """Send the file by tus-js-client in one request; the id of its upload."""
    command = ["node", "tus_upload.mjs", f"{server.address}/uploads", str(path)]
    told = subprocess.run(command, cwd=clients, capture_output=True, text=True, check=True).stdout.splitlines()
    return next(line for line in told if line.startswith("at ")).rpartition("/")[2]


def install_clients(folder: Path) -> Path:
    """tus-js-client as its lock file pins it, in `folder`; RuntimeError where node, npm or the package is not there."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise RuntimeError("node or npm is not installed")
    shutil.copytree(CLIENTS, folder, dirs_exist_ok=True)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"npm cannot install tus-js-client: {done.stderr.strip().splitlines()[-1:]}")
    return folder


# --- figures ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """What one kind of upload took, in seconds and bytes: memory before, at most, and after."""

    seconds: Seconds
    idle: Bytes
    peak: Bytes
    after: Bytes

    @property
    def growth(self) -> Bytes:
        return self.peak - self.idle


def measure(server: Upstart, work: Callable[[], object]) -> Figures:
    """What `work` makes the server hold. The peak is the kernel's own mark, begun anew."""
    server.forget_peak()
    idle, begun = server.held(), time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    return Figures(seconds, idle, server.peak(), server.held())


def measure_one(server: Upstart, path: Path, sha256: str, send: Callable[[Upstart, Path], str]) -> Figures:
    """One upload; its bytes on disk are compared, and taken away."""
    sent: list[str] = []
    figures = measure(server, lambda: sent.append(send(server, path)))
    check(server, sent[0], sha256)
    return figures


def check(server: Upstart, upload_id: str, sha256: str) -> None:
    store = UploadStore(server.folder)
    if sha256_of(server.folder / upload_id / DATA) != sha256:
        raise RuntimeError("the bytes on disk are not those that were sent")
    store.remove(upload_id)


def measure_crowd(
    server: Upstart, path: Path, sha256: str, send: Callable[[Upstart, Path], str], count: int
) -> Figures:
    """`count` uploads of one file at the same time."""
    sent: list[str] = []

    def crowd() -> None:
        clients = [threading.Thread(target=lambda: sent.append(send(server, path))) for _ in range(count)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()

    figures = measure(server, crowd)
    if len(sent) != count:
        raise RuntimeError(f"{count - len(sent)} of {count} uploads failed")
    for upload_id in sent:
        check(server, upload_id, sha256)
    return figures


def rows(size: Bytes, clients: Path | None) -> Iterator[Row]:
    """Every measurement, each in a server of its own that has served one small upload before."""
    ways: dict[str, Callable[[Upstart, Path], str]] = {"form": by_form, "tus, tuspy": by_tuspy}
    if clients:
        ways["tus, tus-js-client"] = lambda server, path: by_tus_js(server, path, clients)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        large, small = Path(folder) / "large", Path(folder) / "small"
        sums = {large: make_file(large, size), small: make_file(small, CROWD_SIZE)}
        for name, send in ways.items():
            with serving(Path(folder) / "uploads") as server:
                send(server, small)
                figures = measure_one(server, large, sums[large], send)
                yield row(f"{size // MIB} MB by {name}", figures, size)
        for name in ("form", "tus, tuspy"):
            with serving(Path(folder) / "uploads") as server:
                ways[name](server, small)
                figures = measure_crowd(server, small, sums[small], ways[name], CROWD)
                yield row(f"{CROWD} x {CROWD_SIZE // MIB} MB at once by {name}", figures, CROWD * CROWD_SIZE)


def row(what: str, figures: Figures, size: Bytes) -> Row:
    grown, left = (figures.peak - figures.idle) / MIB, (figures.after - figures.idle) / MIB
    note = f"idle {figures.idle / MIB:.1f}, at most {grown:+.1f}, after {left:+.1f} MiB"
    rate = size / MIB / figures.seconds
    return Row("uploads", what, seconds=figures.seconds, rate=rate, rss=figures.peak / MIB, note=note)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.uploads", description=__doc__)
    parser.add_argument("--mb", type=int, default=2048, help="size of the large upload")
    size: Any = parser.parse_args().mb * MIB
    with tempfile.TemporaryDirectory() as folder:
        try:
            clients: Path | None = install_clients(Path(folder))
        except RuntimeError as error:
            print(f"without tus-js-client: {error}", file=sys.stderr)
            clients = None
        measured = list(rows(size, clients))
    print(printed(measured))
    print(f"\nwritten to {write(measured, Path(__file__).parent / 'results', threads=granted_cores())}")


if __name__ == "__main__":
    main()
