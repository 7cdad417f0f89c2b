"""One request to a callback address: sent, its status read, and nothing more."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from halfgig.media.addresses import check_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.client import HTTPConnection

    from halfgig.media.addresses import AllowList
    from halfgig.records import Seconds

    Connect = Callable[[str], tuple[HTTPConnection, str]]  # a URL's connection, connected, and the path to ask it for

TIMEOUT: Seconds = 10.0  # for the whole request, once connected


def connect_guarded(allowed: AllowList) -> Connect:
    """Connect to public addresses and those that are `allowed`, each checked as it is connected to."""

    def connect(url: str) -> tuple[HTTPConnection, str]:
        from halfgig.media.connection import open_connection

        target = check_url(url, allowed)
        return open_connection(target, allowed), target.path

    return connect


def post(connect: Connect, url: str, body: bytes, headers: Mapping[str, str], timeout: Seconds = TIMEOUT) -> int:
    """The status of the answer; its body is not read, and no redirect followed. Errors: those of `connect`, OSError."""
    connection, path = connect(url)
    with closing(connection), deadline(connection.sock, timeout):
        connection.sock.settimeout(timeout)
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status


@contextmanager
def deadline(line: socket.socket, timeout: Seconds) -> Iterator[None]:
    """Cut the line after `timeout`, also where the other end sends a byte now and then. Raises TimeoutError then."""
    late = threading.Event()
    timer = threading.Timer(timeout, _cut, (line, late))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if late.is_set():
            raise TimeoutError(f"no answer within {timeout:g} seconds")


def _cut(line: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
