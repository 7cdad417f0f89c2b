from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.memory.learned import Learned, Lesson
from halfgig.memory.lessons import load_lessons, save_lessons

if TYPE_CHECKING:
    from pathlib import Path

LEARNED = Learned({("transcribe", "tiny.en"): Lesson(1.1, 1_800_000_000.0)})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "data" / "costs.json"
    save_lessons(path, LEARNED)
    assert load_lessons(path) == LEARNED
    assert [each.name for each in path.parent.iterdir()] == ["costs.json"]


def test_no_file_is_nothing_learned(tmp_path: Path) -> None:
    assert load_lessons(tmp_path / "costs.json") == Learned()


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    save_lessons(tmp_path / "data" / "costs.json", LEARNED)
    assert load_lessons(tmp_path / "data" / "costs.json") == Learned()
