"""API keys: who may ask. Held as hashes and compared in constant time; guessing is slowed down."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from halfgig.api.hosts import CONNECTIONS, READS, is_own_origin, method_of
from halfgig.api.problems import PAGE, error_response
from halfgig.errors import BadRequest, Busy, Forbidden, HalfgigError, Unauthorized
from halfgig.settings import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from halfgig.settings import Settings

OPEN = frozenset({"/", "/healthz", "/readyz", "/docs", "/openapi.json", PAGE})  # none of it is anybody's own
OPEN_BELOW = "/page/"  # the files of the page
SESSION = "/session"  # where a key is given; it looks at it itself
LOOKS = frozenset({"/plan", "/reps/live"})  # what is sent there changes nothing
COOKIE = "halfgig_session"  # holds the token of a session
PAGE_SAYS = "halfgig-page"  # the header by which the page names itself
HASHED = "sha256:"
NAMED = 16  # digits of a key's hash that name it
LEAST_KEY = 8  # characters: shorter ones are guessed
UNGUESSABLE = 32  # characters of a key that is not guessed at any pace: 128 random bits in hex
PREFIX = "hg_"
MOST_TRIES = 20  # wrong keys from one address
WINDOW = 60.0  # seconds, in which they are counted
MOST_ADDRESSES = 1000  # that are remembered
CHALLENGE = "Send a key of this server: Authorization: Bearer KEY, or X-API-Key: KEY."


def new_key() -> str:
    """A fresh key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def key_hash(key: str) -> str:
    """sha256 of a key in hex. A slow hash would protect a guessable key; these are random."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeyHashes:
    """The hashes of the server's keys: of those that may do everything, and of the viewers', that may only look."""

    full: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.full, *self.viewers)

    @property
    def looking(self) -> frozenset[str]:
        """The names of those that may only look; one that is in both settings may do everything."""
        return frozenset(one[:NAMED] for one in self.viewers if one not in self.full)


def keys_of(settings: Settings) -> KeyHashes:
    """The keys of a server. BadRequest as of `read_keys`."""
    return KeyHashes(read_keys(settings.api_keys), read_keys(settings.viewer_keys, "VIEWER_KEYS"))


def read_keys(text: str, setting: str = "API_KEYS") -> tuple[str, ...]:
    """The hashes of the keys in a setting, none where it is empty.

    BadRequest, which does not repeat it, for an entry that cannot be a key, and where it is set but holds no key.
    """
    hashes = tuple(_read_key(entry, setting) for entry in listed(text))
    if text.strip() and not hashes:
        raise BadRequest(f"{setting} is set, but holds no key.", "Set it to what halfgig serve --new-key prints.")
    return hashes


def _read_key(entry: str, setting: str) -> str:
    if entry.startswith(HASHED):
        digest = entry.removeprefix(HASHED).lower()
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise BadRequest(f"An entry of {setting} is no SHA-256 in hex.", "Make one with: halfgig serve --new-key")
        return digest
    if len(entry) < LEAST_KEY:
        detail = f"A key in {setting} is shorter than {LEAST_KEY} characters."
        raise BadRequest(detail, "Make one with: halfgig serve --new-key")
    return key_hash(entry)


def matches(key: str, hashes: Iterable[str]) -> bool:
    """Is it one of the keys? Every hash is compared, each in constant time, so that the time tells nothing."""
    given = key_hash(key)
    return any([hmac.compare_digest(given, known) for known in hashes])  # noqa: C419  # a list: all are compared


def is_open(path: str) -> bool:
    """May everybody ask for this?"""
    return path in OPEN or path == SESSION or path.startswith(OPEN_BELOW)


class Tries:
    """How often each address has sent a wrong key lately; the table is bounded, the oldest goes first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address: start of its window, wrong keys

    def __len__(self) -> int:
        return len(self._tries)

    def wait(self, address: str) -> float:
        """Seconds until this address may try again; 0 at once."""
        start, count = self._tries.get(address, (0.0, 0))
        left = start + WINDOW - self._clock()
        return left if count >= MOST_TRIES and left > 0 else 0.0

    def failed(self, address: str) -> None:
        """Count a wrong key."""
        now = self._clock()
        start, count = self._tries.pop(address, (now, 0))
        self._tries[address] = (now, 1) if now - start > WINDOW else (start, count + 1)
        while len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)


class Gate:
    """Who may pass, by a key or by the token of a session; `holds` tells of a token whether it counts."""

    def __init__(
        self, keys: KeyHashes, tries: Tries | None = None, holds: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.hashes, self._looking = keys.known, keys.looking
        self._tries, self._holds = tries or Tries(), holds

    def refusal(self, key: str, address: str) -> HalfgigError | None:
        """Why this key does not pass, None where it does; a wrong one is counted against its address."""
        right, wait = bool(key) and matches(key, self.hashes), self._tries.wait(address)
        if right and (not wait or len(key) >= UNGUESSABLE):  # so that a stranger's guesses lock nobody out
            return None
        if wait:
            return Busy("Too many wrong keys came from this address.", "Wait, and send the right one.", wait)
        if not key:
            return Unauthorized("This needs an API key.", CHALLENGE)
        self._tries.failed(address)
        return Unauthorized("This is no API key of the server.", CHALLENGE)

    def may_do_more(self, key: str) -> bool:
        """May a right key do more than look?"""
        return key_hash(key)[:NAMED] not in self._looking

    def may_change(self, scope: Scope) -> bool:
        """May a request that has passed change anything, or does its key only look?"""
        return not self._looking or client_of(scope) not in self._looking

    def is_signed_in(self, scope: Scope) -> bool:
        """Does the request carry the token of a session?"""
        token = cookie_parser(Headers(scope=scope).get("cookie", "")).get(COOKIE, "")
        return bool(token) and self._holds(token)


class Keys:
    """ASGI layer: without a right key or a session, only what is open to all."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with 401, 403 or 429."""
        if scope["type"] in CONNECTIONS and (error := self._refusal(scope)) is not None:
            await error_response(scope, error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> HalfgigError | None:
        if not self._gate.hashes or is_open(scope["path"]):
            return None
        key = sent_key(Headers(scope=scope))
        by_cookie = not key and self._gate.is_signed_in(scope)
        refusal = refusal_of_page(scope) if by_cookie else self._gate.refusal(key, address_of(scope))
        return refusal or self._refusal_of_viewer(scope)

    def _refusal_of_viewer(self, scope: Scope) -> HalfgigError | None:
        if method_of(scope) in READS or scope["path"] in LOOKS or self._gate.may_change(scope):
            return None
        return Forbidden("This key may only look.", "Use one that API_KEYS has.")


def address_of(scope: Scope) -> str:
    """The address that a request comes from; empty where it is not known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def refusal_of_page(scope: Scope) -> HalfgigError | None:
    """Why a request that a browser signs by its cookie may not change anything; None where it is the page's own.

    A browser tells where a request comes from; a program that does not may say that it is the page.
    """
    headers = Headers(scope=scope)
    if method_of(scope) in READS:
        return None
    if headers.get("origin") is not None:
        own = is_own_origin(headers)
    else:
        own = headers.get("sec-fetch-site") == "same-origin" or headers.get(PAGE_SAYS) == "1"
    return None if own else Forbidden("A page of another origin may not do this.", "Use the page of this server.")


def client_of(scope: Scope) -> str:
    """The name of the key, or of the session's, that a request which has passed came with: the start of its hash.

    Empty where it has none. It tells who shares the queue, and opens nothing.
    """
    headers = Headers(scope=scope)
    if key := sent_key(headers):
        return key_hash(key)[:NAMED]
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "..").split(".")[1]


def sent_key(headers: Headers) -> str:
    """The key of a request; empty where it has none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "").strip()
