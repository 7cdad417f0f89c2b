from __future__ import annotations

from pathlib import Path

import pytest

from halfgig.errors import BadRequest
from halfgig.operations.drawings import Drawings, Wanted, whole
from halfgig.records import PoseAt


def test_files_that_cannot_be_made_are_refused_before_any_work() -> None:
    with pytest.raises(BadRequest, match="pipe"):
        Wanted(overlay=Path("out.mp4")).check(again=False)
    with pytest.raises(BadRequest, match=r"\.csv"):
        Wanted(landmarks=Path("out.docx")).check(again=True)
    Wanted(Path("a.png"), Path("b.mp4"), Path("c.csv")).check(again=True)
    assert not Wanted()
    assert Wanted(plot=Path("a.png"))


def write_half(path: Path) -> float:
    with whole(path) as unfinished:
        unfinished.write_text("half")
        return 1 / 0


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_text() == "before"
    with whole(path) as unfinished:
        unfinished.write_text("after")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_count_that_fails_leaves_no_file(tmp_path: Path) -> None:
    drawings = Drawings(Wanted(tmp_path / "a.png", tmp_path / "b.mp4", tmp_path / "c.csv"))
    drawings.hear(PoseAt(0.0, None))
    drawings.close()
    assert list(tmp_path.iterdir()) == []
