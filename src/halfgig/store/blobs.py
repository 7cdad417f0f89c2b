"""Blobs: bytes under a key, in storage that several machines reach. The port; its adapters are modules of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from halfgig.records import Bytes, Seconds
    from halfgig.store.blob_file import BlobFile


class Moved(Exception):
    """The blob is not the version that it was to be: somebody else has written it, or taken it away."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What is known of a blob without its bytes. `modified` is in unix seconds, `version` as of `put`."""

    key: str
    size: Bytes
    modified: float
    version: str


class Blobs(Protocol):
    """Keys are words of letters, digits, dots and hyphens with slashes between them. Blocking, and safe for threads.

    Errors of all: ServerTrouble where the storage is away or too busy after all patience, ServerRefuses for a wrong
    key or no such bucket, OSError of a disk; FileNotFoundError where there is no such blob.
    """

    def put(self, key: str, data: bytes | memoryview, *, over: str | None = None) -> str:
        """Write a blob whole or not at all; its version.

        With `over` only where that is the version that is there now, "" for none. Errors: Moved.
        """

    def get(self, key: str) -> tuple[bytes, str]:
        """All of a small blob, and the version that this is."""

    def take(self, key: str, draft: Path, beat: Callable[[], object], headers: Mapping[str, str] | None = None) -> None:
        """Make a file of this machine a blob, however large, whole or not at all; the file is gone then.

        `beat` is called before each piece that is sent, and ends it by raising. A link answers with `headers`:
        Content-Type and Content-Disposition.
        """

    def read(self, key: str, first: Bytes, size: Bytes, *, of: str = "") -> bytes:
        """So many bytes from `first` on; fewer where the blob ends. With `of` only of that version. Errors: Moved."""

    def bytes_of(self, key: str) -> Path | BlobFile | None:
        """Where all of a blob can be read, whatever takes its place meanwhile; None where there is none."""

    def link(self, key: str, lifetime: Seconds) -> str | None:
        """An address at which whoever has it may GET the blob for so long; None where this storage gives none."""

    def have(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that are there."""

    def remove(self, keys: Iterable[str]) -> None:
        """Delete these; those that are not there are none's loss."""

    def walk(self, folder: str) -> Iterator[Blob]:
        """Every blob whose key begins with `folder/`."""

    def folders(self, folder: str) -> list[str]:
        """The words that follow `folder/` in keys that go on after them, in order."""


def open_blobs(url: str) -> Blobs:
    """The storage that BLOB_URL names; nothing is asked of it yet. Errors: BadRequest for what names none."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.strip("/"):
        from halfgig.store.folder_blobs import FolderBlobs

        return FolderBlobs(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc and not parts.query and not parts.fragment:
        from halfgig.store.s3_blobs import S3Blobs

        return S3Blobs(parts.netloc, parts.path.strip("/"))
    remedy = "Write s3://BUCKET/PREFIX, or file:///FOLDER for a folder that all machines share."
    raise BadRequest("BLOB_URL names no storage.", remedy)
