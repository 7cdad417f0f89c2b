"""Static files: found by name only, packed, tagged by their content, and read again where they have changed."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

from halfgig.api.assets import Assets

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "export const answer = 42\n" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "kept").mkdir(parents=True)
    (folder / "index.html").write_text('<script src="/page/app.js"></script><a href="/docs">')
    (folder / "app.js").write_text(SCRIPT)
    (folder / "kept" / "icon.png").write_bytes(b"\x89PNG")
    (folder / "kept" / "notes.md").write_text("not of the page")
    (tmp_path / "secret.js").write_text("secret")
    return folder


def test_a_file_is_packed_and_can_be_had_plain(folder: Path) -> None:
    asset = Assets(folder).find("app.js")
    assert asset is not None
    assert gzip.decompress(asset.body).decode() == asset.plain().decode() == SCRIPT
    assert len(asset.body) < len(SCRIPT)


def test_what_is_packed_already_is_sent_as_it_is(folder: Path) -> None:
    asset = Assets(folder).find("kept/icon.png")
    assert asset is not None
    assert (asset.body, asset.media_type, asset.packed) == (b"\x89PNG", "image/png", False)


@pytest.mark.parametrize("name", ["", ".", "kept", "kept/notes.md", "../secret.js", "/etc/passwd", "app.js/", "\0"])
def test_nothing_else_is_found(folder: Path, name: str) -> None:
    assert Assets(folder).find(name) is None


def test_a_file_that_has_changed_is_read_again(folder: Path) -> None:
    assets = Assets(folder)
    old, release = assets.find("app.js"), assets.release()
    (folder / "app.js").write_text("export const answer = 43\n")
    os.utime(folder / "app.js", ns=(1, 1))
    new = assets.find("app.js")
    assert old is not None
    assert new is not None
    assert new.plain() == b"export const answer = 43\n"
    assert (old.tag, release) != (new.tag, assets.release())


def test_the_index_names_its_files_by_their_release(folder: Path) -> None:
    assets = Assets(folder)
    assert assets.index().plain().decode() == (
        f'<script src="/page/@{assets.release()}/app.js"></script><a href="/docs">'
    )
    assert Assets(folder).index().tag == assets.index().tag


def test_a_tag_follows_the_content_and_not_the_time(folder: Path) -> None:
    before = Assets(folder).release()
    os.utime(folder / "app.js", ns=(5, 5))
    assert Assets(folder).release() == before
