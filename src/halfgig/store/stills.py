"""Stills in storage: a folder for each source with a JPEG for each moment, named by its milliseconds, and a poster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from halfgig.records import Seconds
    from halfgig.store.blob_file import BlobFile
    from halfgig.store.blobs import Blobs

FOLDER = "thumbnails"
POSTER = "poster.jpg"  # the still that stands for the source; written last: where it is, all are
_MOMENT = re.compile(r"(\d{1,12})\.jpg")
_CONTENT = re.compile(r"[0-9a-f]{64}")


class Stills:
    """The stills among these blobs. Blocking. Errors: of blobs."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def keep(self, source_id: str, stills: Iterable[tuple[Seconds, bytes]], poster: bytes) -> None:
        """Put these in the place of all that the source had. ValueError for what is no id of content."""
        check_content(source_id)
        self.remove(source_id)
        for time, jpeg in stills:
            self._blobs.put(f"{FOLDER}/{source_id}/{round(time * 1000)}.jpg", jpeg)
        self._blobs.put(_poster_of(source_id), poster)

    def poster(self, source_id: str) -> Path | BlobFile | None:
        """The still that stands for the source; None where there is none."""
        return self._blobs.bytes_of(_poster_of(source_id)) if is_content(source_id) else None

    def near(self, source_id: str, at: Seconds) -> Path | BlobFile | None:
        """The still that is nearest to a second of the source, else the poster; None where there is none."""
        names = self._names(source_id)
        if POSTER not in names:
            return None
        moments = [int(found[1]) for name in names if (found := _MOMENT.fullmatch(name))]
        if not moments:
            return self.poster(source_id)
        nearest = min(moments, key=lambda moment: abs(moment / 1000 - at))
        return self._blobs.bytes_of(f"{FOLDER}/{source_id}/{nearest}.jpg")

    def known(self, source_ids: Iterable[str]) -> set[str]:
        """Those of the sources that have stills."""
        posters = {_poster_of(one): one for one in source_ids if is_content(one)}
        return {posters[key] for key in self._blobs.have(posters)}

    def sources(self) -> set[str]:
        """Every source that has stills, or some of them."""
        return set(filter(is_content, self._blobs.folders(FOLDER)))

    def remove(self, source_id: str) -> None:
        """Delete the source's stills, if it has any."""
        if is_content(source_id):
            self._blobs.remove([_poster_of(source_id)])
            self._blobs.remove([f"{FOLDER}/{source_id}/{name}" for name in self._names(source_id)])

    def _names(self, source_id: str) -> set[str]:
        found = self._blobs.walk(f"{FOLDER}/{source_id}") if is_content(source_id) else ()
        return {one.key.rpartition("/")[2] for one in found}


def is_content(source_id: str) -> bool:
    """Whether this could be the fingerprint of content; nothing else may become part of a key."""
    return _CONTENT.fullmatch(source_id) is not None


def check_content(source_id: str) -> None:
    """ValueError for what is no id of content."""
    if not is_content(source_id):
        raise ValueError("this is no id of a source")


def _poster_of(source_id: str) -> str:
    return f"{FOLDER}/{source_id}/{POSTER}"
