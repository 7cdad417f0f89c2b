"""What surrounds every request, as layers of ASGI: its id, its line in the log, the safe headers, the last resort."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect

from halfgig.api.logs import REQUEST_ID
from halfgig.api.problems import crash_response
from halfgig.memory.meter import rss

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from halfgig.api.tally import Tally

log = logging.getLogger("halfgig.api")

SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Observed:
    """ASGI layer: gives a request its id, and tells the log and the metrics what became of it."""

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self.app, self._tally = app, tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its id is in the scope's state, in the log, and in a header of the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        token, started, status = REQUEST_ID.set(request_id), time.perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_on)
        finally:
            self._tell(scope, status, time.perf_counter() - started)
            REQUEST_ID.reset(token)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        self._tally.count(scope["method"], route_of(scope), status, seconds)
        facts = {
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status,
            "seconds": round(seconds, 4),
            "memory_bytes": rss(),
        }
        log.log(logging.DEBUG if scope["path"] in QUIET else logging.INFO, "request", extra={"facts": facts})


class SafeHeaders:
    """ASGI layer: headers that keep a browser from doing more with an answer than to show it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers that the answer does not have."""

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", NOTHING)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_on if scope["type"] == "http" else send)


class LastResort:
    """ASGI layer: an error that nobody foresaw is logged, and answered without its inside."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; an answer that has begun cannot be taken back, and its connection is cut."""
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_on)
        except ClientDisconnect:
            log.debug("client gone")
        except Exception:
            if begun or scope["type"] != "http":
                raise
            log.exception("crash")
            await crash_response(scope)(scope, receive, send_on)


def request_id_of(headers: Headers) -> str:
    """The id that the client, or a proxy before us, gave the request where it is a sane one, else a new one."""
    given = headers.get("x-request-id", "")
    return given if SANE_ID.fullmatch(given) else secrets.token_hex(8)


def route_of(scope: Scope) -> str:
    """The template of the route, as /jobs/{job_id}, so that metrics have few names; empty where none took it."""
    return str(getattr(scope.get("route"), "path", ""))
