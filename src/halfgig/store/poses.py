"""Poses in storage: what was seen of people, a blob for each source that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.store.stills import check_content, is_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from halfgig.records import Bytes
    from halfgig.store.blob_file import BlobFile
    from halfgig.store.blobs import Blobs

FOLDER = "poses"


class Poses:
    """The poses among these blobs. Blocking. Errors: of blobs."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def keep(self, source_id: str, draft: Path, beat: Callable[[], object]) -> None:
        """Put a file in the place of those that the source had. ValueError for what is no id of content."""
        check_content(source_id)
        self._blobs.take(f"{FOLDER}/{source_id}", draft, beat)

    def find(self, source_id: str) -> Path | BlobFile | None:
        """The poses of a source; None where none are kept."""
        return self._blobs.bytes_of(f"{FOLDER}/{source_id}") if is_content(source_id) else None

    def known(self, source_ids: Iterable[str]) -> set[str]:
        """Those of the sources whose poses are kept."""
        keys = {f"{FOLDER}/{one}": one for one in source_ids if is_content(one)}
        return {keys[key] for key in self._blobs.have(keys)}

    def sources(self) -> set[str]:
        """Every source whose poses are kept."""
        return {name for one in self._blobs.walk(FOLDER) if is_content(name := one.key.rpartition("/")[2])}

    def size(self) -> Bytes:
        """Bytes of all poses."""
        return sum(one.size for one in self._blobs.walk(FOLDER))

    def remove(self, source_id: str) -> None:
        """Delete the poses of a source, if any are kept."""
        if is_content(source_id):
            self._blobs.remove([f"{FOLDER}/{source_id}"])

    def drop_drafts(self, before: float) -> list[str]:
        """Delete what killed workers had begun to write, of a time before this one; the names."""
        old = [one.key for one in self._blobs.walk(FOLDER) if one.modified < before and _is_draft(one.key)]
        self._blobs.remove(old)
        return old


def _is_draft(key: str) -> bool:
    """A blob that is drafted, or SOURCE.JOB.ATTEMPT as earlier versions have left it."""
    first, _, more = key.rpartition("/")[2].partition(".")
    return bool(more) and (first == "" or is_content(first))
