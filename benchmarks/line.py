"""A plain WebSocket client, by wsproto over a blocking socket: one line to /reps/live."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE = 120.0  # seconds that an answer may take
PIECE = 64 * 1024
HEAD = struct.Struct("<d")


class Closed(Exception):
    """The server has closed the line; `code` and `reason` are its own, `code` an HTTP status where it never opened."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


@dataclass
class Line:
    """An open line: send moments, hear what is said of them."""

    socket: socket.socket
    connection: WSConnection = field(default_factory=lambda: WSConnection(ConnectionType.CLIENT))
    _events: list[Event] = field(default_factory=list)
    _text: str = ""

    def send_picture(self, time: float, jpeg: bytes) -> None:
        """Send a JPEG with its time."""
        self._send(BytesMessage(HEAD.pack(time) + jpeg))

    def send_bytes(self, message: bytes) -> None:
        """Send a binary message as it is."""
        self._send(BytesMessage(message))

    def send_text(self, message: str) -> None:
        """Send a text message as it is."""
        self._send(TextMessage(message))

    def send(self, message: Any) -> None:
        """Send JSON."""
        self.send_text(json.dumps(message))

    def hear(self) -> Any:
        """The next message of the server. Raises Closed."""
        while True:
            event = self._next()
            if isinstance(event, TextMessage):
                self._text += event.data
                if event.message_finished:
                    told, self._text = self._text, ""
                    return json.loads(told)
            elif isinstance(event, Ping):
                self._send(event.response())
            elif isinstance(event, CloseConnection):
                raise Closed(event.code, event.reason or "")

    def open(self, host: str, target: str, headers: Mapping[str, str]) -> None:
        """Shake hands. Raises Closed where the server will not."""
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._send(Request(host=host, target=target, extra_headers=given))
        event = self._next()
        if isinstance(event, RejectConnection):
            raise Closed(event.status_code)
        assert isinstance(event, AcceptConnection), event

    def _next(self) -> Event:
        while not self._events:
            received = self.socket.recv(PIECE)
            if not received:
                raise Closed(1006)
            self.connection.receive_data(received)
            self._events.extend(self.connection.events())
        return self._events.pop(0)

    def _send(self, event: Event) -> None:
        try:
            self.socket.sendall(self.connection.send(event))
        except (LocalProtocolError, ConnectionError):
            raise Closed(1006, "it was closed before this was sent") from None


@contextmanager
def opened(
    address: str,
    exercise: str = "auto",
    *,
    headers: Mapping[str, str] | None = None,
    path: str = "",
    host: str = "",
) -> Iterator[Line]:
    """A line to the server at an address, http://HOST:PORT, as long as the block lasts; to another `path` of it, or to
    another name, where they are given. Raises Closed.
    """
    place = urlsplit(address)
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=PATIENCE) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = Line(connected)
        line.open(host or place.netloc, path or f"/reps/live?exercise={quote(exercise)}", headers or {})
        yield line
