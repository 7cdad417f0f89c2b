"""Blobs in a folder, as one that machines share over a network: a file for each, replaced whole."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from halfgig.store.blob_file import pieces_of
from halfgig.store.blobs import Blob, Moved
from halfgig.store.room import telling_full_disk
from halfgig.store.upload import sync, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from halfgig.records import Bytes, Seconds

DRAFT, LOCK = ".draft-", ".lock"  # names that no key has: keys begin with a letter or digit


class FolderBlobs:
    """The port `Blobs` over `root`, which is made with the first blob.

    One that was `put` outlives a loss of power unless it is not `lasting`, which is sooner; one that was taken does.
    """

    def __init__(self, root: Path, *, lasting: bool = True) -> None:
        self._root, self._lasting = root, lasting

    def put(self, key: str, data: bytes | memoryview, *, over: str | None = None) -> str:
        """As of `Blobs`."""
        path, version = self._root / key, ""
        while not version:
            with telling_full_disk(len(data)):
                draft = self._drafted(path, [data], lasting=self._lasting)
            with suppress(FileNotFoundError):  # another took it away with all that is there: it is written again
                version = self._replaced(draft, path, over)
        if self._lasting:
            sync(path.parent)
        return version

    def take(
        self,
        key: str,
        draft: Path,
        beat: Callable[[], object],
        headers: Mapping[str, str] | None = None,  # noqa: ARG002  # nobody but us reads it
    ) -> None:
        """As of `Blobs`: renamed, or copied from another disk."""
        path = self._root / key
        sync(draft)
        with telling_full_disk(None):
            while True:
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    self._moved(draft, path, beat)
                except FileNotFoundError:  # as in `put`
                    if not draft.exists():
                        raise
                else:
                    break
        sync(path.parent)

    def _moved(self, draft: Path, path: Path, beat: Callable[[], object]) -> None:
        try:
            draft.replace(path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._replaced(self._drafted(path, pieces_of(draft, beat), lasting=True), path, None)
            draft.unlink(missing_ok=True)

    def _replaced(self, draft: Path, path: Path, over: str | None) -> str:
        try:
            with self._alone(conditional=over is not None):
                if over is not None and _version(path) != over:
                    raise Moved(path)
                version = _told(draft.stat())
                draft.replace(path)
                return version
        except BaseException:
            _unlink(draft)
            raise

    def get(self, key: str) -> tuple[bytes, str]:
        """As of `Blobs`."""
        with (self._root / key).open("rb") as file:
            return file.read(), _told(os.fstat(file.fileno()))

    def read(self, key: str, first: Bytes, size: Bytes, *, of: str = "") -> bytes:
        """As of `Blobs`."""
        with (self._root / key).open("rb", buffering=0) as file:
            if of and _told(os.fstat(file.fileno())) != of:
                raise Moved(key)
            file.seek(first)
            return file.read(size) or b""

    def bytes_of(self, key: str) -> Path | None:
        """As of `Blobs`: whoever has the file open has all of it."""
        path = self._root / key
        return path if path.exists() else None

    def link(self, key: str, lifetime: Seconds) -> str | None:  # noqa: ARG002
        """As of `Blobs`: none."""
        return None

    def have(self, keys: Iterable[str]) -> set[str]:
        """As of `Blobs`."""
        return {key for key in keys if (self._root / key).exists()}

    def remove(self, keys: Iterable[str]) -> None:
        """As of `Blobs`; a folder goes with its last file."""
        for key in keys:
            _unlink(self._root / key)

    def walk(self, folder: str) -> Iterator[Blob]:
        """As of `Blobs`, and what a killed server had begun to write, so that it goes with the others."""
        for place, _, names in os.walk(self._root / folder):
            for path in [self._root / place / name for name in sorted(names) if name != LOCK]:
                with suppress(FileNotFoundError):
                    told = path.stat()
                    yield Blob(path.relative_to(self._root).as_posix(), told.st_size, told.st_mtime, _told(told))

    def folders(self, folder: str) -> list[str]:
        """As of `Blobs`."""
        try:
            return sorted(entry.name for entry in os.scandir(self._root / folder) if entry.is_dir())
        except FileNotFoundError:
            return []

    def _drafted(self, path: Path, pieces: Iterable[bytes | memoryview], *, lasting: bool) -> Path:
        """The bytes on disk beside `path`, whose folder is made."""
        draft = path.with_name(f"{DRAFT}{uuid4().hex}")
        with _opened(draft) as file:
            try:
                for piece in pieces:
                    write_all(file.fileno(), memoryview(piece))
                if lasting:
                    os.fsync(file.fileno())
            except BaseException:
                _unlink(draft)
                raise
        return draft

    @contextmanager
    def _alone(self, *, conditional: bool) -> Iterator[None]:
        """Nobody else looks and writes inside the block."""
        if not conditional:
            yield
            return
        file = os.open(self._root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


def _opened(draft: Path) -> IO[bytes]:
    """A new file; its folder may go with another's last blob just now, and is made again."""
    while True:
        draft.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            return draft.open("wb", buffering=0)


def _unlink(path: Path) -> None:
    """Delete a file, and its folder with the last one."""
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()


def _version(path: Path) -> str:
    try:
        return _told(path.stat())
    except FileNotFoundError:
        return ""


def _told(facts: os.stat_result) -> str:
    return f"{facts.st_mtime_ns:x}-{facts.st_ino:x}-{facts.st_size:x}"
