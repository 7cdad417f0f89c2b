"""Sessions of the page: signed tokens in a cookie, in the place of the key that was given once. Nothing is stored.

A token names the key that it was given for, so that it ends when that key is no longer one of the server's.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from halfgig.api.auth import key_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from halfgig.records import Seconds

LIFE: Seconds = 7 * 86_400.0  # after which the key must be given again
SECRET = 32  # bytes
NAMED = 16  # digits of a key's hash that name it
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

    One that is damaged is made anew, and every session ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = _read(path)
    if secret is None:
        _make(path)
        secret = _read(path)
    if secret is None:
        raise OSError(f"{path.name} cannot be made")
    return secret


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            os.fchmod(file.fileno(), 0o600)
            secret = file.read(SECRET + 1)
    except FileNotFoundError:
        return None
    if len(secret) != SECRET:
        path.unlink(missing_ok=True)
        return None
    return secret


def _make(path: Path) -> None:
    """Write a fresh secret that appears whole; one that another process was quicker to make stays."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_bytes(SECRET))
        os.fsync(handle)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.close(handle)
        draft.unlink()
