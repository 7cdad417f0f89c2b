"""Room for uploads: what each may still take of the quota and of the disk."""

from __future__ import annotations

import errno
import math
import os
import shutil
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import MIB, StorageFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from halfgig.records import Bytes, Seconds

STEP: Bytes = 8 * MIB  # by which the claim of an upload of unknown length grows
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(slots=True)
class _Claim:
    size: Bytes
    written: Bytes

    @property
    def to_come(self) -> Bytes:
        return self.size - self.written


class Room:
    """Who claims how many bytes. A claim is a promise: what is not written yet is kept free for it.

    `quota` bounds all claims together with what `others` hold; `floor` bytes of the disk stay free whatever comes. Safe
    for threads.
    """

    def __init__(
        self, free: Callable[[], Bytes], quota: Bytes | None, floor: Bytes, others: Callable[[], Bytes] = lambda: 0
    ) -> None:
        self._free, self._quota, self._floor, self._others = free, quota, floor, others
        self._claims: dict[str, _Claim] = {}
        self._lock = threading.Lock()

    @property
    def used(self) -> Bytes:
        """Bytes of all claims."""
        with self._lock:
            return self._used()

    @property
    def count(self) -> int:
        """How many claims there are."""
        with self._lock:
            return len(self._claims)

    @property
    def written(self) -> Bytes:
        """Bytes that are written of all claims."""
        with self._lock:
            return sum(claim.written for claim in self._claims.values())

    @property
    def left(self) -> Bytes:
        """Bytes that a new claim may have now: what disk and quota both leave."""
        others = self._ask_others()
        with self._lock:
            disk = self._free_of_disk()
            return max(0, disk if self._quota is None else min(disk, self._quota - self._used() - others))

    def restore(self, upload_id: str, size: Bytes, written: Bytes) -> None:
        """Take over a claim from before, or set it anew, without asking whether it fits."""
        with self._lock:
            self._claims[upload_id] = _Claim(size, written)

    def only(self, upload_ids: Iterable[str]) -> None:
        """Give back the claims of all others."""
        with self._lock:
            for upload_id in self._claims.keys() - set(upload_ids):
                del self._claims[upload_id]

    def claim(self, upload_id: str, size: Bytes) -> None:
        """Bring the claim to at least `size` bytes; StorageFull with the MB needed where they do not fit."""
        others = self._ask_others()
        with self._lock:
            self._enlarge(upload_id, size, others)

    def check(self, size: Bytes) -> None:
        """StorageFull where a new claim of `size` bytes would not fit now; nothing is claimed."""
        others = self._ask_others()
        with self._lock:
            self._refuse_past_quota(size, others)
            self._refuse_full_disk(size)

    def wrote(self, upload_id: str, end: Bytes) -> None:
        """Tell that bytes up to `end` are about to be written; StorageFull where that passes the claim and the room.

        A claim that is passed grows by `STEP`, or as far as there is room, so that little is asked for each piece.
        """
        with self._lock:
            claim = self._claims.get(upload_id)
            if claim is not None and end <= claim.size:
                claim.written = end
                return
        others = self._ask_others()
        with self._lock:
            try:
                claim = self._enlarge(upload_id, math.ceil(end / STEP) * STEP, others)
            except StorageFull:
                claim = self._enlarge(upload_id, end, others)
            claim.written = end

    def release(self, upload_id: str) -> None:
        """Give the claim back."""
        with self._lock:
            self._claims.pop(upload_id, None)

    def _ask_others(self) -> Bytes:
        """What else counts, where anything does: nobody waits for the answer but who asks."""
        return 0 if self._quota is None else self._others()

    def _enlarge(self, upload_id: str, size: Bytes, others: Bytes) -> _Claim:
        claim = self._claims.get(upload_id) or _Claim(0, 0)  # one begun while claims were counted anew
        more = max(0, size - claim.size)
        self._refuse_past_quota(more, others)
        self._refuse_full_disk(more)
        claim.size += more
        self._claims[upload_id] = claim
        return claim

    def _refuse_past_quota(self, more: Bytes, others: Bytes) -> None:
        if self._quota is None:
            return
        used = self._used() + others
        if used + more > self._quota:
            raise StorageFull(
                f"There is no room for {_mb(more)} MB more: uploads, drawings and what is fetched may take "
                f"{_mb(self._quota)} MB in all, and {_mb(used)} MB are taken.",
                "Delete uploads and drawings that are not needed, wait until jobs have ended, or raise DISK_QUOTA_MB.",
            )

    def _refuse_full_disk(self, more: Bytes) -> None:
        if more and self._free_of_disk() < more:
            raise StorageFull(
                f"There is no room for {_mb(more)} MB more: the disk has {_mb(self._free())} MB free, of which "
                f"{_mb(self._floor)} MB stay free and {_mb(self._promised())} MB are promised to uploads under way.",
                "Free some disk space, or set HALFGIG_DATA to a larger disk.",
            )

    def _free_of_disk(self) -> Bytes:
        return self._free() - self._floor - self._promised()

    def _promised(self) -> Bytes:
        return sum(claim.to_come for claim in self._claims.values())

    def _used(self) -> Bytes:
        return sum(claim.size for claim in self._claims.values())


def free_space(folder: Path) -> Bytes:
    """Bytes that we may still write on the disk of `folder`."""
    return shutil.disk_usage(folder).free


def seldom(
    ask: Callable[[], Bytes], apart: Seconds, clock: Callable[[], float] = time.monotonic
) -> Callable[[], Bytes]:
    """Asks for a figure that is dear to get: again only when the last answer is `apart` seconds old."""
    told: Bytes = 0
    due = -math.inf

    def figure() -> Bytes:
        nonlocal told, due
        if clock() >= due:
            told, due = ask(), clock() + apart
        return told

    return figure


def held(folder: Path, but: Path | None = None) -> Bytes:
    """Bytes of all files in `folder`, those in its folder `but` left out; what goes meanwhile is not counted."""
    total = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) != but]
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(place, name).stat().st_size
    return total


@contextmanager
def telling_full_disk(missing: Bytes | None) -> Iterator[None]:
    """StorageFull for a disk that turns out to be full inside the block; `missing` are the bytes still to come."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        needs = f" {_mb(missing)} MB more are needed." if missing else ""
        raise StorageFull(f"The disk is full.{needs}", "Free some disk space, and send the rest again.") from error


def _mb(size: Bytes) -> int:
    return math.ceil(size / MIB)
