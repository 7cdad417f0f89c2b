from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import LibraryError
from halfgig.jobs.home import NAME, home_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_has_one_id_that_is_on_the_disk_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[tuple[int, bool]] = []
    fsync = os.fsync

    def noting(number: int) -> None:
        status = os.fstat(number)
        forced.append((status.st_ino, (tmp_path / NAME).exists()))
        fsync(number)

    monkeypatch.setattr(os, "fsync", noting)
    home = home_of(tmp_path)
    assert forced == [((tmp_path / NAME).stat().st_ino, False), (tmp_path.stat().st_ino, True)]
    assert home_of(tmp_path) == home != ""
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_one_that_is_empty_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("\n")
    with pytest.raises(LibraryError, match=r"is empty.*remove it"):
        home_of(tmp_path)
