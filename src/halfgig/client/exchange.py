"""One request and its answer over HTTP/1.1; what goes wrong becomes an error with a remedy."""

from __future__ import annotations

import http.client
import json
import select
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from halfgig.client.problems import answered_problem
from halfgig.errors import ServerTrouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from halfgig.client.address import Address
    from halfgig.records import Bytes, Seconds

CONNECT: Seconds = 10.0
ANSWER: Seconds = 120.0  # without a byte; the server answers an upload once it is safely on disk
MOST_PROBLEM: Bytes = 64 * 1024
MOST_ANSWER: Bytes = 16 * 1024 * 1024  # of an answer that is held whole
PIECE: Bytes = 64 * 1024
BROKEN = (OSError, http.client.HTTPException)


class ConnectionLost(ServerTrouble):
    """The connection was made, and broke before the answer was whole: the server may have done what was asked."""


class Body(Protocol):
    """What a request sends."""

    @property
    def content_type(self) -> str:
        """Its media type."""

    @property
    def length(self) -> Bytes:
        """Its size."""

    def pieces(self) -> Iterator[bytes]:
        """All of it, from the beginning."""


class JsonBody:
    """A value as JSON."""

    content_type = "application/json"

    def __init__(self, value: Any) -> None:
        self._text = json.dumps(value).encode()

    @property
    def length(self) -> Bytes:
        """Its size."""
        return len(self._text)

    def pieces(self) -> Iterator[bytes]:
        """All of it, at once."""
        yield self._text


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a server. `route` begins with a slash; `silence` is how long the server may say nothing."""

    method: str
    route: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    silence: Seconds = ANSWER


@contextmanager
def exchange(address: Address, request: Request) -> Iterator[http.client.HTTPResponse]:
    """The answer to a request, as long as the block lasts.

    Errors: that of the problem which the server answers with, ServerTrouble where it cannot be reached, ConnectionLost.
    """
    connection = _connect(address)
    try:
        assert connection.sock is not None, "it has been connected"
        connection.sock.settimeout(request.silence)
        with telling_break(address):
            answer = _ask(connection, address, request)
            problem = answer.read(MOST_PROBLEM) if answer.status >= 300 else b""
        if answer.status >= 300:
            places = {"location": answer.getheader("Location", ""), "retry_after": answer.getheader("Retry-After", "")}
            raise answered_problem(answer.status, problem, **places)
        yield answer
    finally:
        connection.close()


@contextmanager
def telling_break(address: Address) -> Iterator[None]:
    """A block in which a connection that breaks is told as ConnectionLost."""
    try:
        yield
    except BROKEN as error:
        detail = f"The server at {address} broke off: {_why(error)}."
        raise ConnectionLost(detail, "Try again; halfgig jobs list shows what it has accepted.") from error


def read_pieces(answer: http.client.HTTPResponse, address: Address) -> Iterator[bytes]:
    """The body of an answer, as it comes. Raises ConnectionLost where it does not come whole."""
    while True:
        with telling_break(address):
            piece = answer.read(PIECE)
            if not piece and answer.length:  # http.client lets that pass
                raise http.client.IncompleteRead(b"", answer.length)
        if not piece:
            return
        yield piece


def read_json(answer: http.client.HTTPResponse, address: Address) -> Any:
    """The value of an answer that is JSON. Raises ConnectionLost, and ServerTrouble for anything else than JSON."""
    body = bytearray()
    for piece in read_pieces(answer, address):
        body += piece
        if len(body) > MOST_ANSWER:
            raise _stranger(address)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _stranger(address) from error


def _connect(address: Address) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.host, address.port, timeout=CONNECT)
    try:
        connection.connect()
    except BROKEN as error:
        connection.close()
        remedy = "Start it with halfgig serve, or give its address with --server."
        raise ServerTrouble(f"No server can be reached at {address}: {_why(error)}.", remedy) from error
    return connection


def _ask(connection: http.client.HTTPConnection, address: Address, request: Request) -> http.client.HTTPResponse:
    connection.putrequest(request.method, address.path + request.route)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    if request.body:
        connection.putheader("Content-Type", request.body.content_type)
    if request.method == "POST":
        connection.putheader("Content-Length", str(request.body.length if request.body else 0))
    connection.endheaders()
    if request.body:
        _send(connection, request.body)
    return connection.getresponse()


def _send(connection: http.client.HTTPConnection, body: Body) -> None:
    """Send the body; stop where the server has answered before its end, as it does when it refuses it."""
    pieces = body.pieces()
    try:
        for piece in pieces:
            if _has_answered(connection):
                return
            try:
                connection.send(piece)
            except (BrokenPipeError, ConnectionResetError):
                return  # whether it has said why is seen when the answer is read
    finally:
        pieces.close()  # type: ignore[attr-defined]


def _has_answered(connection: http.client.HTTPConnection) -> bool:
    if isinstance(connection.sock, ssl.SSLSocket):  # what comes there may be TLS's own
        return False
    return bool(select.select([connection.sock], [], [], 0)[0])


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer is not whole"
    if isinstance(error, http.client.HTTPException):
        return "it does not speak HTTP"
    return str(getattr(error, "strerror", None) or error)


def _stranger(address: Address) -> ServerTrouble:
    return ServerTrouble(f"What answers at {address} is no halfgig server.", "Check the address.")
