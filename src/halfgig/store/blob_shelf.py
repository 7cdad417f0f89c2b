"""Uploads in storage that machines share: parts of one size, and a record that says which of them count.

`owner` has the id of the queue whose uploads they are, `uploads/ID/info.json` the facts of one, and
`uploads/ID/000003-TOKEN` its bytes from 3 * PART on; the last is shorter. A part carries the token of the hold that
wrote it, so that whoever was taken for dead may write, and hurts nobody.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any

from halfgig.errors import MIB, BadRequest, HalfgigError, ServerTrouble
from halfgig.store.blob_file import PART, PartedFile, Parts
from halfgig.store.blobs import Moved
from halfgig.store.shelf import locked
from halfgig.store.upload import INFO, Upload, write_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from halfgig.records import Bytes, Seconds
    from halfgig.store.blobs import Blobs

FOLDER, OWNER = "uploads", "owner"
LEASE: Seconds = 30.0  # that a hold is believed to be alive after its last record
ENDLESS: Bytes = 1 << 62
AT_ONCE = 2  # parts that are on their way, each of them held in memory
PIECE = MIB  # read at a time from a part that is gone on with

_sending = threading.BoundedSemaphore(AT_ONCE)
_FIELDS = {row.name for row in fields(Upload)}


@dataclass(frozen=True, slots=True)
class Record:
    """An upload as it is recorded: its facts, the parts that count, and who holds it until when (unix seconds)."""

    upload: Upload
    parts: Parts = Parts()
    holder: str = ""
    until: float = 0.0

    def written(self) -> bytes:
        """As it is stored."""
        told = {"parts": self.parts.runs, "holder": self.holder, "until": self.until}
        return json.dumps({**asdict(self.upload), **told}).encode()


def read_record(stored: bytes) -> Record:
    """The record that was stored so. Errors: ValueError, KeyError, TypeError, AttributeError for what is none."""
    told: dict[str, Any] = json.loads(stored)
    upload = Upload(**{name: value for name, value in told.items() if name in _FIELDS})
    runs = tuple((int(first), str(token)) for first, token in told["parts"])
    return Record(upload, Parts(runs), str(told["holder"]), float(told["until"]))


class BlobShelf:
    """The port `Shelf` over blobs. A part that is not full yet waits in `staging`, a folder of this machine."""

    shared = True

    def __init__(self, blobs: Blobs, staging: Path, clock: Callable[[], float] = time.time) -> None:
        self._blobs, self._staging, self._clock = blobs, staging, clock
        staging.mkdir(parents=True, exist_ok=True)

    def own(self, queue_id: str) -> None:
        """As of `Shelf`, by a blob that the first who comes writes."""
        owner, _ = self._owner()
        if not owner:
            with suppress(Moved):  # another was first
                self._blobs.put(OWNER, queue_id.encode(), over="")
            owner, _ = self._owner()
        if owner != queue_id:
            raise _of_another()

    def owned_by(self, *queue_ids: str) -> str:
        """Which of these queues owns what is here; empty where nobody does. BadRequest where another one does."""
        owner, _ = self._owner()
        if owner not in ("", *queue_ids):
            raise _of_another()
        return owner

    def hand_over(self, old: str, new: str) -> None:
        """Belong to the queue `new`. `old`, whose servers do not run, or nobody was the owner. BadRequest otherwise."""
        owner, version = self._owner()
        if old and owner == old:
            with suppress(Moved):  # another was first
                self._blobs.put(OWNER, new.encode(), over=version)
        self.own(new)

    def _owner(self) -> tuple[str, str]:
        """The owner and the version that says so; empty where nobody is."""
        try:
            owner, version = self._blobs.get(OWNER)
        except FileNotFoundError:
            return "", ""
        return owner.decode(), version

    def free(self) -> Bytes:
        """No storage says; DISK_QUOTA_MB may."""
        return ENDLESS

    def names(self) -> list[str]:
        """As of `Shelf`."""
        return self._blobs.folders(FOLDER)

    def read(self, name: str) -> Upload | None:
        """As of `Shelf`."""
        try:
            return self._record(name)[0].upload
        except FileNotFoundError:
            return None

    def lay(self, upload: Upload) -> None:
        """As of `Shelf`."""
        self._blobs.put(_facts_of(upload.id), Record(upload).written(), over="")

    def hold(self, name: str) -> BlobHold:
        """As of `Shelf`; a hold whose machine died is over after `LEASE`."""
        record, version = self._record(name)
        if record.holder and self._clock() < record.until:
            raise locked()
        return BlobHold(self._blobs, record, version, self._staging, self._clock)

    def bytes_of(self, name: str) -> PartedFile:
        """As of `Shelf`."""
        record = self._record(name)[0]
        return PartedFile(self._blobs, f"{FOLDER}/{name}", record.upload.offset, record.parts)

    def clear(self, name: str) -> None:
        """As of `Shelf`."""
        self._blobs.remove([_facts_of(name)])
        self._blobs.remove([one.key for one in self._blobs.walk(f"{FOLDER}/{name}")])

    def changed_at(self, name: str) -> float:
        """As of `Shelf`."""
        times = [one.modified for one in self._blobs.walk(f"{FOLDER}/{name}")]
        if not times:
            raise FileNotFoundError(name)
        return max(times)

    def _record(self, name: str) -> tuple[Record, str]:
        """FileNotFoundError also for one that cannot be read."""
        stored, version = self._blobs.get(_facts_of(name))
        try:
            return read_record(stored), version
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileNotFoundError(name) from error


class BlobHold:
    """The port `Hold` over an upload of blobs, which it takes at once. Errors: Locked where another was first."""

    def __init__(self, blobs: Blobs, record: Record, version: str, staging: Path, clock: Callable[[], float]) -> None:
        self._blobs, self._clock, self._token = blobs, clock, token_hex(4)
        self._folder = f"{FOLDER}/{record.upload.id}"
        self._record, self._version = record, version
        self._parts, self._sent = record.parts, set[int]()  # the parts with ours, and the numbers of those
        self._away = False  # the storage gave no answer, after all patience
        self._outgrown: list[str] = []  # parts of earlier holds that a longer one of ours takes the place of
        self._save(record.upload)
        self._stage = _stage(staging)
        self._number = self._owed = self._held = 0  # the staged part, what of it is to be fetched, what is there
        self._changed = False
        self.cut(record.upload.offset)

    def keep(self, upload: Upload) -> None:
        """As of `Hold`."""
        self._save(upload)
        self._drop(self._outgrown)
        self._outgrown = []

    def cut(self, offset: Bytes) -> None:
        """As of `Hold`; what is already there of the last part is fetched once there is more to write."""
        self._number, self._owed = divmod(offset, PART)
        self._parts, self._held, self._changed = self._record.parts, 0, False
        self._stage.seek(0)
        self._stage.truncate()

    def write(self, piece: memoryview) -> None:
        """As of `Hold`."""
        self._stay()
        self._fetch()
        while piece:
            some = piece[: PART - self._held]
            write_all(self._stage.fileno(), some)
            self._held, self._changed = self._held + len(some), True
            piece = piece[len(some) :]
            if self._held == PART:
                self._send()
                self._number, self._owed, self._held = self._number + 1, 0, 0
                self._stage.seek(0)
                self._stage.truncate()

    def sync(self) -> None:
        """As of `Hold`."""
        if self._changed:
            self._send()

    def close(self) -> None:
        """As of `Hold`. Where that cannot be told now, the hold is over in time."""
        self._stage.close()
        if self._away:  # whoever waits for us has waited long enough
            return
        try:
            whole = self._record.parts
            self._drop([name for number in self._sent if (name := self._name(number)) != whole.name(number)])
            self._put(replace(self._record, holder="", until=0.0))
        except (HalfgigError, OSError, Moved):
            pass

    def __del__(self) -> None:
        """One that was lost leaves no file open; it is over in time."""
        with suppress(AttributeError):  # it never had one
            self._stage.close()

    def _name(self, number: int) -> str:
        return f"{number:06d}-{self._token}"

    def _fetch(self) -> None:
        name = self._parts.name(self._number)
        while self._held < self._owed:
            piece = self._blobs.read(f"{self._folder}/{name}", self._held, min(PIECE, self._owed - self._held))
            if not piece:
                raise OSError(f"{name} is shorter than what is recorded of it")
            write_all(self._stage.fileno(), memoryview(piece))
            self._held += len(piece)

    def _send(self) -> None:
        with _sending:
            self._stage.seek(0)
            self._give(self._name(self._number), self._stage.read(self._held))
        if self._number not in self._sent and self._number * PART < self._record.upload.offset:
            self._outgrown.append(self._record.parts.name(self._number))
        self._parts = self._parts.with_ours(self._number, self._token)
        self._sent.add(self._number)
        self._changed = False

    def _stay(self) -> None:
        """Let others know in time that we are slow, not dead; no part that does not count is recorded with it."""
        now = self._clock()
        if now > self._record.until - LEASE / 2:
            self._take(replace(self._record, until=now + LEASE))

    def _save(self, upload: Upload) -> None:
        self._take(Record(upload, self._parts, self._token, self._clock() + LEASE))

    def _take(self, record: Record) -> None:
        try:
            self._put(record)
        except (Moved, FileNotFoundError):  # another holds it, or has deleted it
            raise locked() from None

    def _put(self, record: Record) -> None:
        """Write the record where nobody else did meanwhile; an answer that was lost is no other."""
        written = record.written()
        try:
            self._version = self._give(INFO, written, over=self._version)
        except Moved:
            there, version = self._blobs.get(f"{self._folder}/{INFO}")
            if there != written:
                raise
            self._version = version
        self._record = record

    def _give(self, name: str, data: bytes, *, over: str | None = None) -> str:
        try:
            return self._blobs.put(f"{self._folder}/{name}", data, over=over)
        except ServerTrouble:
            self._away = True
            raise

    def _drop(self, names: list[str]) -> None:
        """Delete parts that do not count; what is left of them goes with the upload."""
        with suppress(HalfgigError, OSError):
            self._blobs.remove([f"{self._folder}/{name}" for name in names])


def _of_another() -> BadRequest:
    return BadRequest(
        "Another queue owns the uploads at BLOB_URL.",
        "Give it a prefix of its own. Where its jobs are moved to another database, halfgig db move hands it over.",
    )


def _stage(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder, buffering=0)


def _facts_of(name: str) -> str:
    return f"{FOLDER}/{name}/{INFO}"
