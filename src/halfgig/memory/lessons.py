"""The file that keeps what finished work has taught about costs."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from halfgig.memory.cgroup import read
from halfgig.memory.learned import Learned, from_json

if TYPE_CHECKING:
    from pathlib import Path

FILE = "costs.json"  # in HALFGIG_DATA


def load_lessons(path: Path) -> Learned:
    """What the file tells; nothing where it is not there, or damaged."""
    return from_json(read(path))


def save_lessons(path: Path, learned: Learned) -> None:
    """Keep what is known, whole or not at all; where the folder cannot be written, it is learned again."""
    draft = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(learned.as_json() + "\n", encoding="utf-8")
        draft.replace(path)
