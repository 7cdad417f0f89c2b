"""The static files of the page, as they are sent: packed where that pays, with a tag of their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INDEX = "index.html"
OWN = '"/page/'  # how index.html names what belongs to the page
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
PACKED_ALREADY = frozenset({".png", ".woff2"})


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent: `body` is gzip where `packed`."""

    body: bytes
    media_type: str
    tag: str  # of the content, as the header ETag has it
    packed: bool

    def plain(self) -> bytes:
        """The bytes of the file, for a client that takes no gzip."""
        return gzip.decompress(self.body) if self.packed else self.body


class Assets:
    """The files under `folder` whose type is known. Holds each packed, from when it is first asked for: 150 kB in all.

    Blocking: for a thread. A file that has changed is read again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, tuple[tuple[int, int], Asset]] = {}  # by name; when it was written, and its size

    def names(self) -> list[str]:
        """Every file that there is, as it is asked for."""
        return sorted(path.relative_to(self._folder).as_posix() for path in self._paths())

    def find(self, name: str) -> Asset | None:
        """The file of that name; None where there is none, or it is not of the page."""
        return self._read(name) if name in self.names() else None

    def release(self) -> str:
        """A name for all files as they are now; another one where any of them has changed."""
        tags = "".join(name + self._read(name).tag for name in self.names())
        return hashlib.sha256(tags.encode()).hexdigest()[:12]

    def index(self) -> Asset:
        """index.html, with the release in the addresses of what it loads: those may be kept for good."""
        text = self._read(INDEX).plain().decode().replace(OWN, f"{OWN}@{self.release()}/")
        return made_asset(text.encode(), ".html")

    def _paths(self) -> Iterator[Path]:
        return (path for path in self._folder.rglob("*") if path.suffix in MEDIA_TYPES and path.is_file())

    def _read(self, name: str) -> Asset:
        path = self._folder / name
        status = path.stat()
        version = status.st_mtime_ns, status.st_size
        held = self._held.get(name)
        if held is None or held[0] != version:
            held = self._held[name] = version, made_asset(path.read_bytes(), path.suffix)
        return held[1]


def made_asset(content: bytes, suffix: str) -> Asset:
    """The content of a file as it is sent. Its tag is a weak one: it is the same for both encodings."""
    packed = suffix not in PACKED_ALREADY
    body = gzip.compress(content, mtime=0) if packed else content
    return Asset(body, MEDIA_TYPES[suffix], f'W/"{hashlib.sha256(content).hexdigest()[:20]}"', packed)
