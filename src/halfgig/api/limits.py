"""Limits on requests, as layers of ASGI: how many at once, and how large a body is that is read whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from halfgig.api.auth import is_open
from halfgig.api.bodies import stated_length
from halfgig.api.hosts import CONNECTIONS
from halfgig.api.problems import error_response, plain_problem, problem_response
from halfgig.errors import TooLarge

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 64 * 1024  # bytes of a body that is held in memory
BODY_SECONDS = 30.0  # in which it must have come
MOST_REQUESTS = 256  # at the same time; streams of events and uploads are among them
MOST_OPEN = 32  # of them for what everybody may ask: whoever fills these keeps no holder of a key out
HEALTH = frozenset({"/healthz", "/readyz"})
FORM = "multipart/form-data"
UPLOADS = "/uploads"
FORMS = frozenset({"/jobs"})  # these take a source as a form


class Crowd:
    """ASGI layer: at most `most` requests at the same time, `most_open` of them for what is open to everybody.

    503 for others, but health is always told.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_REQUESTS, most_open: int = MOST_OPEN) -> None:
        self.app, self._most = app, {True: most_open, False: most - most_open}
        self._now = {True: 0, False: 0}  # by whether it is open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with 503."""
        if scope["type"] not in CONNECTIONS or scope["path"] in HEALTH:
            await self.app(scope, receive, send)
            return
        opened = is_open(scope["path"])
        if self._now[opened] >= self._most[opened]:
            body = plain_problem(503, f"The server works on {self._most[opened]} requests.", "Try again in a moment.")
            await problem_response(scope, body, {"Retry-After": "1"})(scope, receive, send)
            return
        self._now[opened] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._now[opened] -= 1


class Bodies:
    """ASGI layer: reads bodies whole, up to `most` bytes and within `seconds`; uploads stream through untouched."""

    def __init__(self, app: ASGIApp, most: int = MOST_BODY, seconds: float = BODY_SECONDS) -> None:
        self.app, self._most, self._seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body at hand, or refuse it with 413 or 408."""
        if scope["type"] != "http" or streams(scope):
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(scope, receive)
        except TooLarge as error:
            await error_response(scope, error)(scope, receive, send)
        except TimeoutError:
            late = plain_problem(408, f"The body took more than {self._seconds:g} s.", "Send it faster.")
            await problem_response(scope, late)(scope, receive, send)
        else:
            if body is not None:
                await self.app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None where the client has gone."""
        self._check(stated_length(Headers(scope=scope)) or 0)
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            self._check(len(body))
            if not message.get("more_body", False):
                return bytes(body)

    def _check(self, size: int) -> None:
        if size > self._most:
            raise TooLarge(
                f"A body may have {self._most} bytes here.",
                "Send a source as a form to POST /jobs, or through /uploads.",
            )


def streams(scope: Scope) -> bool:
    """Does the route read the body as it comes, minding its size itself?"""
    path = scope["path"]
    if path == UPLOADS or path.startswith(f"{UPLOADS}/"):
        return scope["method"] in {"POST", "PATCH"}
    kind = Headers(scope=scope).get("content-type", "")
    return path in FORMS and scope["method"] == "POST" and kind.lower().startswith(FORM)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then what comes: that the client has gone."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
