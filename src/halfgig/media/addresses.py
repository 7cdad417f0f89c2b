"""Which addresses may be visited: http(s) to public hosts, resolved once, checked, and connected to as checked.

Standard library only: the server checks an address before it takes a job, the worker before each connection.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote, urljoin, urlsplit

from halfgig.errors import BadRequest, Forbidden, SourceError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from urllib.parse import SplitResult

    from halfgig.records import Seconds
    from halfgig.settings import Settings

Address: TypeAlias = IPv4Address | IPv6Address
Place: TypeAlias = "tuple[str, int] | tuple[str, int, int, int]"  # as the socket module takes it, v4 or v6
Port: TypeAlias = "int | None"  # None stands for every port

PORTS = {"http": 80, "https": 443}
MAX_URL = 8192  # characters
TRIES = 4  # of a host's addresses are connected to, at most
GIVE_PUBLIC = "Give a public address, or have the operator add {} to ALLOWED_HOSTS."
GIVE_HTTP = "Give a full http or https address."

# What is no public unicast address, by what it is called. IPv6 is public in 2000::/3 only.
_SPECIAL = tuple(
    (ip_network(network), name)
    for name, networks in {
        "an unspecified address": ("0.0.0.0/8", "::/128"),
        "a loopback address": ("127.0.0.0/8", "::1/128"),
        "a private address": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
        "a link-local address": ("169.254.0.0/16", "fe80::/10"),
        "an address shared by a carrier's customers": ("100.64.0.0/10",),
        "a cloud's metadata address": ("168.63.129.16/32",),
        "a multicast address": ("224.0.0.0/4", "ff00::/8"),
        "a reserved address": (
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20"),
        ),
    }.items()
    for network in networks
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"


# --- what an address is --------------------------------------------------------------------------------


def why_not_public(address: Address) -> str:
    """What kind of address this is, where it is no public one, as "a loopback address"; empty for a public one.

    An IPv6 address that carries an IPv4 address (mapped, 6to4, Teredo, NAT64) is what the carried one is.
    """
    if isinstance(address, IPv6Address) and (carried := _carried(address)):
        return next(filter(None, map(why_not_public, carried)), "")
    for network, name in _SPECIAL:
        if address.version == network.version and address in network:
            return name
    return "a reserved address" if isinstance(address, IPv6Address) and address not in _PUBLIC_V6 else ""


def _carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return address.teredo or ()


def literal(host: str) -> Address | None:
    """The address that `host` spells, also in the decimal, octal, hexadecimal and short forms of IPv4; else None."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


# --- what is allowed all the same ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllowList:
    """Hosts that may be visited although they are not public: by name, or by address or network, with or without port.

    `everything` allows every address, for a person at a terminal, who may visit their own network.
    """

    names: frozenset[tuple[str, Port]] = frozenset()
    networks: tuple[tuple[IPv4Network | IPv6Network, Port], ...] = ()
    everything: bool = False

    @classmethod
    def parse(cls, text: str) -> AllowList:
        """Read ALLOWED_HOSTS: host, host:port, address, [address]:port or network/bits, separated by commas."""
        entries = [_entry(part.strip()) for part in text.split(",") if part.strip()]
        return cls(
            frozenset((host, port) for host, port in entries if isinstance(host, str)),
            tuple((host, port) for host, port in entries if not isinstance(host, str)),
        )

    def has_name(self, host: str, port: int) -> bool:
        """Whether `host` is allowed by its name, wherever it leads."""
        return self.everything or not self.names.isdisjoint({(host, None), (host, port)})

    def has_address(self, address: Address, port: int) -> bool:
        """Whether `address` is allowed, whatever its name."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return self.everything or any(
            address.version == network.version and address in network and only in (None, port)
            for network, only in self.networks
        )


EVERYTHING = AllowList(everything=True)


def allow_list(settings: Settings) -> AllowList:
    """What the settings allow: everything unless GUARD_ADDRESSES is set, then what ALLOWED_HOSTS names."""
    return AllowList.parse(settings.allowed_hosts) if settings.guard_addresses else EVERYTHING


def _entry(text: str) -> tuple[str | IPv4Network | IPv6Network, Port]:
    try:
        return ip_network(text.strip("[]"), strict=False), None
    except ValueError:
        pass
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    host = host.strip("[]").lower().rstrip(".")
    if (port and not port.isdecimal()) or (not (address := literal(host)) and not _HOST.fullmatch(host)):
        raise BadRequest(f"ALLOWED_HOSTS holds {text}, which is no host.", "Write host, host:port or network/bits.")
    return (ip_network(address) if address else host), int(port) if port else None


# --- URLs ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL. `host` is ASCII, lower case, without brackets; `path` has the query and is fit for a request."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    user: str | None = None
    password: str = ""

    @property
    def server(self) -> tuple[str, str, int]:
        """What one connection serves."""
        return self.scheme, self.host, self.port

    def join(self, location: str) -> str:
        """The URL that `location` means where this one answers with it."""
        return urljoin(self.url, location)


def check_url(url: str, allowed: AllowList) -> Target:
    """The parts of an http(s) URL that may be visited as far as that can be told without resolving its host.

    Errors: SourceError for other schemes and what is no URL, Forbidden for an address that is not public.
    """
    parts = _split(url)
    host = _ascii_host(parts.hostname or "")
    port = parts.port or PORTS[parts.scheme]
    if address := literal(host):
        refuse_address(host, port, address, allowed)
    if (host == "localhost" or host.endswith(".localhost")) and not allowed.has_name(host, port):
        refuse_address(host, port, IPv4Address("127.0.0.1"), allowed)
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    query = f"?{quote(parts.query, safe=_PATH_SAFE + '?[]|')}" if parts.query else ""
    user = None if parts.username is None else unquote(parts.username)
    return Target(url, parts.scheme, host, port, path + query, user, unquote(parts.password or ""))


def _split(url: str) -> SplitResult:
    """The parts of `url`, with a scheme and a port that are in order. Errors: SourceError."""
    if len(url) > MAX_URL or any(ord(letter) <= 32 or ord(letter) == 127 or letter == "\\" for letter in url):
        raise SourceError("The address holds blanks or control characters, or is too long.", GIVE_HTTP)
    try:
        parts = urlsplit(url)
        in_order = parts.port is None or parts.port > 0
    except ValueError:
        in_order = False
    if not in_order:
        raise SourceError("This is not a valid address.", GIVE_HTTP)  # not repeated: who knows what is a password in it
    if parts.scheme not in PORTS:
        raise SourceError(f"{parts.scheme or 'Such'} addresses are not read.", GIVE_HTTP)
    return parts


def _ascii_host(host: str) -> str:
    """The host as DNS knows it: other scripts become ASCII, and a final dot goes. Errors: SourceError."""
    try:
        host = host.encode("idna").decode().lower().rstrip(".") if not host.isascii() else host.rstrip(".")
    except UnicodeError:
        host = ""
    if not host:
        raise SourceError("The address names no host.", GIVE_HTTP)
    if not _HOST.fullmatch(host) and (literal(host) is None or "%" in host):
        raise SourceError("The address names no valid host.", GIVE_HTTP)
    return host


# --- resolving and connecting --------------------------------------------------------------------------


def refuse_address(host: str, port: int, address: Address, allowed: AllowList) -> None:
    """Forbidden where `host` leads to an `address` that is not public and not allowed."""
    why = why_not_public(address)
    if not why or allowed.has_name(host, port) or allowed.has_address(address, port):
        return
    which = "" if literal(host) == address else f" leads to {address}, which"
    raise Forbidden(f"{host}{which} is {why}, and is not visited.", GIVE_PUBLIC.format(host))


def resolve(host: str, port: int, allowed: AllowList) -> list[Place]:
    """Every place that `host` leads to now, all of them checked: one that is not allowed refuses the whole host.

    Errors: Forbidden, and Unreachable where the name leads nowhere.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"{host} could not be found.", "Check the address, or try again later.") from None
    places: list[Place] = list(dict.fromkeys(place for *_, place in found))  # type: ignore[misc]  # bytes: no port
    for place in places:
        refuse_address(host, port, ip_address(place[0]), allowed)
    return places


def connect(places: Sequence[Place], timeout: Seconds) -> socket.socket:
    """A connection to the first of `places` that takes one; nothing is resolved. Errors: OSError of the last."""
    failure = OSError("the host has no address")
    for place in places[:TRIES]:
        one = socket.socket(socket.AF_INET6 if len(place) > 2 else socket.AF_INET, socket.SOCK_STREAM)
        try:
            one.settimeout(timeout)
            one.connect(place)
        except OSError as error:
            one.close()
            failure = error
        else:
            return one
    raise failure


def connect_pinned(host: str, port: int, allowed: AllowList, timeout: Seconds) -> socket.socket:
    """A connection to exactly the address of `host` that was checked. Errors: as of `resolve`, and OSError.

    TLS on top of it (`open_connection` in media/connection.py) is for `host`, with its certificate checked.
    """
    return connect(resolve(host, port, allowed), timeout)
