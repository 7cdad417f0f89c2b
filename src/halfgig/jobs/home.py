"""The home of a machine's jobs: an id of its data folder, by which it knows its own among those of other machines."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from halfgig.store.ids import new_id

if TYPE_CHECKING:
    from pathlib import Path

NAME = "home.id"


def home_of(data_dir: Path) -> str:
    """The id of this folder, made when it is first wanted, and the same ever after. Errors: OSError."""
    path = data_dir / NAME
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        made = new_id(time.time())
        draft = path.with_name(f"{NAME}.{made}")
        draft.write_text(f"{made}\n")
        with suppress(FileExistsError):  # another was first
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()
