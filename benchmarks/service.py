"""The whole service in a control group of its own, and what it takes when it idles: `python -m benchmarks.service`."""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.live import LiveServer
from benchmarks.table import Row, printed
from halfgig.errors import MIB
from halfgig.memory.jail import Group, cell
from halfgig.memory.meter import rss
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from halfgig.records import Bytes, Seconds

STARTS = 5
IDLE: Bytes = 60 * MIB  # of RSS that an idle server may hold
READY: Seconds = 2.0  # until it answers
SETTLED: Seconds = 2.0
SERVER_SETTINGS = {"HALFGIG_OFFLINE": "1", "LOG_FORMAT": "text"}


@contextmanager
def housed(
    folder: Path, limit: Bytes | None, settings: Mapping[str, str] = SERVER_SETTINGS, *, fresh: bool = False
) -> Iterator[House]:
    """A server on a fresh data folder inside a control group of its own; it is stopped at the end.

    A page of a file counts for the group that read it first. With `fresh`, libraries and models are copies that nobody
    has read before, so that all of their pages count here, as they do in a container on a machine of its own.
    """
    data = folder / "data"
    data.mkdir(parents=True)
    models = Settings.from_environment().models_dir
    if fresh:
        unread_copy(models, data / "models")
        site = unread_copy(Path(sysconfig.get_path("purelib")), folder / "site")
        settings = {**settings, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    else:
        (data / "models").symlink_to(models)
    with cell(limit, strict=True) as group:
        assert isinstance(group, Group)
        server = LiveServer(data, folder / "server.log", settings, group.enter)
        began = time.monotonic()
        server.start()
        house = House(server, group, time.monotonic() - began)
        try:
            yield house
        finally:
            if server.process and server.process.poll() is None:
                server.stop()


def unread_copy(folder: Path, copy: Path) -> Path:
    """A copy of the folder, on disk and out of the page cache."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__editable__*", "*.pth"))
    for path in copy.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)
    return copy


@dataclass(frozen=True, slots=True)
class House:
    """A server, its group, and the seconds after which it was ready."""

    server: LiveServer
    group: Group
    ready: Seconds

    @property
    def pid(self) -> int:
        """The server's id."""
        assert self.server.process is not None
        return self.server.process.pid


def idle() -> Iterator[Row]:
    """How soon `halfgig serve` is ready, and what it holds when nobody has asked anything: medians of five starts."""
    starts = [_started() for _ in range(STARTS)]
    ready, held = (median(figures) for figures in zip(*starts, strict=True))
    met = "met" if ready < READY and held < IDLE else "not met"
    note = f"{held / MIB:.1f} MB; targets of {READY:g} s and {IDLE / MIB:g} MB {met}"
    yield Row("server", "halfgig serve, idle", seconds=ready, rss=held / MIB, note=note)


def _started() -> tuple[Seconds, Bytes]:
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder), Path(folder) / "server.log", SERVER_SETTINGS)
        began = time.monotonic()
        server.start()
        ready = time.monotonic() - began
        time.sleep(SETTLED)
        assert server.process is not None
        held = rss(server.process.pid)
        server.stop()
        return ready, held


if __name__ == "__main__":
    print(printed(idle()))
