from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import LibraryError
from halfgig.jobs.sole import sole_server

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_server_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with sole_server(tmp_path), pytest.raises(LibraryError, match=f"process {os.getpid()}"), sole_server(tmp_path):
        pass
    with sole_server(tmp_path):
        assert (tmp_path / "server.lock").read_text() == f"{os.getpid()}\n"


def test_the_folder_is_made(tmp_path: Path) -> None:
    with sole_server(tmp_path / "new" / "one"):
        assert (tmp_path / "new" / "one" / "server.lock").exists()


def test_a_folder_that_cannot_be_one_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError, match="cannot be used"), sole_server(tmp_path / "file" / "data"):
        pass
