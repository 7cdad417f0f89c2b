"""The bounds of a connection, on a real socket of this machine."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from halfgig.api import protocol
from halfgig.api.protocol import MOST_HEAD, MOST_HEADERS, BoundedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send


PATIENCE = 120.0  # seconds; only a test that fails waits so long


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


async def served(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> Any:
    """What `talk` says of a connection to a server with the bounded protocol."""
    config = uvicorn.Config(hello, http=BoundedProtocol, lifespan="off", log_config=None, log_level="error")
    config.load()
    state = uvicorn.Server(config).server_state
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        return await asyncio.wait_for(talk(reader, writer), PATIENCE)
    finally:
        writer.close()
        server.close()


def answer_to(*pieces: bytes) -> bytes:
    """All that comes back for these bytes, until the server closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        try:
            return await reader.read()
        except ConnectionError:
            return b""

    return bytes(asyncio.run(served(talk)))


def request(*headers: bytes, path: bytes = b"/") -> bytes:
    lines = [b"GET " + path + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers]
    return b"\r\n".join([*lines, b"", b""])


def test_an_ordinary_request_passes() -> None:
    assert answer_to(request(b"X-A: " + b"a" * 8000)).startswith(b"HTTP/1.1 200")
    assert answer_to(request()[:20], request()[20:]).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "asked",
    [
        request(b"X-A: " + b"a" * MOST_HEAD),
        request(path=b"/" + b"a" * MOST_HEAD),
        request(*[b"X-%d: a" % number for number in range(MOST_HEADERS)]),
    ],
)
def test_a_large_head_is_refused(asked: bytes) -> None:
    head, _, body = answer_to(asked).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 431


def test_a_head_without_end_is_cut_off() -> None:
    answer = answer_to(b"GET / HTTP/1.1\r\nX-A: ", *[b"a" * 50_000] * 10)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")  # what was sent after the answer may take it along


def test_what_is_no_http_is_refused() -> None:
    head, _, body = answer_to(b"\x16\x03\x01 hello\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["remedy"]


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a"])
def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    assert answer_to(sent) == b""


def test_a_body_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 1.0)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n1")
        await asyncio.sleep(1.2)
        writer.write(b"2")
        return await reader.read()

    assert asyncio.run(served(talk)).startswith(b"HTTP/1.1 200")


def test_a_connection_may_be_used_again() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
        answers = []
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n")
            answers.append(await reader.readuntil(b"\r\n\r\nhi"))
        return answers

    assert [answer[:12] for answer in asyncio.run(served(talk))] == [b"HTTP/1.1 200"] * 3
