"""Sessions of the page: signed tokens in a cookie, in the place of the key that was given once. Nothing is stored.

A token names the key that it was given for, so that it ends when that key is no longer one of the server's.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import time
from typing import TYPE_CHECKING

from halfgig.api.auth import NAMED, key_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from halfgig.records import Seconds

LIFE: Seconds = 7 * 86_400.0  # after which the key must be given again
SECRET = 32  # bytes
PRIVATE = 0o600  # of files: for the server's user alone
_PURPOSE = b"halfgig session 1:"


class Sessions:
    """Gives tokens out, and tells which still hold. `hashes` are those of the server's keys."""

    def __init__(self, secret: bytes, hashes: Iterable[str], clock: Callable[[], float] = time.time) -> None:
        self._secret, self._names, self._clock = secret, {known[:NAMED] for known in hashes}, clock

    def begin(self, key: str) -> str:
        """A token for whoever has given this key, which must be a right one."""
        told = f"{int(self._clock() + LIFE)}.{key_hash(key)[:NAMED]}.{secrets.token_urlsafe(8)}"
        return f"{told}.{self._sign(told)}"

    def holds(self, token: str) -> bool:
        """Is it a token of ours, in time, and for a key that the server still has?"""
        told, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(told).encode()):
            return False
        until, name, _ = told.split(".")
        return int(until) > self._clock() and name in self._names

    def _sign(self, told: str) -> str:
        return hmac.new(self._secret, _PURPOSE + told.encode(), hashlib.sha256).hexdigest()


def server_secret(path: Path) -> bytes:
    """The secret that signs tokens, made when it is first wanted; only the server's user may read it. Raises OSError.

    One that is damaged is made anew, and every session ends. Those who want it at once wait for each other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "r+b", buffering=0, opener=_open_private) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.fchmod(file.fileno(), PRIVATE)
        secret = file.read(SECRET + 1)
        if len(secret) == SECRET:
            return secret
        secret = secrets.token_bytes(SECRET)
        os.truncate(file.fileno(), 0)
        os.pwrite(file.fileno(), secret, 0)
        os.fsync(file.fileno())
        return secret


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, PRIVATE)
