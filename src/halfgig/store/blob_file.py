"""The bytes of an upload that is stored in parts, as one file that is read by ranges through one buffer."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig.errors import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Bytes
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


@dataclass(frozen=True, slots=True)
class BlobFile:
    """`size` bytes in the parts of `folder`. Nothing is read before it is opened."""

    blobs: Blobs
    folder: str
    size: Bytes
    parts: Parts

    def open(self, heard: Callable[[], None] = lambda: None) -> BlobStream:
        """A stream of its own; `heard` is called each time that something arrives."""
        return BlobStream(self, heard)

    def read_bytes(self) -> bytes:
        """All of it at once, as of a path."""
        with self.open() as stream:
            return stream.readall()

    def read(self, first: Bytes, size: Bytes) -> bytes:
        """Up to `size` bytes, fewer at the end of a part. Errors: FileNotFoundError, and those of blobs."""
        number, into = divmod(first, PART)
        return self.blobs.read(
            f"{self.folder}/{self.parts.name(number)}", into, min(size, PART - into, self.size - first)
        )


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
