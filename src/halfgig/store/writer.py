"""The one who appends to an upload: has its bytes put where they are safe, and records how far they are."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

from halfgig.errors import MIB, Locked, ServerTrouble, TooLarge
from halfgig.store.room import telling_full_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.records import Bytes
    from halfgig.store.shelf import Hold
    from halfgig.store.upload import Upload

SYNC_EVERY = 8 * MIB  # so that neither much page cache is held, nor much must be sent again after a crash


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
    """Appends to an upload through its `hold`. Blocking, and safe for threads.

    What is past the recorded offset when it begins was never confirmed, and is cut off. The offset is recorded every
    `SYNC_EVERY` bytes, after they are safe; with `provisional`, only by `commit`. Leaving the block commits what
    came, or cuts off what is provisional or could not be written.
    """

    def __init__(self, hold: Hold, upload: Upload, books: Books, digest: Digest | None, *, provisional: bool) -> None:
        self._hold, self._recorded, self._books = hold, upload, books
        self._digest, self._provisional = digest, provisional
        self._lock = threading.Lock()
        self._sound, self._open, self._end, self._synced = True, True, upload.offset, upload.offset
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
            self._hold.write(view)
            self._end = end
            if self._digest:
                self._digest.update(view)
            if self._end - self._synced >= SYNC_EVERY:
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
            if not self._open:
                return
            try:
                self._settle()
            finally:
                self._open = False
                self._hold.close()

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

    def _flush(self) -> None:
        self._sync()
        if not self._provisional:
            self._keep(replace(self._recorded, offset=self._end))

    def _sync(self) -> None:
        self._hold.sync()
        self._synced = self._end

    def _keep(self, upload: Upload) -> None:
        self._recorded = self._books.keep(upload)

    def _cut(self) -> None:
        self._hold.cut(self._recorded.offset)
        self._end = self._synced = self._recorded.offset

    @contextmanager
    def _whole_or_cut(self) -> Iterator[None]:
        """After a failed write, sync or record only what was recorded is sure."""
        length = self._recorded.length
        with telling_full_disk(None if length is None else length - self._recorded.offset):
            try:
                yield
            except (OSError, ServerTrouble, Locked):
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
