"""One server, and one worker, for one data folder: a second would take the first one's jobs for those of a dead one."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from halfgig.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS = {"server": "serve", "worker": "worker"}


@contextmanager
def sole_server(data_dir: Path, part: str = "server") -> Iterator[None]:
    """Hold the folder for the length of the block; the system lets go of it when this process ends, however it ends.

    LibraryError where another process holds it, or it cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        held = os.open(data_dir / f"{part}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        detail = f"The folder {data_dir} cannot be used: {error.strerror or error}."
        raise LibraryError(detail, "Check its rights and its disk, or set HALFGIG_DATA to another.") from error
    try:
        _take(held, data_dir, COMMANDS[part])
        yield
    finally:
        os.close(held)


def _take(held: int, data_dir: Path, command: str) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        who = os.pread(held, 20, 0).decode(errors="replace").strip() or "unknown"
        detail = f"Another halfgig {command} (process {who}) uses {data_dir}."
        raise LibraryError(detail, "Stop it first, or set HALFGIG_DATA to another.") from None
    os.ftruncate(held, 0)
    os.pwrite(held, f"{os.getpid()}\n".encode(), 0)
