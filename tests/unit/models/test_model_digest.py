from __future__ import annotations

import hashlib
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import MIB
from halfgig.models.pull import git_id_of, is_intact, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HELLO = "git:ce013625030ba8dba906f756967f9e9ca394464a"  # as `git hash-object` says


def test_a_file_is_intact_by_either_digest(tmp_path: Path) -> None:
    (tmp_path / "hello").write_bytes(b"hello\n")
    assert git_id_of(tmp_path / "hello") == HELLO
    assert is_intact(tmp_path / "hello", 6, HELLO)
    assert is_intact(tmp_path / "hello", 6, hashlib.sha256(b"hello\n").hexdigest())
    assert not is_intact(tmp_path / "hello", 6, HELLO.replace("c", "d"))


@pytest.mark.parametrize("digest", [sha256_of, git_id_of])
def test_a_file_is_never_held_whole(tmp_path: Path, digest: Callable[[Path], str]) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(16 * MIB)
    tracemalloc.start()
    digest(tmp_path / "large")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MIB
