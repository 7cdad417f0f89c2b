"""The server as a process: where it may listen, its socket, and uvicorn on it until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn

from halfgig.api.app import create_app
from halfgig.api.auth import keys_of
from halfgig.api.protocol import BoundedProtocol
from halfgig.api.supervision import make_supervisor
from halfgig.errors import BadRequest
from halfgig.jobs.sole import sole_server
from halfgig.memory.meter import rss
from halfgig.operations.indexes import index_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from halfgig.settings import Settings

log = logging.getLogger("halfgig.api")

GRACE = 20  # seconds for requests to end; hosts kill 30 s after they ask
KEEP_ALIVE = 15  # seconds that an idle connection stays
BACKLOG = 512  # connections that wait to be accepted
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LARGEST_PORT = 65_535
MOST_MESSAGE = 1024 * 1024  # bytes of a WebSocket's message; what is larger closes it


def serve(settings: Settings) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; then requests are finished and jobs are checkpointed.

    Errors: BadRequest where the address cannot be listened on, or may not without keys, or INDEX_URL names no index;
    LibraryError where another server uses the folder; those of `create_app`, and of what it opens.
    """
    refuse_public(settings)
    index_place(settings).close()
    with sole_server(settings.data_dir), listen(settings.host, settings.port) as listener:
        server = Server(create_app(settings, make_supervisor), settings)
        log.info("listening", extra={"facts": {"address": shown(listener), "memory_bytes": rss()}})
        server.run([listener])


def refuse_public(settings: Settings) -> None:
    """Raise BadRequest where others could use the server without a key, and nobody has allowed it.

    Also, as of `keys_of`, for keys that cannot be read.
    """
    if keys_of(settings).known or settings.allow_public or is_loopback(settings.host):
        return
    raise BadRequest(
        f"Whoever reaches {settings.host} could use the server, since it has no API keys.",
        "Set API_KEYS to what halfgig serve --new-key prints, or allow it with --public or ALLOW_PUBLIC=1.",
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises BadRequest where it cannot.

    What is accepted on it sends at once: asyncio sees to that only for sockets that name their protocol, and without it
    the second half of a short answer waits 40 ms for the client to acknowledge the first.
    """
    try:
        if port > LARGEST_PORT:
            raise OSError(f"the largest port is {LARGEST_PORT}")
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadRequest(
            f"The server cannot listen on {host}, port {port} ({why}).", "Choose others with --host and --port."
        ) from error


def shown(listener: socket.socket) -> str:
    """The address of a socket as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """uvicorn, told to keep its own log silent, and to let the app know at once that it is to stop."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=BoundedProtocol,
            ws="none",  # the protocol has its own
            ws_max_size=MOST_MESSAGE,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE,
        )
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: streams of events end and the supervisor stops its children while requests are finished."""
        log.info("stopping", extra={"facts": {"memory_bytes": rss()}})
        self._app.state.halfgig.stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on the usual signals, and with exit code 0: it was asked for. uvicorn would raise them again."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
