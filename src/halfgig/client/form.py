"""A file and fields as a multipart form, read from disk while it is sent."""

from __future__ import annotations

import secrets
import stat
from typing import TYPE_CHECKING

from halfgig.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from halfgig.records import Bytes

PIECE: Bytes = 256 * 1024  # read and sent at a time


class FormBody:
    """The body of one request, which can be sent again. `watch` hears how many bytes of the file are sent,
    and how many there are.

    Raises SourceError where the file cannot be read; also from `pieces`, where it changes meanwhile.
    """

    def __init__(self, path: Path, fields: Mapping[str, str], watch: Callable[[Bytes, Bytes], None]) -> None:
        self._path, self._watch = path, watch
        self.size: Bytes = _size(path)
        boundary = f"halfgig-{secrets.token_hex(16)}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = b"".join(_field(boundary, name, value) for name, value in fields.items()) + _file(boundary)
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    @property
    def length(self) -> Bytes:
        """Bytes of the whole body."""
        return len(self._head) + self.size + len(self._tail)

    def pieces(self) -> Iterator[bytes]:
        """The body from its beginning, piece by piece."""
        yield self._head
        yield from self._content()
        yield self._tail

    def _content(self) -> Iterator[bytes]:
        sent = 0
        try:
            with self._path.open("rb") as file:
                while sent < self.size and (piece := file.read(min(PIECE, self.size - sent))):
                    yield piece
                    sent += len(piece)
                    self._watch(sent, self.size)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        if sent < self.size:
            raise SourceError(f"{self._path} became shorter while it was sent.", "Send it when nothing writes to it.")


def _size(path: Path) -> Bytes:
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(facts.st_mode):
        raise SourceError(f"{path} is no regular file.", "Give one file at a time.")
    if not facts.st_size:
        raise SourceError(f"{path} is empty.", "Copy or download it again.")
    return facts.st_size


def _field(boundary: str, name: str, value: str) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + value.encode(errors="replace") + b"\r\n"


def _file(boundary: str) -> bytes:
    """The head of the file's part. Its name has a field of its own, where every character is safe."""
    disposition = 'Content-Disposition: form-data; name="file"; filename="source"'
    return f"--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()


def _unreadable(path: Path, error: Exception) -> SourceError:
    why = getattr(error, "strerror", None) or error
    return SourceError(f"{path} cannot be read: {why}.", "Check the path and the rights.")
