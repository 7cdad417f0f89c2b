"""A source with segments, put into a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.records import Segment

if TYPE_CHECKING:
    from halfgig.records import StoredSource
    from halfgig.store.library import Library

ID = "a" * 64


def add(library: Library, source_id: str = ID, model: str = "tiny.en") -> StoredSource:
    return library.add_source(source_id, f"/talks/{source_id[:2]}.mp4", "A talk", model, duration=60.0)


def fill(library: Library, source: StoredSource, count: int = 3) -> None:
    for _ in library.append_segments(source, (Segment(n, n + 1, f" segment {n}") for n in range(count))):
        pass
