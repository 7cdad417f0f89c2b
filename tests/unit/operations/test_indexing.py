from __future__ import annotations

from typing import TYPE_CHECKING, Any

from halfgig.operations.indexing import _write_transcript
from halfgig.records import Segment, Source
from halfgig.settings import Settings
from halfgig.store.sqlite import Library, open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Heard:
    """A transcription of a URL that only its owner may visit."""

    source = Source("https://me:secret@example.org/a.mp4?token=secret", title="a.mp4")
    info, settings, language = None, Settings(), "en"

    def __iter__(self) -> Iterator[Segment]:
        yield Segment(0.0, 1.0, "Hello.")


def test_the_library_keeps_no_login_and_no_right(tmp_path: Path) -> None:
    transcription: Any = Heard()
    with open_library(tmp_path / "library.db") as connection:
        _write_transcript(Library(connection), "id", transcription, lambda _: None)
        source = Library(connection).source("id")
    assert source is not None
    assert source.address == "https://example.org/a.mp4"
