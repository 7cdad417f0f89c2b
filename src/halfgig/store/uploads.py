"""What was uploaded, on disk: a folder for each upload with its bytes in `data` and its facts in `info.json`."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from halfgig.errors import MIB, BadRequest, Busy, Conflict, Locked, NotFound
from halfgig.store.ids import is_id, new_id
from halfgig.store.room import Room, free_space, telling_full_disk
from halfgig.store.upload import DATA, INFO, Upload, clean_title, read_upload, sync, write_upload
from halfgig.store.writer import Books, UploadWriter, refuse_past_limit, take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from halfgig.records import Bytes, Seconds
    from halfgig.store.writer import Digest

FLOOR = 64 * MIB  # of the disk that uploads leave free: jobs, the library and the logs must still be written
DAY = 86_400.0  # seconds
MOST = 10_000  # uploads at a time; each takes a folder, and a disk runs out of those too


class UploadStore:
    """The uploads of one server, under `folder`. Blocking: call it from a thread. Safe for threads.

    `quota` bounds the bytes of all uploads, those declared and still to come included; `limit` bounds each. What is
    not touched for `expiry` seconds may be expired. `clock` gives unix seconds, `free` the bytes left on the disk, and
    `others` those of all else that counts against the quota.
    """

    def __init__(
        self,
        folder: Path,
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
        self._folder, self._clock, self._expiry = folder, clock, expiry
        folder.mkdir(parents=True, exist_ok=True)
        self._room = Room(free or partial(free_space, folder), quota, floor, others)
        for upload in self.uploads():
            self._room.restore(upload.id, _claimed(upload), upload.offset)

    @property
    def used(self) -> Bytes:
        """Bytes of all uploads, those declared and still to come included."""
        return self._room.used

    def uploads(self) -> Iterator[Upload]:
        """Every upload, oldest first."""
        found = (read_upload(self._folder / name) for name in self._names())
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
            self._lay(upload)
        except BaseException:
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
        upload = read_upload(self._folder / upload_id) if is_id(upload_id) else None
        if upload is None:
            raise _unknown()
        return upload

    def open(self, upload_id: str) -> Path:
        """Where the bytes of a complete upload are; Conflict while some are missing."""
        upload = self.facts(upload_id)
        if not upload.complete:
            raise Conflict("The upload is not complete.", "Send the rest of it first.")
        return self._folder / upload_id / DATA

    def declare(self, upload_id: str, length: Bytes) -> Upload:
        """Tell the length of an upload that began without one.

        Errors: BadRequest where it has another already or holds more, TooLarge and StorageFull as in `create`.
        """
        with self._held(upload_id):
            upload = self.facts(upload_id)
            if upload.length == length:
                return upload
            if upload.length is not None or length < upload.offset:
                raise BadRequest("The upload cannot come to have that length.", "Send the Upload-Length that it has.")
            refuse_past_limit(length, self.limit)
            self._room.claim(upload_id, length)
            return self._keep(replace(upload, length=length))

    def append(
        self, upload_id: str, offset: Bytes, *, digest: Digest | None = None, provisional: bool = False
    ) -> UploadWriter:
        """A writer for the bytes after `offset`, which must be where the upload ends. Use it as a block.

        `digest` hears every byte; with `provisional` none counts before the writer's `commit`.
        Errors: NotFound, Conflict where the upload ends elsewhere, Locked while another writes to it.
        """
        file = self._take(upload_id)
        try:
            upload = self.facts(upload_id)  # as it is now that nobody else can change it
            if upload.offset != offset:
                raise Conflict(
                    f"The upload has {upload.offset} bytes, and these begin at {offset}.",
                    "Ask for the offset with HEAD, and go on from there.",
                )
            books = Books(self._keep, partial(self._room.wrote, upload_id), self.limit)
            return UploadWriter(file, upload, books, digest, provisional=provisional)
        except BaseException:
            os.close(file)
            raise

    def remove(self, upload_id: str) -> None:
        """Delete an upload. NotFound where there is none, Locked while somebody writes to it."""
        with self._held(upload_id):
            self._clear(upload_id)

    def expire(self, needed: Callable[[str], bool] = lambda _: False) -> list[str]:
        """Delete what is past its time and not `needed`, whether it was broken off or never used; says which."""
        return [name for name in self._names() if self._is_over(name) and not needed(name) and self._try_clear(name)]

    def _names(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self._folder) if is_id(entry.name))

    def _take(self, upload_id: str) -> int:
        """The upload's open file, which only we may change until it is closed."""
        self.facts(upload_id)
        try:
            return take(self._folder / upload_id)
        except FileNotFoundError:  # it was deleted meanwhile
            raise _unknown() from None

    @contextmanager
    def _held(self, upload_id: str) -> Iterator[None]:
        """Only we may change the upload inside the block."""
        file = self._take(upload_id)
        try:
            yield
        finally:
            os.close(file)

    def _lay(self, upload: Upload) -> None:
        folder = self._folder / upload.id
        with telling_full_disk(upload.length):
            folder.mkdir()
            (folder / DATA).touch()
            write_upload(folder, upload)
            sync(self._folder)

    def _keep(self, upload: Upload) -> Upload:
        """Record the upload, which lives on from now."""
        upload = replace(upload, expires_at=self._clock() + self._expiry)
        write_upload(self._folder / upload.id, upload)
        if upload.complete:
            self._room.restore(upload.id, upload.offset, upload.offset)
        return upload

    def _is_over(self, name: str) -> bool:
        upload = read_upload(self._folder / name)
        if upload is not None:
            return upload.expires_at <= self._clock()
        with suppress(FileNotFoundError):  # what a crash left of an upload, and nothing can be told of
            return (self._folder / name).stat().st_mtime + self._expiry <= self._clock()
        return False

    def _try_clear(self, name: str) -> bool:
        held = None
        with suppress(FileNotFoundError):
            try:
                held = take(self._folder / name)
            except Locked:
                return False
        self._clear(name)
        if held is not None:
            os.close(held)
        return True

    def _clear(self, name: str) -> None:
        """Take an upload away; its facts first, so that a crash leaves none that is half there."""
        (self._folder / name / INFO).unlink(missing_ok=True)
        shutil.rmtree(self._folder / name, ignore_errors=True)
        self._room.release(name)


def _claimed(upload: Upload) -> Bytes:
    return max(upload.offset, upload.length or 0)


def _unknown() -> NotFound:
    return NotFound("There is no such upload.", "It may have expired or been deleted; upload the file again.")
