"""Uploads carried from the disk to another shelf, as into storage that machines share: streamed, resumed, verified."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halfgig.errors import MIB, Locked
from halfgig.store.ids import is_id
from halfgig.store.uploads import DAY, UploadStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

    from halfgig.records import Seconds
    from halfgig.store.blob_file import BlobFile
    from halfgig.store.shelf import DiskShelf, Shelf
    from halfgig.store.upload import Upload
    from halfgig.store.writer import UploadWriter

PIECE = MIB  # held at a time
WAITS = 60  # seconds for who holds an upload there: one that was killed does so for half of that


@dataclass(slots=True)
class Carried:
    """How far it is. `known` were there already; of these `other` are not as they are here, and were left alone.

    `arriving` were not complete, and stay. `broken` did not arrive as they are here, and are not there.
    """

    moved: int = 0
    known: int = 0
    arriving: int = 0
    other: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def carry_uploads(
    here: DiskShelf,
    there: Shelf,
    expiry: Seconds = DAY,
    *,
    watch: Callable[[Carried], object] = lambda _: None,
    sleep: Callable[[Seconds], object] = time.sleep,
) -> Carried:
    """Copy every complete upload under its own id, which lives for `expiry` from then on. What is here stays.

    It has no length there, and so cannot be used, before its bytes have been read back and compared. Cut off anywhere,
    it goes on when it is called again. Errors: OSError, and those of the shelf.
    """
    far = Carried()
    carrier = _Carrier(there, UploadStore(there, expiry=expiry), far, sleep)
    for name in filter(is_id, here.names()):
        upload = here.read(name)
        if upload is not None and not upload.complete:
            far.arriving += 1
        elif upload is not None:
            with suppress(FileNotFoundError), here.bytes_of(name).open("rb") as file:  # it may be removed meanwhile
                carrier.carry(upload, file)
        watch(far)
    return far


@dataclass(frozen=True, slots=True)
class _Carrier:
    shelf: Shelf
    store: UploadStore  # over that shelf
    far: Carried
    sleep: Callable[[Seconds], object]

    def carry(self, upload: Upload, file: BufferedReader) -> None:
        before = self.shelf.read(upload.id)
        if before is not None and before.length is not None:
            self.far.known += 1
            self.far.other += [] if _facts(before) == _facts(upload) else [upload.id]
            return
        if before is None:
            self.shelf.lay(replace(upload, length=None, offset=0))
        self._copy(upload.id, file)
        if _sha256(file) == sha256_of(self.shelf.bytes_of(upload.id)):
            self.store.declare(upload.id, file.tell())
            self.far.moved += 1
        else:
            self.shelf.clear(upload.id)
            self.far.broken.append(upload.id)

    def _copy(self, name: str, file: BufferedReader) -> None:
        """Append what is missing there; it is recorded every few MiB."""
        with self._writer(name) as writer:
            file.seek(writer.upload.offset)
            while piece := file.read(PIECE):
                writer.append(piece)

    def _writer(self, name: str) -> UploadWriter:
        for _ in range(WAITS):
            with suppress(Locked):
                return self.store.append(name, self.store.facts(name).offset)
            self.sleep(1.0)
        return self.store.append(name, self.store.facts(name).offset)


def sha256_of(found: Path | BlobFile) -> str:
    """The digest of what is stored, read through a small buffer. Errors: OSError, and those of the storage."""
    with found.open("rb") if isinstance(found, Path) else found.open() as stream:
        return file_digest(stream, "sha256").hexdigest()


def _facts(upload: Upload) -> tuple[Any, ...]:
    return upload.length, upload.offset, upload.sha256


def _sha256(file: BufferedReader) -> str:
    file.seek(0)
    return file_digest(file, "sha256").hexdigest()
