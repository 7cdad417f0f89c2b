"""Hosts: which names the server answers to, and from which pages. It keeps a web page from using a server on loopback.

A page may reach 127.0.0.1 by a name of its own that it lets point there (DNS rebinding), or send a form there unasked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from halfgig.api.problems import error_response, plain_problem, problem_response
from halfgig.errors import Forbidden

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
READS = frozenset({"GET", "HEAD", "OPTIONS"})
CONNECTIONS = frozenset({"http", "websocket"})  # kinds of scopes that somebody from outside has opened


class Hosts:
    """ASGI layer: refuses what is sent to another name than `names` (none: any name will do).

    With `from_pages` False, a page of another origin than the server's own and than `origins` may change nothing.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str], origins: frozenset[str], *, from_pages: bool) -> None:
        self.app, self._names, self._origins, self._from_pages = app, names, origins, from_pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with 421 or 403."""
        if scope["type"] not in CONNECTIONS:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        name = host_name(headers.get("host", ""))
        if self._names and name not in self._names:
            body = plain_problem(421, "This server has another name.", "Use a name that TRUSTED_HOSTS lists.")
            await problem_response(scope, body)(scope, receive, send)
        elif not self._from_pages and self._is_foreign(method_of(scope), headers):
            error = Forbidden("A page of another origin may not do this.", "List the origin in CORS_ORIGINS.")
            await error_response(scope, error)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _is_foreign(self, method: str, headers: Headers) -> bool:
        origin = headers.get("origin")
        if method in READS or origin is None or origin in self._origins:
            return False
        return not is_own_origin(headers)


def method_of(scope: Scope) -> str:
    """The method of a request; a WebSocket has none, and is minded like what changes something: it is no mere GET."""
    return str(scope.get("method", ""))


def is_own_origin(headers: Headers) -> bool:
    """Is the origin in these headers the server itself, by the name that it is asked under?"""
    return _place(headers.get("origin", "")) == headers.get("host", "").lower() != ""


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def host_name(host: str) -> str:
    """The name in a Host header, without its port and in lower case; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
