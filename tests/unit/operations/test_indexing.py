from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from halfgig.operations.counting import file_counted
from halfgig.operations.indexing import _write_transcript
from halfgig.records import Segment, Source
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


class Heard:
    """A transcription of a URL that only its owner may visit."""

    source = Source("https://me:secret@example.org/a.mp4?token=secret", title="a.mp4")
    info, settings, language = None, Settings(), "en"

    def __iter__(self) -> Iterator[Segment]:
        yield Segment(0.0, 1.0, "Hello.")


def test_the_library_keeps_no_login_of_what_was_counted_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halfgig.operations.counting.fingerprint", lambda _: "id")
    settings = Settings(data_dir=tmp_path)
    counting: Any = SimpleNamespace(source=Heard.source, info=SimpleNamespace(duration=3.0))
    rep = {"number": 1, "side": "both", "start": 1.0, "turn": 1.5, "end": 2.0, "seconds": 1.0, "partial": False}
    rep |= {"lowest": 80.0, "highest": 170.0, "range": 90.0}
    file_counted(counting, {"exercise": "squat", "count": 1, "reps": [rep], "attempts": []}, settings)
    with open_library(settings.library_path) as connection:
        source = Library(connection).source("id")
    assert source is not None
    assert source.address == "https://example.org/a.mp4"


def test_the_library_keeps_no_login_and_no_right(tmp_path: Path) -> None:
    transcription: Any = Heard()
    with open_library(tmp_path / "library.db") as connection:
        _write_transcript(Library(connection), "id", transcription, lambda _: None)
        source = Library(connection).source("id")
    assert source is not None
    assert source.address == "https://example.org/a.mp4"
