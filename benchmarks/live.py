"""A real server in a process of its own, and a plain client of it that bears with being cut off."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from halfgig.records import Bytes, Seconds

    Body = bytes | Iterable[bytes]  # one that is asked for again begins anew

PIECE: Bytes = 1 << 20  # read of a source at a time
READY: Seconds = 120.0
LOOK: Seconds = 0.02  # between two looks whether it is ready
HOST = "127.0.0.1"
GONE = (OSError, http.client.HTTPException)


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass
class LiveServer:
    """`halfgig serve`, or what else `command` says, on a data folder; `log` gets what it says. It may be killed and
    started again.

    `enter` makes of its command one that begins elsewhere, as in a control group; `module` stands in for halfgig.
    """

    data: Path
    log: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    enter: Callable[[Sequence[str]], list[str]] = list
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    module: str = "halfgig"
    command: str = "serve"
    host: str = HOST

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it."""
        environment = {**os.environ, "HALFGIG_DATA": str(self.data), **self.settings}
        command = [sys.executable, "-m", self.module, self.command, "--host", self.host, "--port", str(self.port)]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(self.enter(command), env=environment, stdout=out, stderr=out)

    def wait(self) -> None:
        """Wait until it is ready; RuntimeError where it ends instead, or takes too long."""
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text()[-2000:]}")
            with suppress(*GONE):
                if self.request("GET", "/readyz")[0] == 200:
                    return
            time.sleep(LOOK)
        raise RuntimeError("the server is not ready")

    def kill(self) -> None:
        """kill -9; its children die with it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=READY)

    def children(self) -> list[int]:
        """The ids of its child processes."""
        if self.process is None:
            return []
        lists = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        with suppress(OSError):
            return [int(pid) for path in lists for pid in path.read_text().split()]
        return []

    def request(
        self, method: str, path: str, body: Body | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers in lower case, body); OSError or HTTPException where it is cut off."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """The JSON of a GET."""
        status, _, body = self.request("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body[:500]!r}")
        return json.loads(body)


class Answering(Protocol):
    """A server, or several that are one to their clients."""

    def request(
        self, method: str, path: str, body: Body | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers in lower case, body); OSError or HTTPException where it is cut off."""

    def json(self, path: str) -> Any:
        """The JSON of a GET."""


class Client:
    """Sends sources until they are accepted, through restarts of the server. One thread."""

    def __init__(self, server: Answering, patience: Seconds = 120.0) -> None:
        self.server, self.patience = server, patience

    def insist(
        self, method: str, path: str, body: Body | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask again until there is an answer that is not the server's own trouble."""
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            with suppress(*GONE):
                answer = self.server.request(method, path, body, headers)
                if answer[0] not in (423, 429, 500, 502, 503, 504):
                    return answer
            time.sleep(0.1)
        raise RuntimeError(f"{method} {path} was never answered")

    def send_form(self, content: Content, kind: str, options: Mapping[str, Any]) -> str:
        """A job from a multipart form; the same key each time, so that it is made once. Returns its id."""
        body = Form(content, {"kind": kind, "options": json.dumps(options)})
        return _job_id(self.insist("POST", "/jobs", body, {**body.headers, "Idempotency-Key": uuid4().hex}))

    def send_by_tus(self, content: Content, kind: str, options: Mapping[str, Any], piece: Bytes = 200_000) -> str:
        """A job from a resumable upload in pieces. Returns the job's id."""
        return self._send_wish(kind, {"upload": self.upload(content, piece)}, options)

    def send_url(self, url: str, kind: str, options: Mapping[str, Any]) -> str:
        """A job whose source the server fetches itself. Returns the job's id."""
        return self._send_wish(kind, {"url": url}, options)

    def _send_wish(self, kind: str, source: Mapping[str, str], options: Mapping[str, Any]) -> str:
        wish = {"kind": kind, "source": source, "options": options}
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}
        return _job_id(self.insist("POST", "/jobs", json.dumps(wish).encode(), headers))

    def upload(self, content: Content, piece: Bytes) -> str:
        """The id of a whole upload, each piece sent from the offset that the server names."""
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(content.size)}
        status, told, body = self.insist("POST", "/uploads", b"", headers)
        if status != 201:
            raise RuntimeError(f"no upload was made: {status} {body[:300]!r}")
        place, offset = told["location"], 0
        while offset < content.size:
            self._send_piece(place, content, offset, piece)
            _, told, _ = self.insist("HEAD", place, headers={"Tus-Resumable": "1.0.0"})
            offset = int(told["upload-offset"])
        return place.rpartition("/")[2]

    def _send_piece(self, place: str, content: Content, offset: Bytes, piece: Bytes) -> None:
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(min(piece, content.size - offset)),
        }
        with suppress(*GONE):
            self.server.request("PATCH", place, content.pieces(offset, piece), headers)

    def ended(self, job_id: str, patience: Seconds = 900.0) -> dict[str, Any]:
        """The job once it has ended."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            status, _, body = self.insist("GET", f"/jobs/{job_id}")
            if status != 200:
                raise RuntimeError(f"job {job_id} is lost: {status}")
            job: dict[str, Any] = json.loads(body)
            if job["state"] not in ("queued", "running"):
                return job
            time.sleep(0.2)
        raise RuntimeError(f"job {job_id} did not end: {body[:500]!r}")


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent: the bytes of a file, and `tail` behind them."""

    path: Path
    tail: bytes = b""

    @property
    def size(self) -> Bytes:
        """Bytes in all."""
        return self.path.stat().st_size + len(self.tail)

    def pieces(self, start: Bytes = 0, most: Bytes | None = None) -> Iterator[bytes]:
        """Up to `most` bytes from `start` on, none of them held longer than it takes to send it."""
        left = self.size - start if most is None else min(most, self.size - start)
        behind = max(0, start - (self.size - len(self.tail)))  # bytes of the tail that are passed over
        with self.path.open("rb") as file:
            file.seek(start)
            while left > 0 and (piece := file.read(min(PIECE, left))):
                left -= len(piece)
                yield piece
        yield self.tail[behind : behind + left]


class Form:
    """A multipart body with fields and a file, which can be sent again."""

    def __init__(self, content: Content, fields: Mapping[str, str]) -> None:
        border = uuid4().hex
        parts = [
            f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        file = f'name="file"; filename="{content.path.name}"'
        head = f"--{border}\r\nContent-Disposition: form-data; {file}\r\n\r\n".encode()
        self._content, self._head = content, b"".join([*parts, head])
        self._tail = f"\r\n--{border}--\r\n".encode()
        length = len(self._head) + content.size + len(self._tail)
        self.headers = {"Content-Type": f"multipart/form-data; boundary={border}", "Content-Length": str(length)}

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._content.pieces()
        yield self._tail


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a log, as text."""
    yield from path.read_text(errors="replace").splitlines()


def _job_id(answer: tuple[int, dict[str, str], bytes]) -> str:
    status, _, body = answer
    if status != 202:
        raise RuntimeError(f"the job was not accepted: {status} {body[:500]!r}")
    return str(json.loads(body)["id"])
