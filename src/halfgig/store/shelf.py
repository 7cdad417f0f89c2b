"""Where uploads are: the port below `UploadStore`, and the disk as it is on one machine."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from halfgig.errors import Locked
from halfgig.store.room import free_space, telling_full_disk
from halfgig.store.upload import DATA, INFO, read_upload, sync, write_all, write_upload

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.records import Bytes
    from halfgig.store.blob_file import BlobFile
    from halfgig.store.upload import Upload

_put_on_disk = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Hold(Protocol):
    """An upload that only its holder may change, from being taken until it is closed. Errors: as of its shelf."""

    def keep(self, upload: Upload) -> None:
        """Record these facts, whole or not at all. Locked where somebody else has taken the upload meanwhile."""

    def cut(self, offset: Bytes) -> None:
        """Go on after `offset`, up to which the bytes are recorded; what was written past it is dropped."""

    def write(self, piece: memoryview) -> None:
        """Take the next bytes; nothing is promised of them before `sync`."""

    def sync(self) -> None:
        """Return when every byte that was written is safe."""

    def close(self) -> None:
        """Let others take it."""


class Shelf(Protocol):
    """A place of uploads by their id; ids are looked at before. Blocking, safe for threads. Errors: OSError, others."""

    shared: bool  # with other machines, whose uploads come and go

    def own(self, queue_id: str) -> None:
        """Belong to this queue, whose jobs tell what is needed. BadRequest where another queue's uploads are here."""

    def free(self) -> Bytes:
        """Bytes that may still be written."""

    def names(self) -> list[str]:
        """Everything that is there or was begun, in order."""

    def read(self, name: str) -> Upload | None:
        """The upload as it is recorded; None where there is none, or nothing readable."""

    def lay(self, upload: Upload) -> None:
        """Make a new one without bytes."""

    def hold(self, name: str) -> Hold:
        """Take an upload. Locked while anybody else holds it, FileNotFoundError where there is none."""

    def bytes_of(self, name: str) -> Path | BlobFile:
        """Where the bytes of a complete upload are; FileNotFoundError where there is none."""

    def clear(self, name: str) -> None:
        """Take everything of it away; its facts first, so that a crash leaves none that is half there."""

    def changed_at(self, name: str) -> float:
        """When something of it was last written, in unix seconds; FileNotFoundError where there is nothing."""


class DiskShelf:
    """A folder for each upload, with its bytes in `data` and its facts in `info.json`."""

    shared = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def own(self, queue_id: str) -> None:
        """Nothing is to be told: the data folder has one server, and that one queue."""

    def free(self) -> Bytes:
        """Bytes that the disk has left."""
        return free_space(self.folder)

    def names(self) -> list[str]:
        """As of `Shelf`."""
        return sorted(entry.name for entry in os.scandir(self.folder))

    def read(self, name: str) -> Upload | None:
        """As of `Shelf`."""
        return read_upload(self.folder / name)

    def lay(self, upload: Upload) -> None:
        """As of `Shelf`."""
        folder = self.folder / upload.id
        with telling_full_disk(upload.length):
            folder.mkdir()
            (folder / DATA).touch()
            write_upload(folder, upload)
            sync(self.folder)

    def hold(self, name: str) -> DiskHold:
        """As of `Shelf`; the hold ends with the process, however that ends."""
        return DiskHold(self.folder / name)

    def bytes_of(self, name: str) -> Path:
        """As of `Shelf`."""
        path = self.folder / name / DATA
        if not path.exists():
            raise FileNotFoundError(path)
        return path

    def clear(self, name: str) -> None:
        """As of `Shelf`."""
        (self.folder / name / INFO).unlink(missing_ok=True)
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def changed_at(self, name: str) -> float:
        """As of `Shelf`."""
        return (self.folder / name).stat().st_mtime


class DiskHold:
    """An upload on disk, held by a lock on its bytes; puts them on disk and drops their page cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = os.open(folder / DATA, os.O_RDWR | os.O_CLOEXEC)
        self._synced = 0
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise locked() from None

    def keep(self, upload: Upload) -> None:
        """As of `Hold`."""
        write_upload(self._folder, upload)

    def cut(self, offset: Bytes) -> None:
        """As of `Hold`."""
        os.ftruncate(self._file, offset)
        self._synced = os.lseek(self._file, offset, os.SEEK_SET)

    def write(self, piece: memoryview) -> None:
        """As of `Hold`."""
        write_all(self._file, piece)

    def sync(self) -> None:
        """As of `Hold`. The kernel forgets the bytes: nobody reads them soon."""
        _put_on_disk(self._file)
        end = os.lseek(self._file, 0, os.SEEK_CUR)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file, self._synced, end - self._synced, os.POSIX_FADV_DONTNEED)
        self._synced = end

    def close(self) -> None:
        """As of `Hold`."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        """One that was lost, as where its request was cancelled, holds the upload no longer."""
        with suppress(AttributeError):  # it was never opened
            self.close()


def locked() -> Locked:
    """What everybody else is told."""
    return Locked("Another request is writing to this upload.", "Wait until it has ended, and ask for the offset.")
