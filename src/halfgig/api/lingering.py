"""Answers that come before the request's body has, such as a 413: sent at once, with the connection closed gently.

A connection that is closed while the client still sends is reset, and the client may never read the answer. So the
rest is read and forgotten for a while, until the client has seen the answer and stops.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from halfgig.records import Bytes, Seconds

LINGER: Seconds = 10.0
SMALL: Bytes = 64 * 1024  # what may be left of a body that the server reads by itself, keeping the connection


class Lingering:
    """Middleware around the whole app."""

    def __init__(self, app: ASGIApp, linger: Seconds = LINGER) -> None:
        self._app, self._linger = app, linger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does."""
        if scope["type"] == "http":
            body = _Body(scope, receive)
            await self._app(scope, body.receive, _Answer(body, send, self._linger).send)
        else:
            await self._app(scope, receive, send)


class _Answer:
    """The answer to a request; its end waits while much of the body is still to come."""

    def __init__(self, body: _Body, send: Send, linger: Seconds) -> None:
        self._body, self._send, self._linger = body, send, linger

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._body.much_left:
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        ends = message["type"] == "http.response.body" and not message.get("more_body", False)
        if ends and self._body.much_left:
            await self._send({**message, "more_body": True})
            await self._body.drain(self._linger)
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)


class _Body:
    """How much of a request's body is still to come."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        stated = headers.get(b"content-length", b"0")
        self._left: float = int(stated) if stated.isdigit() else 0
        if b"transfer-encoding" in headers:
            self._left = float("inf")
        self._refused = headers.get(b"expect", b"").lower() == b"100-continue"  # unless the app asks for the body
        self._receive = receive

    @property
    def much_left(self) -> bool:
        return self._left > SMALL

    async def receive(self) -> Message:
        self._refused = False
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if not message.get("more_body", False):
            self._left = 0
        return message

    async def drain(self, linger: Seconds) -> None:
        if self._refused:  # reading would invite the client to send
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(linger):
                while self._left:
                    await self.receive()
