"""Where the settings keep uploads."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import BadRequest
from halfgig.settings import Settings
from halfgig.store.blob_shelf import BlobShelf
from halfgig.store.place import upload_shelf
from halfgig.store.shelf import DiskShelf

if TYPE_CHECKING:
    from pathlib import Path


def test_uploads_are_here_unless_a_storage_is_named(tmp_path: Path) -> None:
    here = upload_shelf(Settings(data_dir=tmp_path))
    assert isinstance(here, DiskShelf)
    assert here.folder == tmp_path / "uploads"
    assert isinstance(upload_shelf(Settings(data_dir=tmp_path, blob_url=f"file://{tmp_path}/shared")), BlobShelf)


def test_s3_without_obstore_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(BadRequest, match=r"halfgig\[s3\]"):
        upload_shelf(Settings(data_dir=tmp_path, blob_url="s3://bucket/prefix"))
