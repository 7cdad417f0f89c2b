from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import MIB, StorageFull
from halfgig.jobs.fetching import EVERY, Fetching
from halfgig.settings import Settings
from halfgig.store.uploads import FLOOR

if TYPE_CHECKING:
    from pathlib import Path


def fill(folder: Path, size: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").write_bytes(b"x" * size)
    return folder


def test_it_tells_that_the_fetch_lives_and_looks_at_the_disk_now_and_then(tmp_path: Path) -> None:
    beats, looks = list[int](), list[int]()

    def free() -> int:
        looks.append(len(beats))
        return FLOOR

    watch = Fetching(Settings(data_dir=tmp_path), tmp_path, lambda: beats.append(1), free)
    for got in (None, 0, 1, EVERY - 1, EVERY, EVERY + 1, 2 * EVERY, 0):  # at last another file
        watch(got, None)
    assert len(beats) == 8
    assert looks == [2, 5, 7, 8]


def test_the_floor_of_the_disk_stays_free(tmp_path: Path) -> None:
    watch = Fetching(Settings(data_dir=tmp_path), tmp_path, lambda: None, lambda: FLOOR - 1)
    watch(None, None)
    with pytest.raises(StorageFull, match="the disk has 63 MB free, and 64 MB stay free"):
        watch(1, None)


def test_uploads_and_all_that_is_fetched_share_the_quota(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, disk_quota_mb=3)
    own = fill(settings.fetched_dir / "own", MIB)  # is what is told as got
    fill(settings.fetched_dir / "other", MIB)
    fill(settings.uploads_dir / "one", MIB)
    Fetching(settings, own, lambda: None)(MIB, None)
    with pytest.raises(StorageFull, match=r"3 MB in all, and 2 MB are others'.* DISK_QUOTA_MB"):
        Fetching(settings, own, lambda: None)(MIB + 1, 2 * MIB)


@pytest.mark.parametrize("url", ["", "file://{}/shared"])
def test_what_is_kept_of_sources_counts_too(tmp_path: Path, url: str) -> None:
    settings = Settings(data_dir=tmp_path, disk_quota_mb=3, blob_url=url.format(tmp_path))
    root = tmp_path / "shared" if url else tmp_path
    fill(root / "poses", MIB)
    fill(root / "drawings" / ("a" * 64), MIB)
    Fetching(settings, tmp_path / "own", lambda: None)(MIB, None)
    fill(root / "uploads" / "one", 1)
    if url:  # what is shared is asked for seldom, by all jobs of a process
        Fetching(settings, tmp_path / "own", lambda: None)(MIB, None)
        settings = replace(settings, blob_url=f"{url.format(tmp_path)}/")
    with pytest.raises(StorageFull, match="DISK_QUOTA_MB"):
        Fetching(settings, tmp_path / "own", lambda: None)(MIB, None)


def test_without_a_quota_and_without_uploads_the_disk_alone_counts(tmp_path: Path) -> None:
    Fetching(Settings(data_dir=tmp_path), tmp_path / "own", lambda: None)(10**12, None)
    Fetching(Settings(data_dir=tmp_path, disk_quota_mb=1), tmp_path / "own", lambda: None)(MIB, None)
