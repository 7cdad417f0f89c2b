"""Fetching: hears how what a job fetches or draws grows, tells that it lives, and ends it where the disk is full."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from halfgig.errors import MIB, StorageFull
from halfgig.store.place import belongings_size, uploads_size
from halfgig.store.room import free_space, held
from halfgig.store.uploads import FLOOR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from halfgig.records import Bytes
    from halfgig.settings import Settings

EVERY: Bytes = 8 * MIB  # that come between two looks at the disk


class Fetching:
    """A `Watch` over what is stored for one job in `folder`; `beat` is called each time.

    It raises StorageFull where less than `FLOOR` of the disk is free, or where uploads, drawings and all that is
    fetched come to more than DISK_QUOTA_MB. `free` gives the free bytes.
    """

    def __init__(
        self, settings: Settings, folder: Path, beat: Callable[[], None], free: Callable[[], Bytes] | None = None
    ) -> None:
        self._settings, self._folder, self._beat = settings, folder, beat
        self._free = free or partial(free_space, settings.data_dir)
        self._uploads, self._belongings = uploads_size(settings), belongings_size(settings)
        self._looked: Bytes | None = None  # how much was stored at the last look

    def __call__(self, got: Bytes | None, _: Bytes | None) -> None:
        """Hear that `got` bytes are stored; of how many is not minded, since sites only guess."""
        self._beat()
        if got is None or (self._looked is not None and self._looked <= got < self._looked + EVERY):
            return
        self._looked = got
        self._refuse_full_disk()
        self._refuse_past_quota(got)

    def _refuse_full_disk(self) -> None:
        free = self._free()
        if free < FLOOR:
            raise StorageFull(
                f"There is no room for it: the disk has {free // MIB} MB free, and {FLOOR // MIB} MB stay free.",
                "Free some disk space, or set HALFGIG_DATA to a larger disk.",
            )

    def _refuse_past_quota(self, got: Bytes) -> None:
        quota = self._settings.disk_quota_mb
        if quota is None:
            return
        others = self._uploads() + self._belongings() + held(self._settings.fetched_dir, but=self._folder)
        if others + got > quota * MIB:
            raise StorageFull(
                f"There is no room for more than {got // MIB} MB of it: uploads, drawings and what is fetched may take "
                f"{quota:g} MB in all, and {others // MIB} MB are others'.",
                "Delete uploads that are not needed, wait until jobs have ended, or raise DISK_QUOTA_MB.",
            )
