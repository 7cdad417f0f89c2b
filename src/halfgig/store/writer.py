"""The one who appends to an upload: puts bytes on disk, records how far they are safe, drops their page cache."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

from halfgig.errors import MIB, Locked, TooLarge
from halfgig.store.room import telling_full_disk
from halfgig.store.upload import DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.records import Bytes
    from halfgig.store.upload import Upload

SYNC_EVERY = 8 * MIB  # so that neither much page cache is held, nor much must be sent again after a crash
_synced = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, piece: bytes | memoryview, /) -> None:
        """Take in the next bytes."""

    def digest(self) -> bytes:
        """The hash of all so far."""


@dataclass(frozen=True, slots=True)
class Books:
    """Where a writer's progress is written down: `keep` records an upload, `wrote` asks for room up to an offset."""

    keep: Callable[[Upload], Upload]
    wrote: Callable[[Bytes], None]
    limit: Bytes | None


class UploadWriter:
    """Appends to an upload through `file`, which it holds alone. Blocking, and safe for threads.

    What is past the recorded offset when it begins was never confirmed, and is cut off. The offset is recorded every
    `SYNC_EVERY` bytes, after they are on disk; with `provisional`, only by `commit`. Leaving the block commits what
    came, or cuts off what is provisional or could not be written.
    """

    def __init__(self, file: int, upload: Upload, books: Books, digest: Digest | None, *, provisional: bool) -> None:
        self._file, self._recorded, self._books = file, upload, books
        self._digest, self._provisional = digest, provisional
        self._lock = threading.Lock()
        self._sound, self._end, self._dropped = True, upload.offset, upload.offset
        self._cut()

    @property
    def upload(self) -> Upload:
        """The upload as it is recorded."""
        return self._recorded

    def append(self, piece: bytes | memoryview) -> None:
        """Write the next bytes. TooLarge past the upload's length or the limit, StorageFull where the disk is full."""
        assert self._sound, "a writer that failed has lost bytes, and can only be closed"
        with self._lock, self._whole_or_cut():
            view = memoryview(piece)
            end = self._end + len(view)
            self._refuse_past_limits(end)
            self._books.wrote(end)
            self._write(view)
            if self._digest:
                self._digest.update(view)
            if self._end - self._dropped >= SYNC_EVERY:
                self._flush()

    def commit(self, *, ended: bool = False, sha256: str | None = None) -> Upload:
        """Record every byte that came. With `ended` the upload's length is what came."""
        with self._lock, self._whole_or_cut():
            self._sync()
            length = self._end if ended else self._recorded.length
            self._keep(replace(self._recorded, offset=self._end, length=length, sha256=sha256))
            return self._recorded

    def close(self) -> None:
        """End: commit what came, or cut off what must not count; then let others write."""
        with self._lock:
            if self._file < 0:
                return
            try:
                self._settle()
            finally:
                os.close(self._file)
                self._file = -1

    def __del__(self) -> None:
        """A writer that was lost, as where its request was cancelled, holds the upload no longer."""
        if self._file >= 0:
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle(self) -> None:
        if self._end == self._recorded.offset:
            return
        if self._provisional or not self._sound:
            self._cut()
        else:
            with self._whole_or_cut():
                self._flush()

    def _refuse_past_limits(self, end: Bytes) -> None:
        length, limit = self._recorded.length, self._books.limit
        if length is not None and end > length:
            raise TooLarge(f"The upload has {length} bytes, and more were sent.", "Send what Upload-Length says.")
        refuse_past_limit(end, limit)

    def _write(self, view: memoryview) -> None:
        while view:
            written = os.write(self._file, view)
            self._end += written
            view = view[written:]

    def _flush(self) -> None:
        self._sync()
        if not self._provisional:
            self._keep(replace(self._recorded, offset=self._end))

    def _sync(self) -> None:
        """Wait until the bytes are on disk, and let the kernel forget them: nobody reads them soon."""
        _synced(self._file)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file, self._dropped, self._end - self._dropped, os.POSIX_FADV_DONTNEED)
        self._dropped = self._end

    def _keep(self, upload: Upload) -> None:
        self._recorded = self._books.keep(upload)

    def _cut(self) -> None:
        os.ftruncate(self._file, self._recorded.offset)
        os.lseek(self._file, self._recorded.offset, os.SEEK_SET)
        self._end = self._dropped = self._recorded.offset

    @contextmanager
    def _whole_or_cut(self) -> Iterator[None]:
        """After a failed write or sync only what was recorded is sure."""
        length = self._recorded.length
        with telling_full_disk(None if length is None else length - self._recorded.offset):
            try:
                yield
            except OSError:
                self._sound = False
                with suppress(OSError):
                    self._cut()
                raise


def refuse_past_limit(size: Bytes, limit: Bytes | None) -> None:
    """TooLarge where `size` passes MAX_FILE_SIZE_MB, given as `limit` bytes."""
    if limit is not None and size > limit:
        raise TooLarge(
            f"The upload is larger than the limit of {limit / MIB:g} MB.",
            "Send a smaller file, or raise MAX_FILE_SIZE_MB.",
        )


def take(folder: Path) -> int:
    """The file of `folder`'s data, open to be written, and held: Locked while anybody else holds it.

    The hold ends with the process, however that ends.
    """
    file = os.open(folder / DATA, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise Locked(
            "Another request is writing to this upload.", "Wait until it has ended, and ask for the offset."
        ) from None
    return file
