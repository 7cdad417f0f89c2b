"""A small HTTP origin for tests of pulls: it plays one scripted answer per request, then behaves."""

from __future__ import annotations

import hashlib
import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.serving import answering

from halfgig.models.manifest import File, Kind, Model, Url

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Origin:
    """What the origin serves. `script` holds answers for the next requests:

    an int is a status; ("drop", n) closes after n bytes; "wrong" sends other bytes of the same length; "longer"
    sends too much without a length; "shorter" states a byte too few; "ignore-range" answers 200; "elsewhere" resumes
    at another byte; "held" sends the half, and the rest when `go_on` is set; "redirect" points to the same path once
    more.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    script: list[object] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def url(self, name: str) -> Url:
        return Url(f"{self.address}/{name}")

    def file(self, name: str, *others: Any, size: int = 300_000) -> File:
        """A file of random bytes that this origin serves, with `others` as origins behind it."""
        data = random.Random(name).randbytes(size)
        self.files[f"/{name}"] = data
        return File(name, len(data), hashlib.sha256(data).hexdigest(), (self.url(name), *others))

    def model(self, id: str = "thing", *files: File) -> Model:
        return Model(id, Kind.VAD, "a thing", "MIT", files or (self.file("weights"),), ready_size=1)


class _Answer(BaseHTTPRequestHandler):
    origin: Origin

    def do_GET(self) -> None:
        origin = self.origin
        origin.ranges.append(self.headers["Range"])
        act = origin.script.pop(0) if origin.script else "ok"
        data = origin.files.get(self.path)
        if isinstance(act, int) or data is None:
            self.send_error(act if isinstance(act, int) else 404)
            return
        if act == "redirect":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.serve(act, data)

    def serve(self, act: object, data: bytes) -> None:
        start = 0 if act == "ignore-range" else self.start()
        body = bytes(byte ^ 1 for byte in data[start:]) if act == "wrong" else data[start:]
        told = start + 1 if act == "elsewhere" else start
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {told}-{len(data) - 1}/{len(data)}")
        if act == "longer":
            body += b"more"
        elif act == "shorter":
            body = body[:-1]
        if act != "longer":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.write(act, body)

    def write(self, act: object, body: bytes) -> None:
        if isinstance(act, tuple):
            body = body[: act[1]]
        if act == "held":
            half = len(body) // 2
            self.wfile.write(body[:half])
            while not self.origin.go_on.wait(1):  # a byte now and then, so that nobody takes us for dead
                self.wfile.write(body[half : half + 1])
                half += 1
            body = body[half:]
        self.wfile.write(body)

    def start(self) -> int:
        stated = self.headers["Range"]
        return int(stated.removeprefix("bytes=").removesuffix("-")) if stated else 0

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that goes away is what some tests are about


@pytest.fixture
def origin() -> Iterator[Origin]:
    """An origin on 127.0.0.1; give it files with `origin.file(name)`."""
    with serving() as origin:
        yield origin


@contextmanager
def serving() -> Iterator[Origin]:
    origin = Origin()
    server = _Server(("127.0.0.1", 0), type("Answer", (_Answer,), {"origin": origin}))
    with answering(server) as origin.address:
        try:
            yield origin
        finally:
            origin.go_on.set()
