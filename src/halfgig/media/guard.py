"""Holds a whole process to the addresses that may be visited, whoever opens the connection in it.

For a process that runs code that is not ours, as yt-dlp is: names are resolved through the check, and an audit hook,
which cannot be taken out again, sees every connection and every program before it starts.
"""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from halfgig.errors import Forbidden, HalfgigError
from halfgig.media.addresses import EVERYTHING, check_url, refuse_address, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.media.addresses import AllowList, Target

PROGRAMS = frozenset({"deno", "node", "bun", "qjs"})  # that may be started: JavaScript runtimes, without the network


class Refusal(PermissionError):
    """What code of others gets in place of a connection: an OSError, which it is ready for."""


class Guard:
    """The checks of one process. `refused` is the first address that was not visited, None where none was."""

    def __init__(self, allowed: AllowList, proxy: Target | None = None) -> None:
        self.refused: HalfgigError | None = None
        self._allowed, self._proxy = allowed, proxy
        self._checked: set[tuple[str, int]] = set()  # addresses that are allowed by their name
        self._look_up: Callable[..., list[Any]] = socket.getaddrinfo
        self._watched: dict[str, Callable[..., object]] = {
            "socket.connect": lambda _, place: self._may_connect(place),
            "socket.sendto": lambda _, place: self._may_connect(place),
            "socket.sendmsg": lambda _, place: self._may_connect(place) if place else None,
            "urllib.Request": lambda url, *_: self._may_ask(url),
            "subprocess.Popen": lambda program, arguments, *_: _may_start(arguments[0] if arguments else program),
            "os.posix_spawn": lambda path, *_: _may_start(path),
            "os.exec": lambda path, *_: _may_start(path),
            "os.system": lambda *_: _may_start("a shell"),
        }

    def install(self) -> None:
        """Hold this process to the checks, until it ends."""
        socket.getaddrinfo = self._resolve
        sys.addaudithook(self._watch)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        check = self._watched.get(event)
        if check is None:
            return
        try:
            check(*arguments)
        except HalfgigError as error:
            self.refused = self.refused or error
            raise Refusal(str(error)) from None

    def _resolve(self, host: Any, port: Any, *arguments: Any, **options: Any) -> list[Any]:
        """`socket.getaddrinfo`, which refuses a host if one of its addresses is not allowed."""
        found = self._look_up(host, port, *arguments, **options)
        name, number = str(host).lower().rstrip("."), int(port or 0)
        trusted = self._allowed.has_name(name, number) or self._is_proxy(name, number)
        try:
            for *_, place in found:
                if trusted:
                    self._checked.add((place[0], place[1]))
                else:
                    refuse_address(name, number, ip_address(place[0]), self._allowed)
        except HalfgigError as error:
            self.refused = self.refused or error
            raise Refusal(str(error)) from None
        return found

    def _is_proxy(self, host: str, port: int) -> bool:
        return self._proxy is not None and (host, port) == (self._proxy.host, self._proxy.port)

    def _may_connect(self, place: Any) -> None:
        """Forbidden where a socket may not be connected to `place`: paths on this machine, names, what is inside."""
        if self._allowed.everything:
            return
        try:
            host, port = str(place[0]), int(place[1])
            address = ip_address(host)
        except (ValueError, IndexError, TypeError):
            raise Forbidden(f"{place!r} is no address that was checked.", "Give a public http address.") from None
        if (host, port) not in self._checked:
            refuse_address(host, port, address, self._allowed)

    def _may_ask(self, url: str) -> None:
        """Forbidden where a URL leads inside; behind a proxy its name is resolved to find out, where it resolves."""
        target = check_url(url, self._allowed)
        if self._proxy is not None and self._allowed is not EVERYTHING:
            try:
                resolve(target.host, target.port, self._allowed)
            except Forbidden:
                raise
            except HalfgigError:
                pass


def _may_start(program: Any) -> None:
    name = PurePath(str(program)).name
    if name not in PROGRAMS:
        raise Forbidden(f"{name} is not started for a source.", "Give a source that needs no other program.")
