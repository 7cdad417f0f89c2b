"""Where a server is."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from halfgig.errors import BadRequest

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A server's scheme, host and port, and the path below which its routes stand; empty, or as `/halfgig`."""

    scheme: str
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def read_address(text: str) -> Address:
    """The address that a person gives, `http://` being understood. Raises BadRequest."""
    given = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(given)
        host, port, has_user = parts.hostname or "", parts.port, parts.username is not None
    except ValueError:
        raise _refusal(text) from None
    if has_user:
        raise BadRequest("The address of the server holds a name or a password.", "Set HALFGIG_API_KEY to a key.")
    if parts.scheme not in PORTS or not host or not host.isascii() or not given.isprintable() or " " in given:
        raise _refusal(text)
    if parts.query or parts.fragment:
        raise _refusal(text)
    return Address(parts.scheme, host, port or PORTS[parts.scheme], parts.path.rstrip("/"))


def _refusal(text: str) -> BadRequest:
    return BadRequest(f"{text or 'Nothing'} is no address of a server.", "Give one as http://127.0.0.1:8000.")
