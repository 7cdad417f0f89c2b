"""Links that open a source at a moment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from halfgig.records import Seconds

_YOUTUBE = ("youtube.com", "youtu.be", "youtube-nocookie.com")


def link_at(address: str, start: Seconds) -> str:
    """Where a browser opens the source at `start` seconds; empty where the source has no address.

    A media fragment (`#t=`, W3C Media Fragments) for files and URLs; YouTube's own `t` in the query.
    """
    parts = urlsplit(address) if "://" in address or address.startswith("file:") else None
    if not address:
        return ""
    if parts is None:
        return f"{Path(address).absolute().as_uri()}#t={_seconds(start)}"
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    if host in _YOUTUBE:
        query = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("t", "start")]
        return urlunsplit(parts._replace(query=urlencode([*query, ("t", f"{int(start)}s")]), fragment=""))
    return urlunsplit(parts._replace(fragment=f"t={_seconds(start)}"))


def _seconds(start: Seconds) -> str:
    return f"{start:.1f}".removesuffix(".0")
