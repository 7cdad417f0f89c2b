"""Stills on disk: the nearest to a moment, replaced as a whole, and no path that a request could make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.store.stills import Stills, is_content

if TYPE_CHECKING:
    from pathlib import Path

ID = "a" * 64


@pytest.fixture
def stills(tmp_path: Path) -> Stills:
    return Stills(tmp_path / "thumbnails")


def read(path: Path | None) -> bytes:
    assert path is not None
    return path.read_bytes()


def test_the_nearest_still_is_found(stills: Stills) -> None:
    stills.keep(ID, [(0.0, b"begin"), (10.04, b"middle"), (20.0, b"end")], b"poster")
    found = [read(stills.near(ID, at)) for at in (0.0, 4.9, 5.1, 14.0, 16.0, 1e9)]
    assert found == [b"begin", b"begin", b"middle", b"middle", b"end", b"end"]
    assert read(stills.poster(ID)) == b"poster"


def test_new_ones_take_the_place_of_all(stills: Stills) -> None:
    stills.keep(ID, [(0.0, b"old"), (10.0, b"old")], b"old")
    stills.keep(ID, [(5.0, b"new")], b"new")
    assert {read(stills.near(ID, at)) for at in (0.0, 10.0)} == {b"new"}
    stills.remove(ID)
    assert stills.poster(ID) is stills.near(ID, 1.0) is None
    stills.remove(ID)


def test_without_moments_the_poster_stands_for_all(stills: Stills) -> None:
    stills.keep(ID, [], b"poster")
    assert read(stills.near(ID, 3.0)) == b"poster"


@pytest.mark.parametrize("name", ["", ".", "..", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n", "/etc"])
def test_only_ids_of_content_become_paths(stills: Stills, tmp_path: Path, name: str) -> None:
    assert not is_content(name)
    (tmp_path / "thumbnails").mkdir()
    (tmp_path / "poster.jpg").write_bytes(b"another's")
    assert stills.poster(name) is stills.near(name, 0.0) is None
    stills.remove(name)
    with pytest.raises(ValueError, match="no id"):
        stills.keep(name, [], b"")
    assert (tmp_path / "poster.jpg").exists()
