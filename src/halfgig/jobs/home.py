"""The home of a machine's jobs: an id of its data folder, by which it knows its own among those of other machines."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from halfgig.errors import LibraryError
from halfgig.store.ids import new_id
from halfgig.store.upload import sync

if TYPE_CHECKING:
    from pathlib import Path

NAME = "home.id"


def home_of(data_dir: Path) -> str:
    """The id of this folder, made when it is first wanted, and the same ever after.

    Errors: OSError; LibraryError where the file is empty, for an id that is none would be that of every machine.
    """
    path = data_dir / NAME
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        made = new_id(time.time())
        draft = path.with_name(f"{NAME}.{made}")
        draft.write_text(f"{made}\n")
        sync(draft)  # a link outlives a loss of power that what it names does not
        with suppress(FileExistsError):  # another was first
            os.link(draft, path)
        draft.unlink()
        sync(data_dir)
    if home := path.read_text().strip():
        return home
    detail = f"{path} is empty: by it this machine knows its jobs."
    raise LibraryError(detail, "Restore it from a backup; or remove it, and jobs on uploads of before are not done.")
