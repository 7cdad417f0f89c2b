"""A server on this machine whose answers a test decides: what it is asked is kept, and faults may be put in its way."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from benchmarks.serving import answering

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator


@dataclass(frozen=True)
class Asked:
    """One request: its query as pairs, its body as JSON and as it came."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: Any
    size: int


@dataclass(frozen=True)
class Answered:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # bytes of the body after which the line breaks


@dataclass(frozen=True)
class Fault:
    """Instead of the next answer whose path ends so: another, or none at all. `done` does the work all the same.

    `cut` does it, and sends so many bytes of the answer's body.
    """

    path: str
    answer: Answered | None
    done: bool = False
    cut: int | None = None


class Service(Protocol):
    """What a fake knows and does."""

    faults: deque[Fault]
    asked: list[Asked]

    def answer(self, asked: Asked) -> Answered:
        """The answer of a server in good health."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: Service
    lock: threading.Lock
    wrong: list[Exception]

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(size)
        if len(raw) < size:  # whoever sent it died meanwhile
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        body = json.loads(raw) if raw else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, tuple(parse_qsl(parts.query)), headers, body, size)
        try:
            with self.lock:
                answer = self._answer(asked)
        except Exception as error:
            self.wrong.append(error)
            raise
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        payload = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload[: answer.cut])
        self.close_connection |= answer.cut is not None

    def _answer(self, asked: Asked) -> Answered | None:
        self.service.asked.append(asked)
        fault = next((one for one in self.service.faults if asked.path.endswith(one.path)), None)
        if fault is None:
            return self.service.answer(asked)
        self.service.faults.remove(fault)
        if fault.cut is not None:
            return replace(self.service.answer(asked), cut=fault.cut)
        if fault.done:
            self.service.answer(asked)
        return fault.answer

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # so http.server wants them

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them, so that a test leaves none
    block_on_close = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a connection that a fault has cut


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """The address at which the service answers, as long as the block lasts.

    Raises at its end where the service was asked, or answered, what it must not.
    """
    wrong: list[Exception] = []
    facts = {"service": service, "lock": threading.Lock(), "wrong": wrong, "timeout": 2}
    handler = type("Handler", (_Handler,), facts)
    server = _Server(("127.0.0.1", 0), handler)
    try:
        with answering(server) as address:
            yield address
    finally:
        if wrong:
            raise wrong[0]
