"""A share of a core for a process and its children, so that several slow machines fit on one."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.memory.cgroup import mounts
from halfgig.memory.jail import JOIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Enter = Callable[[Sequence[str]], list[str]]

PERIOD = 100_000  # microseconds
WEIGHT = 1 << 17  # against 1,024 of any other process: the share is there whatever else runs
EMPTY = 100  # looks whether all who were inside have gone


@contextmanager
def slowed(share: float | None) -> Iterator[Enter]:
    """What makes of a command one that gets only so much of a core; with None, the command as it is.

    RuntimeError where there is no cpu controller of control groups of version 1 that is ours to use.
    """
    if share is None:
        yield list
        return
    folder = _group()
    (folder / "cpu.cfs_period_us").write_text(str(PERIOD))
    (folder / "cpu.cfs_quota_us").write_text(str(round(share * PERIOD)))
    (folder / "cpu.shares").write_text(str(WEIGHT))
    try:
        yield lambda command: ["/bin/sh", "-c", JOIN, str(folder / "cgroup.procs"), *command]
    finally:
        _remove(folder)


def _group() -> Path:
    for mount in mounts():
        if "cpu" in mount.controllers and os.access(mount.folder, os.W_OK):
            return Path(tempfile.mkdtemp(prefix="halfgig-", dir=mount.folder))
    raise RuntimeError("shares of a core need root, and the cpu controller of control groups of version 1")


def _remove(folder: Path) -> None:
    for _ in range(EMPTY):
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)
