"""A port that tells hosts how a worker is: a few paths, answered by asyncio alone, for a worker has no web server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from halfgig.records import Seconds

MOST_HEAD = 8_192  # bytes of a request
PATIENCE: Seconds = 5.0  # for a request to come, and for its answer to be made and taken
MOST_AT_ONCE = 16  # who comes then is cut off
TEXT, JSON = "text/plain; version=0.0.4; charset=utf-8", "application/json"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its body, status and media type."""

    body: str
    status: int = 200
    media_type: str = JSON


class HealthPort:
    """Answers on connections, one request each; `routes` gives for each path what makes its answer."""

    def __init__(self, routes: Mapping[str, Callable[[], Awaitable[Told]]]) -> None:
        self._routes, self._open = routes, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close."""
        self._open += 1
        try:
            if self._open <= MOST_AT_ONCE:
                with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                    await asyncio.wait_for(self._answer(reader, writer), PATIENCE)
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.decode("latin-1").partition(" ")
        path = rest.split(" ", 1)[0].partition("?")[0]
        told = await self._told(method, path)
        body = told.body.encode()
        writer.write(
            f"HTTP/1.1 {told.status} {HTTPStatus(told.status).phrase}\r\ncontent-type: {told.media_type}\r\n"
            f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n".encode()
        )
        writer.write(b"" if method == "HEAD" else body)
        await writer.drain()

    async def _told(self, method: str, path: str) -> Told:
        if method not in ("GET", "HEAD"):
            return Told('{"status": "only GET"}', 405)
        route = self._routes.get(path)
        return Told('{"status": "not found"}', 404) if route is None else await route()


@asynccontextmanager
async def health_port(host: str, port: int, routes: Mapping[str, Callable[[], Awaitable[Told]]]) -> AsyncIterator[str]:
    """Answer there until the block ends; its value is the address. BadRequest where nobody can listen there."""
    try:
        server = await asyncio.start_server(HealthPort(routes).serve, host.strip("[]"), port, limit=MOST_HEAD)
    except (OSError, OverflowError) as error:
        detail = f"The worker cannot listen on {host}, port {port} ({error})."
        raise BadRequest(detail, "Choose others with --host and --port.") from error
    try:
        there, chosen = server.sockets[0].getsockname()[:2]
        yield f"http://[{there}]:{chosen}" if ":" in there else f"http://{there}:{chosen}"
    finally:
        server.close()
        await server.wait_closed()
