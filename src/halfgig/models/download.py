"""Bytes of one address on disk: streamed, resumed where they stopped, tried again where that can help."""

from __future__ import annotations

import http
import http.client
import json
import math
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from halfgig.again import AGAIN
from halfgig.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.records import Bytes

T = TypeVar("T")

PIECE = 1 << 20  # bytes read and written at a time
CONNECT_TIMEOUT = 5.0  # seconds; short, because a mirror waits behind an origin that cannot be reached
READ_TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 4
BACKOFF = 0.5  # seconds before the second attempt; doubles after each
LARGEST_ANSWER = 32 << 20  # bytes of JSON that tell of files
_TRY_AGAIN = AGAIN | {http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}


class Unreachable(ModelError):
    """No connection to the host of an address. `host` is worth no second try in the same pull."""

    def __init__(self, host: str, reason: object) -> None:
        self.host = host
        super().__init__(f"{host} cannot be reached ({reason}).")


class _BrokenOff(Exception):
    """This attempt failed in a way that another one may mend."""


def download(
    address: str,
    part: Path,
    size: Bytes,
    tick: Callable[[Bytes], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Fill `part` with the `size` bytes at `address`, going on from what it already holds.

    `tick` hears how many bytes are there. Raises Unreachable where no connection is made, ModelError where the
    server refuses, sends another length, or breaks off too often; `part` keeps its bytes for the next time.
    """
    _persist(address, lambda: _attempt(address, part, size, tick), sleep)


def download_json(address: str, *, sleep: Callable[[float], None] = time.sleep) -> Any:
    """What the JSON at `address` says. ModelError where it cannot be had, or is none."""
    data = _persist(address, lambda: _read_all(address), sleep)
    try:
        return json.loads(data)
    except ValueError as error:
        raise ModelError(f"{address} does not answer with JSON.", "Check MODEL_HUB.") from error


def _persist(address: str, attempt: Callable[[], T], sleep: Callable[[float], None]) -> T:
    failure: Exception | None = None
    for number in range(ATTEMPTS):
        if number:
            sleep(BACKOFF * 2 ** (number - 1))
        try:
            return attempt()
        except _BrokenOff as error:
            failure = error
    raise ModelError(f"{address} failed {ATTEMPTS} times: {failure}.")


def _read_all(address: str) -> bytes:
    with _open(address) as response:
        data = b"".join(_pieces(response, LARGEST_ANSWER))
    if len(data) > LARGEST_ANSWER:
        raise ModelError(f"{address} sends more than is taken.")
    return data


def connect_soon(address: tuple[str, int], timeout: float, source_address: None = None) -> socket.socket:
    """A connection to the first address of each family at most: some hosts have eight, and a mirror waits."""
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    first = {family: place for family, _, _, _, place in reversed(found)}
    failure = OSError("the host has no address")
    for family in dict.fromkeys(family for family, *_ in found):
        try:
            return socket.create_connection((str(first[family][0]), address[1]), timeout, source_address)
        except OSError as error:
            failure = error
    raise failure


def _attempt(address: str, part: Path, size: Bytes, tick: Callable[[Bytes], None]) -> None:
    have = _kept(part, size)
    if have == size:
        return
    with _open(address, part, have) as response:
        have = _resumed_at(response, part, have, size)
        with part.open("r+b" if have else "wb") as write:
            write.seek(have)
            for piece in _pieces(response):
                have += write.write(piece)
                tick(have)
                if have > size:
                    break
    if have < size:
        raise _BrokenOff(f"the connection closed after {have} of {size} bytes")
    if have > size:
        part.unlink()
        raise ModelError(f"{address} sent more than the {size} bytes expected.")


def _kept(part: Path, size: Bytes) -> Bytes:
    """Bytes of `part` that can be gone on from."""
    have = part.stat().st_size if part.exists() else 0
    return have if have <= size else 0


def _resumed_at(response: http.client.HTTPResponse, part: Path, have: Bytes, size: Bytes) -> Bytes:
    """Where the bytes of `response` belong: at `have` if the server resumes, else at 0."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if start != str(have):
            part.unlink(missing_ok=True)
            raise _BrokenOff(f"the server resumed at byte {start or '?'} instead of {have}")
        return have
    stated = response.headers.get("Content-Length")
    if stated is not None and stated != str(size):
        raise ModelError(f"{response.url} offers {stated} bytes instead of {size}.")
    return 0


def _pieces(response: http.client.HTTPResponse, most: float = math.inf) -> Iterator[bytes]:
    """Yield what comes, until `most` bytes are passed."""
    came = 0
    try:
        while came <= most and (piece := response.read(PIECE)):
            came += len(piece)
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOff(_reason(error)) from error


def _open(address: str, part: Path | None = None, have: Bytes = 0) -> http.client.HTTPResponse:
    headers = {"User-Agent": "halfgig", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(address, headers=headers)  # noqa: S310  (addresses are the manifest's own)
    try:
        response: http.client.HTTPResponse = _opener().open(request)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(address, part, error.code) from None
    except urllib.error.URLError as error:
        raise Unreachable(urlsplit(address).netloc, _reason(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOff(_reason(error)) from error
    return response


def _refusal(address: str, part: Path | None, code: int) -> Exception:
    if code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and part is not None:
        part.unlink(missing_ok=True)
    if code in _TRY_AGAIN:
        return _BrokenOff(f"the server answers {code}")
    return ModelError(f"{address} answers {code}.")


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


class _Http(http.client.HTTPConnection):
    def connect(self) -> None:
        self._create_connection = connect_soon
        self.timeout = CONNECT_TIMEOUT
        super().connect()
        self.sock.settimeout(READ_TIMEOUT)


class _Https(_Http, http.client.HTTPSConnection):
    pass


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Http, req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Https, req, context=ssl.create_default_context())


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_HttpHandler, _HttpsHandler)
