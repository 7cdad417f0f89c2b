"""`halfgig worker` in a process of its own, on a Postgres of this machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.kill import ONE_THREAD
from benchmarks.live import HOST, LiveServer
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@contextmanager
def worker(folder: Path, url: str, settings: Mapping[str, str] = ONE_THREAD) -> Iterator[LiveServer]:
    """A worker that is ready, with a folder of its own; it is killed at the end."""
    folder.mkdir(parents=True)
    models = str(Settings.from_environment().models_dir.expanduser())
    own = {"DATABASE_URL": url, "ALLOWED_HOSTS": HOST, "MODELS_PATH": models, "LOG_FORMAT": "text"}
    made = LiveServer(folder, folder.with_suffix(".log"), {**settings, **own}, command="worker")
    try:
        made.start()
        yield made
    finally:
        made.kill()
