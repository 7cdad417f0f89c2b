"""A server of a few lines on 127.0.0.1, which answers by a script and remembers what it was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from benchmarks.serving import answering

from halfgig.client.address import Address
from halfgig.client.client import Client
from halfgig.client.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JOB = {"id": "01jd" + "a" * 22, "kind": "transcript", "state": "queued", "source": {"title": "talk.mp4"}}


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer: TypeAlias = "Callable[[Script, BaseHTTPRequestHandler], None]"


@dataclass
class Script:
    """What is answered, in order; the last answer is given again and again."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> Address:
        return Address("http", "127.0.0.1", self.port)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def then(self, answer: Answer) -> Script:
        self.answers.append(answer)
        return self


def listening(script: Script, handler: BaseHTTPRequestHandler) -> None:
    """Read the request whole."""
    body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
    headers = {name.lower(): value for name, value in handler.headers.items()}
    script.asked.append(Asked(handler.command, handler.path, headers, body))


def says(status: int, value: Any = None, *, text: bytes | None = None, **headers: str) -> Answer:
    """Reads the request, and answers."""

    def answer(script: Script, handler: BaseHTTPRequestHandler) -> None:
        listening(script, handler)
        send(handler, status, json.dumps(value).encode() if text is None else text, **headers)

    return answer


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, told in headers.items():
        handler.send_header(name.replace("_", "-"), told)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def hangs_up(script: Script, handler: BaseHTTPRequestHandler) -> None:
    """Reads the request, and closes the connection without a word."""
    listening(script, handler)


def streams(*events: str) -> Answer:
    """Reads the request, and sends Server-Sent Events until the connection ends."""

    def answer(script: Script, handler: BaseHTTPRequestHandler) -> None:
        listening(script, handler)
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for event in events:
            handler.wfile.write(event.encode())

    return answer


@pytest.fixture
def script() -> Iterator[Script]:
    """The server's script, as long as the test lasts."""
    told = Script()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            told.next()(told, self)
            self.close_connection = True

        do_GET = do_POST = do_DELETE = answer  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_port
    with answering(server):
        yield told


@pytest.fixture
def pauses() -> list[float]:
    """What the client has slept, in seconds; it does not really."""
    return []


@pytest.fixture
def client(script: Script, pauses: list[float]) -> Client:
    def clock() -> float:
        return sum(pauses)

    patience = Patience(pauses=(1.0, 2.0), longest=30.0, outage=10.0)
    return Client(script.address, "hg_secret", patience, sleep=pauses.append, clock=clock)
