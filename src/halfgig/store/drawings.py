"""Drawings in storage: a folder for each source with the count that they show, and what was drawn of it.

A drawing's name begins with the version of its count, so that what was drawn of an earlier one is never taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from halfgig.store.blob_file import plain
from halfgig.store.naming import attachment
from halfgig.store.stills import check_content, is_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.records import Bytes
    from halfgig.store.blob_file import BlobFile
    from halfgig.store.blobs import Blob, Blobs

FOLDER = "drawings"
COUNT = "count"  # its report and its poses


class Drawing(StrEnum):
    """What may be drawn of a count, by the name of its file."""

    PLOT = "plot.png"
    OVERLAY = "overlay.mp4"
    LANDMARKS = "landmarks.csv"
    TABLE = "landmarks.parquet"

    @property
    def media_type(self) -> str:
        """As the header Content-Type has it."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Drawing.PLOT: "image/png",
    Drawing.OVERLAY: "video/mp4",
    Drawing.LANDMARKS: "text/csv; charset=utf-8",
    Drawing.TABLE: "application/vnd.apache.parquet",
}


def headers_of(drawing: Drawing, source_id: str, title: str) -> dict[str, str]:
    """How a drawing of a source of this title is sent."""
    return {"Content-Type": drawing.media_type, **attachment(title, source_id[:12], drawing)}


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn: of which source, of which version of its count."""

    source_id: str
    version: str
    drawing: Drawing
    title: str = ""


class Drawings:
    """The counts and the drawings among these blobs. Blocking. Errors: of blobs."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def keep_count(self, source_id: str, draft: Path, beat: Callable[[], object]) -> None:
        """Put a count in the place of the one that the source had. ValueError for what is no id of content."""
        check_content(source_id)
        self._blobs.take(_key(source_id, COUNT), draft, beat)
        self.drop_old(source_id)

    def count(self, source_id: str) -> Path | BlobFile | None:
        """The count of a source; None where none is kept."""
        return self._blobs.bytes_of(_key(source_id, COUNT)) if is_content(source_id) else None

    def version(self, source_id: str) -> str | None:
        """What tells the kept count of a source from an earlier one; None where none is kept."""
        return _version(self._all(source_id))

    def keep(self, drawn: Drawn, draft: Path, beat: Callable[[], object]) -> None:
        """Put a drawing in its place. ValueError for what is no id of content."""
        check_content(drawn.source_id)
        key = _key(drawn.source_id, f"{drawn.version}-{drawn.drawing}")
        self._blobs.take(key, draft, beat, headers_of(drawn.drawing, drawn.source_id, drawn.title))

    def find(self, source_id: str, drawing: Drawing) -> Path | BlobFile | None:
        """The drawing of the count as it is now; None where it has not been made."""
        version = self.version(source_id)
        return None if version is None else self._blobs.bytes_of(_key(source_id, f"{version}-{drawing}"))

    def sizes(self, source_id: str) -> dict[Drawing, Bytes]:
        """Bytes of each drawing that has been made of the count as it is now."""
        there = self._all(source_id)
        names = {drawing: f"{_version(there)}-{drawing}" for drawing in Drawing}
        return {drawing: there[name].size for drawing, name in names.items() if name in there}

    def remove(self, source_id: str, drawing: Drawing) -> None:
        """Delete what was drawn so, of whichever count."""
        self._drop(source_id, lambda name: name.endswith(f"-{drawing}"))

    def drop_old(self, source_id: str) -> None:
        """Delete what was drawn of earlier counts of a source."""
        version = self.version(source_id)
        self._drop(source_id, lambda name: name != COUNT and not name.startswith(f"{version}-"))

    def forget(self, source_id: str) -> None:
        """Delete the count of a source and all that was drawn of it."""
        self._drop(source_id, lambda _: True)

    def sources(self) -> set[str]:
        """Every source that has a count, or a drawing."""
        return set(filter(is_content, self._blobs.folders(FOLDER)))

    def size(self) -> Bytes:
        """Bytes of all counts and drawings."""
        return sum(one.size for one in self._blobs.walk(FOLDER))

    def _all(self, source_id: str) -> dict[str, Blob]:
        """What there is of a source, by name."""
        return {one.key.rpartition("/")[2]: one for one in self._walk(source_id)}

    def _walk(self, source_id: str) -> Iterator[Blob]:
        if is_content(source_id):
            yield from self._blobs.walk(f"{FOLDER}/{source_id}")

    def _drop(self, source_id: str, unwanted: Callable[[str], bool]) -> None:
        self._blobs.remove([one.key for name, one in self._all(source_id).items() if unwanted(name)])


def _key(source_id: str, name: str) -> str:
    return f"{FOLDER}/{source_id}/{name}"


def _version(there: dict[str, Blob]) -> str | None:
    """The first word of the blob's own: when it was written, or the hash of its bytes."""
    return plain(there[COUNT].version).partition("-")[0] if COUNT in there else None
