"""Drawings on disk: a folder for each source with the count that they show, and what was drawn of it.

A drawing's name begins with the version of its count, so that what was drawn of an earlier one is never taken for it.
"""

from __future__ import annotations

import shutil
from enum import StrEnum
from typing import TYPE_CHECKING

from halfgig.store.stills import is_content

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "count"  # its report and its poses


class Drawing(StrEnum):
    """What may be drawn of a count, by the name of its file."""

    PLOT = "plot.png"
    OVERLAY = "overlay.mp4"
    LANDMARKS = "landmarks.csv"
    TABLE = "landmarks.parquet"


class Drawings:
    """The drawings under `folder`. Blocking."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def count(self, source_id: str) -> Path:
        """Where the count of a source is kept. ValueError for what is no id of content."""
        if not is_content(source_id):
            raise ValueError("this is no id of a source")
        return self._folder / source_id / COUNT

    def version(self, source_id: str) -> str | None:
        """What tells the kept count of a source from an earlier one; None where none is kept."""
        if not is_content(source_id):
            return None
        try:
            return f"{self.count(source_id).stat().st_mtime_ns:x}"
        except FileNotFoundError:
            return None

    def place(self, source_id: str, version: str, drawing: Drawing) -> Path:
        """Where a drawing of this version of the count belongs."""
        return self.count(source_id).with_name(f"{version}-{drawing}")

    def find(self, source_id: str, drawing: Drawing) -> Path | None:
        """The drawing of the count as it is now; None where it has not been made."""
        version = self.version(source_id)
        path = None if version is None else self.place(source_id, version, drawing)
        return path if path is not None and path.exists() else None

    def drop_old(self, source_id: str) -> None:
        """Delete what was drawn of earlier counts of a source."""
        version = self.version(source_id)
        folder = self.count(source_id).parent
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name != COUNT and not path.name.startswith(f"{version}-"):
                path.unlink(missing_ok=True)

    def remove(self, source_id: str) -> None:
        """Delete the count of a source and all that was drawn of it."""
        if is_content(source_id):
            shutil.rmtree(self._folder / source_id, ignore_errors=True)
