"""HTTP over connections to checked addresses: one request, its redirects, each of them checked anew."""

from __future__ import annotations

import ssl
from base64 import b64encode
from functools import cache, partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, HalfgigError, SourceError
from halfgig.media.addresses import EVERYTHING, check_url, connect_pinned, resolve

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from halfgig.media.addresses import AllowList, Target
    from halfgig.records import Seconds

CONNECT_TIMEOUT = 10.0  # seconds, for each address, and for TLS
ANSWER_TIMEOUT = 30.0  # seconds to the first byte
READ_TIMEOUT = 60.0  # seconds without a byte
MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
AGENT = "halfgig"


class BrokenOff(Exception):
    """The server did not answer, or not to the end, and may do so later; `wait` is how long it asks to be left."""

    def __init__(self, reason: str, wait: Seconds | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def reason(error: BaseException) -> str:
    """What a person is told of an error of the network."""
    if isinstance(error, TimeoutError):
        return "its server did not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, HTTPException):
        return "its server broke off the answer"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


@cache
def tls() -> ssl.SSLContext:
    """The system's certificates, or those of SSL_CERT_FILE; loaded once."""
    return ssl.create_default_context()


def parse_proxy(url: str) -> Target | None:
    """The http proxy that PROXY_URL names; None without one. Errors: BadRequest."""
    if not url:
        return None
    try:
        proxy = check_url(url, EVERYTHING)
    except HalfgigError:
        proxy = None
    if proxy is None or proxy.scheme != "http":
        raise BadRequest("PROXY_URL is not the address of an http proxy.", "Write http://host:port.")
    return proxy


def open_connection(target: Target, allowed: AllowList, proxy: Target | None = None) -> HTTPConnection:
    """A connection to the server of `target`, whose address is checked and then connected to, or to `proxy`.

    TLS is for the host's own name, with its certificate checked. The caller closes it.
    Errors: Forbidden, Unreachable, OSError.
    """
    via = proxy or target
    secure = target.scheme == "https"
    made = partial(HTTPSConnection, context=tls()) if secure else HTTPConnection
    connection: HTTPConnection = made(via.host, via.port, timeout=CONNECT_TIMEOUT)
    permitted = EVERYTHING if proxy else allowed
    connection._create_connection = partial(_dial, permitted)  # type: ignore[attr-defined]  # as http.client's tests do
    if proxy:
        _refuse_behind_proxy(target, allowed)
    if proxy and secure:
        connection.set_tunnel(target.host, target.port, headers=_login("Proxy-Authorization", proxy))
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _dial(allowed: AllowList, address: tuple[str, int], timeout: Seconds, _: object = None) -> socket.socket:
    return connect_pinned(*address, allowed, timeout)


def _refuse_behind_proxy(target: Target, allowed: AllowList) -> None:
    """Forbidden where the name leads inside as far as it can be resolved here; the proxy is the operator's own."""
    try:
        resolve(target.host, target.port, allowed)
    except SourceError:
        pass


def _login(header: str, target: Target) -> dict[str, str]:
    if target.user is None:
        return {}
    return {header: f"Basic {b64encode(f'{target.user}:{target.password}'.encode()).decode()}"}


class Client:
    """Asks for URLs over one kept connection. `close` it; it may be used again afterwards."""

    def __init__(self, allowed: AllowList, proxy: Target | None = None) -> None:
        self._allowed, self._proxy = allowed, proxy
        self._connection: HTTPConnection | None = None
        self._answer: HTTPResponse | None = None
        self._server: tuple[str, str, int] | None = None

    def get(self, url: str, headers: Mapping[str, str]) -> tuple[HTTPResponse, str]:
        """The answer to a GET, after at most `MAX_REDIRECTS`, and the URL that gave it.

        Each hop is checked anew. The answer must be read to its end before the next call, or `close` called.
        Errors: Forbidden, SourceError, Unreachable, BrokenOff.
        """
        login: dict[str, str] | None = None
        for _ in range(MAX_REDIRECTS + 1):
            target = check_url(url, self._allowed)
            login = _login("Authorization", target) if login is None or target.user is not None else {}
            answer = self._ask(target, {**headers, **login})
            location = answer.headers.get("Location")
            if answer.status not in REDIRECTS or not location:
                return answer, url
            self.close()
            url = target.join(location)
        raise SourceError("The address leads from one to the next without end.", "Check the address in a browser.")

    def close(self) -> None:
        """Close the connection and the answer, which holds the socket where it is the connection's last."""
        for one in (self._answer, self._connection):
            if one is not None:
                one.close()
        self._answer = self._connection = None

    def _ask(self, target: Target, headers: dict[str, str]) -> HTTPResponse:
        path = target.path
        if self._proxy and target.scheme == "http":
            path = f"http://{_netloc(target)}{path}"
            headers |= _login("Proxy-Authorization", self._proxy)
        try:
            connection = self._connect(target)
            line = connection.sock  # which the connection forgets where the answer is its last one
            line.settimeout(ANSWER_TIMEOUT)
            connection.request("GET", path, headers={"User-Agent": AGENT, "Accept-Encoding": "identity", **headers})
            answer = self._answer = connection.getresponse()
            line.settimeout(READ_TIMEOUT)
        except ssl.SSLCertVerificationError as error:
            raise SourceError(f"{target.host} is not trusted: {reason(error)}.", "Check the address.") from error
        except (OSError, HTTPException) as error:
            self.close()
            raise BrokenOff(reason(error)) from error
        return answer

    def _connect(self, target: Target) -> HTTPConnection:
        kept = self._connection
        if kept is None or kept.sock is None or self._server != target.server:
            self.close()
            kept = self._connection = open_connection(target, self._allowed, self._proxy)
            self._server = target.server
        return kept


def _netloc(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{host}:{target.port}"
