"""A pipe or other binary stream that can be inspected first and decoded after, in bounded memory."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from halfgig.errors import SourceError, TooLarge

if TYPE_CHECKING:
    from halfgig.records import Bytes

KEPT = 8 * 1024 * 1024  # bytes of a pipe's beginning that are kept, so that it can be opened a second time


class Pipe:
    """A binary stream that cannot seek, but whose first `KEPT` bytes can be read again.

    `limit` is the most bytes that may be read; reading past it raises TooLarge.
    """

    def __init__(self, stream: IO[bytes], *, limit: Bytes | None = None, kept: Bytes = KEPT) -> None:
        self._stream, self._limit, self._kept = stream, limit, kept
        self._beginning: bytearray | None = bytearray()
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, b"" at the end. Errors: TooLarge past the limit, SourceError where reading fails."""
        again = self._beginning[self._position :] if self._beginning is not None else b""
        data = bytes(again[: size if size >= 0 else None]) or self._read_on(size)
        self._position += len(data)
        return data

    def seekable(self) -> bool:
        """False: a decoder must take it as it comes."""
        return False

    def seek(self, offset: int) -> int:
        """Start again at the first byte. Errors: SourceError where too much of the stream has been read."""
        if self._beginning is None or offset:
            raise SourceError(
                "The stream has been read too far to be started again.",
                "Save it to a file first, and give the file's path.",
            )
        self._position = offset
        return offset

    def head(self, size: int) -> bytes:
        """The first `size` bytes (fewer at the end), without consuming them."""
        data = bytearray()
        while len(data) < size and (more := self.read(size - len(data))):
            data += more
        self.seek(0)
        return bytes(data)

    def _read_on(self, size: int) -> bytes:
        try:
            data = self._stream.read(size) or b""
        except (OSError, ValueError) as error:
            raise SourceError(f"The stream cannot be read: {error}.", "Save it to a file first.") from error
        if self._limit is not None and self._position + len(data) > self._limit:
            raise TooLarge(
                f"The stream is larger than the limit of {self._limit / 1e6:g} MB.",
                "Give a smaller source, or raise MAX_FILE_SIZE_MB.",
            )
        self._keep(data)
        return data

    def _keep(self, data: bytes) -> None:
        if self._beginning is None:
            return
        self._beginning += data
        if len(self._beginning) > self._kept:
            self._beginning = None
