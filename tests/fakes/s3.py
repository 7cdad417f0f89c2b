"""S3 on this machine: moto's server as a process, and a front that can be made to answer as a busy storage does."""

from __future__ import annotations

import http.client
import importlib.util
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen
from uuid import uuid4

from benchmarks.serving import answering
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDS = ("obstore", "moto", "flask", "flask_cors")
SERVED = """
import sys
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass
class Front:
    """What stands before S3: it hands requests on, except while it is busy. `asked` are the headers of each."""

    port: int
    busy_until: float = 0.0
    refused: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    address: str = ""

    def environment(self) -> dict[str, str]:
        return {**KEYS, "AWS_ENDPOINT_URL": self.address, "AWS_ALLOW_HTTP": "true"}

    def be_busy(self, seconds: float) -> None:
        self.busy_until = time.monotonic() + seconds

    def make_bucket(self) -> str:
        """A bucket that holds nothing; its address for BLOB_URL."""
        name = f"bucket-{uuid4().hex[:12]}"
        urlopen(Request(f"{self.address}/{name}", method="PUT")).read()
        return f"s3://{name}/some/prefix"

    def want_keys(self, count: str) -> None:
        """Let S3 know only keys that somebody has made, after so many more requests; "inf": any keys will do."""
        body, kind = count.encode(), {"Content-Type": "text/plain"}
        urlopen(Request(f"http://127.0.0.1:{self.port}/moto-api/reset-auth", body, kind, method="POST")).read()


def is_here() -> bool:
    """Whether S3 and what speaks with it are installed."""
    return all(importlib.util.find_spec(name) for name in NEEDS)


@contextmanager
def s3_server(host: str = "127.0.0.1") -> Iterator[Front | None]:
    """S3 behind its front, which listens on `host`; None where moto or obstore is not installed."""
    if not is_here():
        yield None
        return
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", SERVED], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    )
    with process:  # its end comes with the end of its standard input
        assert process.stdout is not None
        port = int(process.stdout.readline())
        until(lambda: _answers(port))
        front = Front(port)
        handler = type("Handler", (_Handler,), {"front": front})
        server = ThreadingHTTPServer((host, 0), handler)
        with answering(server) as front.address:
            yield front


def _answers(port: int) -> bool:
    try:
        return bool(urlopen(f"http://127.0.0.1:{port}/moto-api/data.json").read())
    except OSError:
        return False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # so that no line stays open, with a thread, after a test
    disable_nagle_algorithm = True
    front: Front

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.front.asked.append({name.lower(): value for name, value in self.headers.items()})
        if time.monotonic() < self.front.busy_until:
            self.front.refused += 1
            self._answer(503, "Slow Down", [], BUSY)
            return
        line = http.client.HTTPConnection("127.0.0.1", self.front.port, timeout=60)
        try:
            line.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = line.getresponse()
            self._answer(answer.status, answer.reason, answer.getheaders(), answer.read())
        finally:
            line.close()

    def _answer(self, status: int, reason: str, headers: list[tuple[str, str]], body: bytes) -> None:
        left_out = {"connection", "transfer-encoding"} | (set() if self.command == "HEAD" else {"content-length"})
        self.send_response_only(status, reason)
        for name, value in headers:
            if name.lower() not in left_out:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> Any:
        """One way for every method: the server looks for do_GET and the like."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
