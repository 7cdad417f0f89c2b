"""What was uploaded, on the disk or wherever else a `Shelf` is: begun, written, declared, opened, expired."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import MIB, BadRequest, Busy, Conflict, HalfgigError, Locked, NotFound
from halfgig.store.ids import is_id, new_id
from halfgig.store.room import Room
from halfgig.store.shelf import DiskShelf
from halfgig.store.upload import Upload, clean_title
from halfgig.store.writer import Books, UploadWriter, refuse_past_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from halfgig.records import Bytes, Seconds
    from halfgig.store.blob_file import BlobFile
    from halfgig.store.shelf import Hold, Shelf
    from halfgig.store.writer import Digest

FLOOR = 64 * MIB  # of the disk that uploads leave free: jobs, the library and the logs must still be written
DAY = 86_400.0  # seconds
MOST = 10_000  # uploads at a time; each takes a folder, and a disk runs out of those too


class UploadStore:
    """The uploads of a server, in a folder or on a shelf. Blocking: call it from a thread. Safe for threads.

    `quota` bounds the bytes of all uploads, those declared and still to come included; `limit` bounds each. What is
    not touched for `expiry` seconds may be expired. `clock` gives unix seconds, `free` the bytes left on the disk, and
    `others` those of all else that counts against the quota.
    """

    def __init__(
        self,
        place: Path | Shelf,
        quota: Bytes | None = None,
        clock: Callable[[], float] = time.time,
        *,
        limit: Bytes | None = None,
        expiry: Seconds = DAY,
        floor: Bytes = FLOOR,
        free: Callable[[], Bytes] | None = None,
        others: Callable[[], Bytes] = lambda: 0,
    ) -> None:
        self.limit = limit
        self._shelf: Shelf = DiskShelf(place) if isinstance(place, Path) else place
        self._clock, self._expiry = clock, expiry
        self._room = Room(free or self._shelf.free, quota, floor, others)
        self._count(self._names())

    @property
    def used(self) -> Bytes:
        """Bytes of all uploads, those declared and still to come included."""
        return self._room.used

    @property
    def count(self) -> int:
        """How many uploads there are, whole or not."""
        return self._room.count

    @property
    def held(self) -> Bytes:
        """Bytes that have come of all uploads."""
        return self._room.written

    def uploads(self) -> Iterator[Upload]:
        """Every upload, oldest first."""
        found = (self._shelf.read(name) for name in self._names())
        return (upload for upload in found if upload is not None)

    def create(
        self,
        title: str = "",
        length: Bytes | None = None,
        *,
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        expected: Bytes = 0,
    ) -> Upload:
        """A new upload without bytes. `length` may be None, to be declared later; `expected` bytes are then kept free.

        Errors: TooLarge past the limit, StorageFull where there is no room, Busy where there are too many uploads.
        """
        refuse_past_limit(length or 0, self.limit)
        if len(self._names()) >= MOST:
            raise Busy(f"There are {MOST} uploads already.", "Delete some, or wait until they expire.")
        now = self._clock()
        upload = Upload(
            new_id(now), length, 0, clean_title(title), content_type, now, now + self._expiry, None, metadata or {}
        )
        self._room.claim(upload.id, expected if length is None else length)
        try:
            self._shelf.lay(upload)
        except BaseException:
            with suppress(HalfgigError, OSError):  # what it refuses to take it may refuse to delete
                self._clear(upload.id)
            raise
        return upload

    @property
    def left(self) -> Bytes:
        """Bytes that a new upload may have now; asks the disk."""
        return self._room.left

    def check(self, length: Bytes) -> None:
        """Tell whether an upload of so many bytes would be taken now. Errors: TooLarge, StorageFull."""
        refuse_past_limit(length, self.limit)
        self._room.check(length)

    def facts(self, upload_id: str) -> Upload:
        """The upload as it is recorded; NotFound where there is none, or what is asked for is no id."""
        upload = self._shelf.read(upload_id) if is_id(upload_id) else None
        if upload is None:
            raise _unknown()
        return upload

    def there(self) -> set[str]:
        """The ids of everything that is there, whole or not."""
        return set(self._names())

    def open(self, upload_id: str) -> Path | BlobFile:
        """Where the bytes of a complete upload are; Conflict while some are missing."""
        upload = self.facts(upload_id)
        if not upload.complete:
            raise Conflict("The upload is not complete.", "Send the rest of it first.")
        try:
            return self._shelf.bytes_of(upload_id)
        except FileNotFoundError:  # it was deleted meanwhile
            raise _unknown() from None

    def declare(self, upload_id: str, length: Bytes) -> Upload:
        """Tell the length of an upload that began without one.

        Errors: BadRequest where it has another already or holds more, TooLarge and StorageFull as in `create`.
        """
        with self._held(upload_id) as hold:
            upload = self.facts(upload_id)
            if upload.length == length:
                return upload
            if upload.length is not None or length < upload.offset:
                raise BadRequest("The upload cannot come to have that length.", "Send the Upload-Length that it has.")
            refuse_past_limit(length, self.limit)
            self._room.claim(upload_id, length)
            return self._keep(hold, replace(upload, length=length))

    def append(
        self, upload_id: str, offset: Bytes, *, digest: Digest | None = None, provisional: bool = False
    ) -> UploadWriter:
        """A writer for the bytes after `offset`, which must be where the upload ends. Use it as a block.

        `digest` hears every byte; with `provisional` none counts before the writer's `commit`.
        Errors: NotFound, Conflict where the upload ends elsewhere, Locked while another writes to it.
        """
        hold = self._take(upload_id)
        try:
            upload = self.facts(upload_id)  # as it is now that nobody else can change it
            if upload.offset != offset:
                raise Conflict(
                    f"The upload has {upload.offset} bytes, and these begin at {offset}.",
                    "Ask for the offset with HEAD, and go on from there.",
                )
            books = Books(partial(self._keep, hold), partial(self._room.wrote, upload_id), self.limit)
            return UploadWriter(hold, upload, books, digest, provisional=provisional)
        except BaseException:
            hold.close()
            raise

    def remove(self, upload_id: str) -> None:
        """Delete an upload. NotFound where there is none, Locked while somebody writes to it."""
        with self._held(upload_id):
            self._clear(upload_id)

    def expire(self, needed: Callable[[str], bool] = lambda _: False) -> list[str]:
        """Delete what is past its time and not `needed`, whether it was broken off or never used; says which."""
        names = self._names()
        gone = [name for name in names if self._is_over(name) and not needed(name) and self._try_clear(name)]
        if self._shelf.shared:
            self._count(self._names())
        return gone

    def _names(self) -> list[str]:
        return [name for name in self._shelf.names() if is_id(name)]

    def _count(self, names: list[str]) -> None:
        """Reckon with what is there, and with nothing else: other machines make uploads and delete some."""
        self._room.only(names)
        for upload in filter(None, map(self._shelf.read, names)):
            self._room.restore(upload.id, _claimed(upload), upload.offset)

    def _take(self, upload_id: str) -> Hold:
        """The upload, which only we may change until it is closed."""
        self.facts(upload_id)
        try:
            return self._shelf.hold(upload_id)
        except FileNotFoundError:  # it was deleted meanwhile
            raise _unknown() from None

    @contextmanager
    def _held(self, upload_id: str) -> Iterator[Hold]:
        """Only we may change the upload inside the block."""
        hold = self._take(upload_id)
        try:
            yield hold
        finally:
            hold.close()

    def _keep(self, hold: Hold, upload: Upload) -> Upload:
        """Record the upload, which lives on from now."""
        upload = replace(upload, expires_at=self._clock() + self._expiry)
        hold.keep(upload)
        if upload.complete:
            self._room.restore(upload.id, upload.offset, upload.offset)
        return upload

    def _is_over(self, name: str) -> bool:
        upload = self._shelf.read(name)
        if upload is not None:
            return upload.expires_at <= self._clock()
        with suppress(FileNotFoundError):  # what a crash left of an upload, and nothing can be told of
            return self._shelf.changed_at(name) + self._expiry <= self._clock()
        return False

    def _try_clear(self, name: str) -> bool:
        held = None
        with suppress(FileNotFoundError):
            try:
                held = self._shelf.hold(name)
            except Locked:
                return False
        self._clear(name)
        if held is not None:
            held.close()
        return True

    def _clear(self, name: str) -> None:
        self._shelf.clear(name)
        self._room.release(name)


def _claimed(upload: Upload) -> Bytes:
    return max(upload.offset, upload.length or 0)


def _unknown() -> NotFound:
    return NotFound("There is no such upload.", "It may have expired or been deleted; upload the file again.")
