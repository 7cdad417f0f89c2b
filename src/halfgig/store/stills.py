"""Stills on disk: a folder for each source with a JPEG for each moment, named by its milliseconds, and a poster."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from halfgig.records import Seconds

POSTER = "poster.jpg"  # the still that stands for the source; written last: where it is, all are
_MOMENT = re.compile(r"(\d{1,12})\.jpg")
_CONTENT = re.compile(r"[0-9a-f]{64}")


class Stills:
    """The stills under `folder`. Blocking."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, source_id: str, stills: Iterable[tuple[Seconds, bytes]], poster: bytes) -> None:
        """Put these in the place of all that the source had. ValueError for what is no id of content; OSError."""
        if not is_content(source_id):
            raise ValueError("this is no id of a source")
        self.remove(source_id)
        place = self._folder / source_id
        place.mkdir(parents=True)
        for time, jpeg in stills:
            (place / f"{round(time * 1000)}.jpg").write_bytes(jpeg)
        draft = place / "poster.new"
        draft.write_bytes(poster)
        draft.replace(place / POSTER)

    def poster(self, source_id: str) -> Path | None:
        """The still that stands for the source; None where there is none."""
        path = self._folder / source_id / POSTER
        return path if is_content(source_id) and path.exists() else None

    def near(self, source_id: str, at: Seconds) -> Path | None:
        """The still that is nearest to a second of the source, else the poster; None where there is none."""
        poster = self.poster(source_id)
        if poster is None:
            return None
        with suppress(FileNotFoundError):
            stills = [path for path in poster.parent.iterdir() if _MOMENT.fullmatch(path.name)]
            return min(stills, key=lambda path: abs(int(path.stem) / 1000 - at), default=poster)
        return None

    def remove(self, source_id: str) -> None:
        """Delete the source's stills, if it has any."""
        if is_content(source_id):
            shutil.rmtree(self._folder / source_id, ignore_errors=True)


def is_content(source_id: str) -> bool:
    """Whether this could be the fingerprint of content; nothing else may become part of a path."""
    return _CONTENT.fullmatch(source_id) is not None
