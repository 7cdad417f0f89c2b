from __future__ import annotations

import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import BadRequest, StorageFull
from halfgig.operations.drawings import Drawings, Wanted, whole
from halfgig.records import PoseAt

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_files_that_cannot_be_made_are_refused_before_any_work() -> None:
    with pytest.raises(BadRequest, match="pipe"):
        Wanted(overlay=Path("out.mp4")).check(again=False)
    with pytest.raises(BadRequest, match=r"\.csv"):
        Wanted(landmarks=Path("out.docx")).check(again=True)
    Wanted(Path("a.png"), Path("b.mp4"), Path("c.csv")).check(again=True)
    assert not Wanted()
    assert Wanted(plot=Path("a.png"))


def test_a_place_where_nothing_can_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"plot\.png: No such file or directory"):
        Wanted(plot=tmp_path / "gone" / "plot.png").check(again=True)
    with pytest.raises(BadRequest, match="is a folder"):
        Wanted(overlay=tmp_path).check(again=True)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def most_written(size: int) -> Iterator[None]:
    """No file of this process grows past `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more_poses_is_told(tmp_path: Path) -> None:
    drawings = Drawings(Wanted(overlay=tmp_path / "b.mp4"))
    with most_written(20_000):
        with pytest.raises(StorageFull, match="A drawing cannot be written: File too large"):
            hear_long(drawings)
        drawings.close()


def hear_long(drawings: Drawings) -> None:
    for number in range(1000):
        drawings.hear(PoseAt(number / 10, None))


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
