"""A URL becomes a seekable stream: by ranges, or stored first where its server gives none."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import IO, TYPE_CHECKING

from halfgig.errors import MIB, SourceError, StorageFull, TooLarge
from halfgig.media.addresses import allow_list
from halfgig.media.connection import BrokenOff, Client, parse_proxy, reason
from halfgig.media.ranges import (
    BUFFER,
    LEAST_ASKED,
    NOTHING_THERE,
    PARTIAL,
    Patience,
    RemoteFile,
    RemoteStream,
    check_status,
    facts_told,
)
from halfgig.media.shown import told_url
from halfgig.media.watch import unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.client import HTTPResponse
    from pathlib import Path

    from halfgig.media.ranges import RemoteFacts
    from halfgig.media.watch import Watch
    from halfgig.records import Bytes, Seconds
    from halfgig.settings import Settings

OPENING_PAUSES = (0.0, 0.5)  # seconds before each further try
SYNC_EVERY = 8 * MIB  # of what is stored
MAX_UNTOLD = 4096 * MIB  # bytes that are stored of a file where MAX_FILE_SIZE_MB says nothing


def open_remote(
    address: str,
    settings: Settings,
    *,
    title: str = "",
    folder: Path | None = None,
    watch: Watch = unwatched,
    sleep: Callable[[Seconds], None] = time.sleep,
) -> RemoteStream:
    """The file at an http(s) URL as a seekable binary stream; the caller closes it.

    A server that gives no ranges is read to the end at once, into an unnamed file in `folder` (by default where the
    system keeps such files). `title` is what errors call it. `watch` hears of each piece, and how much is stored; what
    it raises ends the reading. With GUARD_ADDRESSES every hop must be public or allowed.
    Errors: Forbidden, Refused and other SourceErrors, Unreachable, TooLarge past MAX_FILE_SIZE_MB, StorageFull.
    """
    limit = None if settings.max_file_size_mb is None else int(settings.max_file_size_mb * MIB)
    wanted = _Wanted(address, title or told_url(address), limit, folder, watch, sleep)
    client = Client(allow_list(settings), parse_proxy(settings.proxy_url))
    patience = Patience(wanted.title, OPENING_PAUSES, sleep, watch, hurried=True)
    while True:
        try:
            return _open(client, wanted)
        except BrokenOff as error:
            client.close()
            patience.lose(error)
        except BaseException:
            client.close()
            raise


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One file to open: its URL, its name for people, the most bytes of it, where it may be stored, who watches."""

    address: str
    title: str
    limit: Bytes | None
    folder: Path | None
    watch: Watch
    sleep: Callable[[Seconds], None]


def _open(client: Client, wanted: _Wanted) -> RemoteStream:
    answer, facts = _ask(client, wanted, {"Range": f"bytes=0-{LEAST_ASKED - 1}"})
    if facts.ranges:
        return RemoteFile(client, facts, answer, title=wanted.title, sleep=wanted.sleep, watch=wanted.watch)
    if answer.status == PARTIAL:  # of a file whose size is not told: the whole of it then
        client.close()
        answer, facts = _ask(client, wanted, {})
    _refuse_endless(answer, wanted.title)
    try:
        file = _spool(answer, wanted)
    finally:
        client.close()
    return SpooledFile(file, replace(facts, size=_length(file)))


def _ask(client: Client, wanted: _Wanted, headers: dict[str, str]) -> tuple[HTTPResponse, RemoteFacts]:
    """An answer with a file in it, not larger than may be, and what it tells."""
    answer, final = client.get(wanted.address, headers)
    if answer.status == NOTHING_THERE:
        raise SourceError(f"{wanted.title} is empty.", "Copy or download it again.")
    check_status(answer, wanted.title)
    facts = facts_told(answer, wanted.address, final)
    _refuse_past(wanted.limit, facts.size, wanted.title)
    return answer, facts


def _refuse_past(limit: Bytes | None, size: Bytes | None, title: str) -> None:
    if limit is not None and size is not None and size > limit:
        raise TooLarge(
            f"{title} has more than {limit / MIB:g} MB, which is the limit.",
            "Give a smaller file, or raise MAX_FILE_SIZE_MB.",
        )


# --- servers without ranges ----------------------------------------------------------------------------


class SpooledFile(RemoteStream):
    """A remote file that has been stored, since its server gives no ranges; it vanishes when it is closed."""

    def __init__(self, file: IO[bytes], facts: RemoteFacts) -> None:
        self.facts, self._file = facts, file

    def tell(self) -> int:
        """The position, in bytes."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position."""
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        return self._file.read(size)

    def close(self) -> None:
        """Close and remove the file."""
        if not self.closed:
            self._file.close()
        super().close()


def _refuse_endless(answer: HTTPResponse, title: str) -> None:
    """SourceError for a radio station: it would be stored for ever."""
    if any(name.lower().startswith("icy-") for name in answer.headers):
        raise SourceError(f"{title} is a live stream, which has no end.", "Record it to a file first.")


def _length(file: IO[bytes]) -> Bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _spool(answer: HTTPResponse, wanted: _Wanted) -> IO[bytes]:
    """All of the answer in an unnamed file. Errors: BrokenOff, TooLarge, StorageFull, and what the watch raises."""
    file = tempfile.TemporaryFile(dir=wanted.folder)  # noqa: SIM115  # the caller closes it
    try:
        size, told = 0, answer.headers.get("Content-Length", "")
        total = int(told) if told.isdecimal() else None
        while piece := _piece(answer):
            size += len(piece)
            _refuse_past(MAX_UNTOLD if wanted.limit is None else wanted.limit, size, wanted.title)
            wanted.watch(size, total)
            _store(file, piece)
            if size // SYNC_EVERY > (size - len(piece)) // SYNC_EVERY:
                _sync(file)
        if total is not None and size < total:
            raise BrokenOff("its server broke off the answer")
    except BaseException:
        file.close()
        raise
    return file


def _piece(answer: HTTPResponse) -> bytes:
    try:
        return answer.read(BUFFER)
    except (OSError, HTTPException) as error:
        raise BrokenOff(reason(error)) from error


def _store(file: IO[bytes], piece: bytes) -> None:
    with _telling_full_disk():
        file.write(piece)


def _sync(file: IO[bytes]) -> None:
    """Wait for the disk: pages that are not on it yet count as ours, and cannot be dropped."""
    with _telling_full_disk():
        file.flush()
        getattr(os, "fdatasync", os.fsync)(file.fileno())  # macOS has no fdatasync


@contextmanager
def _telling_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFull(f"The disk takes no more: {error.strerror}.", "Free some space, and try again.") from error
