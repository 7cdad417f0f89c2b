"""Bytes in storage that machines share, in parts or whole, as one file that is read by ranges through one buffer."""

from __future__ import annotations

import io
import os
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig.errors import MIB, ServerTrouble
from halfgig.store.blobs import Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.records import Bytes, Seconds
    from halfgig.store.blobs import Blobs

PART = 8 * MIB  # what the offset of an upload moves by while it arrives
LEAST_ASKED, MOST_ASKED = 128 * 1024, MIB  # bytes of one range: few after a leap, more while it is read on


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts count. `runs` are (first number, token): parts from that one on carry it, up to the next run."""

    runs: tuple[tuple[int, str], ...] = ()

    def name(self, number: int) -> str:
        """The last word of a part's key; empty where there is none."""
        at = bisect_right(self.runs, number, key=lambda run: run[0]) - 1
        return f"{number:06d}-{self.runs[at][1]}" if at >= 0 else ""

    def with_ours(self, number: int, token: str) -> Parts:
        """The same up to `number`; that part and what follows carry the token."""
        kept = tuple(run for run in self.runs if run[0] < number)
        return Parts(kept if kept and kept[-1][1] == token else (*kept, (number, token)))


class BlobFile:
    """`size` bytes in storage; `version` tells them from others. Nothing is read before it is opened."""

    __slots__ = ()
    blobs: Blobs
    size: Bytes

    @property
    def version(self) -> str:
        """Letters, digits, dots and hyphens."""
        raise NotImplementedError

    def read(self, first: Bytes, size: Bytes) -> bytes:
        """Up to `size` bytes, fewer where that is easier. Errors: OSError where they are gone, and those of blobs."""
        raise NotImplementedError

    def link(self, lifetime: Seconds) -> str | None:  # noqa: ARG002  # parts have no address together
        """An address at which whoever has it may GET these bytes for so long; None where there is none."""
        return None

    def open(self, heard: Callable[[], None] = lambda: None) -> BlobStream:
        """A stream of its own; `heard` is called each time that something arrives."""
        return BlobStream(self, heard)

    def read_bytes(self) -> bytes:
        """All of it at once, as of a path."""
        with self.open() as stream:
            return stream.readall()


@dataclass(frozen=True, slots=True)
class PartedFile(BlobFile):
    """Bytes in the parts of `folder`."""

    blobs: Blobs
    folder: str
    size: Bytes
    parts: Parts

    @property
    def version(self) -> str:
        """As of `BlobFile`: complete uploads do not change."""
        return self.folder.rpartition("/")[2]

    def read(self, first: Bytes, size: Bytes) -> bytes:
        """As of `BlobFile`; fewer at the end of a part."""
        number, into = divmod(first, PART)
        return self.blobs.read(
            f"{self.folder}/{self.parts.name(number)}", into, min(size, PART - into, self.size - first)
        )


@dataclass(frozen=True, slots=True)
class WholeFile(BlobFile):
    """The bytes of one blob, as it is in the version `tag`."""

    blobs: Blobs
    key: str
    size: Bytes
    tag: str

    @property
    def version(self) -> str:
        """As of `BlobFile`."""
        return plain(self.tag)

    def link(self, lifetime: Seconds) -> str | None:
        """As of `BlobFile`."""
        return self.blobs.link(self.key, lifetime)

    def read(self, first: Bytes, size: Bytes) -> bytes:
        """As of `BlobFile`; also ServerTrouble where another blob has taken its place."""
        try:
            return self.blobs.read(self.key, first, min(size, self.size - first), of=self.tag)
        except Moved:
            raise ServerTrouble(f"{self.key} has changed while it was read.", "Try again.") from None


def plain(tag: str) -> str:
    """The version of a blob in letters, digits, dots and hyphens."""
    return re.sub(r"[^\w.-]", "", tag)


def pieces_of(path: Path, beat: Callable[[], object]) -> Iterator[bytes]:
    """The bytes of a file, `PART` of them at a time; `beat` is called before each piece."""
    with path.open("rb", buffering=0) as file:
        while True:
            beat()
            piece = file.read(PART)
            if not piece:
                return
            yield piece


class BlobStream(io.RawIOBase):
    """Reads a `BlobFile`, with at most `MOST_ASKED` bytes held. Errors: OSError where it is gone, those of blobs."""

    def __init__(self, file: BlobFile, heard: Callable[[], None]) -> None:
        self._file, self._heard = file, heard
        self._position, self._start, self._buffer, self._asked = 0, 0, b"", LEAST_ASKED

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position; nothing is asked for until it is read."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.size}[whence]
        if origin + offset < 0:
            raise ValueError("negative position")
        self._position = origin + offset
        return self._position

    def readinto(self, into: Any) -> int:
        """Fill a part of `into`; 0 at the end."""
        view = memoryview(into).cast("B")
        data = self.read_at(self._position, len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def read_at(self, first: Bytes, size: Bytes) -> bytes:
        """Up to `size` bytes from there on, fewer where the buffer ends; b"" at the end. The position stays."""
        if first >= self._file.size or size == 0:
            return b""
        end = self._start + len(self._buffer)
        if not self._start <= first < end:
            self._asked = min(2 * self._asked, MOST_ASKED) if first == end else LEAST_ASKED
            self._buffer = b""  # not held while the next one comes
            self._buffer, self._start = self._file.read(first, self._asked), first
            self._heard()
            if not self._buffer:
                raise OSError("a part of what was uploaded is shorter than what is recorded of it")
        into = first - self._start
        return self._buffer[into : into + size]
