from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import SourceError
from halfgig.store.fingerprint import fingerprint

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_the_contents_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content" * 1_000_000)
    assert fingerprint(tmp_path / "a") == hashlib.sha256(b"content" * 1_000_000).hexdigest()


def test_a_copy_under_another_name_has_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")
    assert fingerprint(tmp_path / "a") == fingerprint(str(tmp_path / "b"))


@pytest.mark.parametrize("name", ["absent", "."])
def test_what_cannot_be_read_is_a_source_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        fingerprint(tmp_path / name)
