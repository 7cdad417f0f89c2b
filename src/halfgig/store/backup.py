"""The library copied to a file, while others use it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import apsw

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from pathlib import Path


def back_up(connection: apsw.Connection, target: Path) -> None:
    """Copy the library as it is at this moment; others read and write meanwhile. BadRequest where the target exists.

    The copy takes its name when it is whole.
    """
    if target.exists():
        raise BadRequest(f"{target} is there already.", "Name a file that is not.")
    draft = target.with_name(f".halfgig-{uuid4().hex}")
    try:
        copy = apsw.Connection(str(draft))
        try:
            with copy.backup("main", connection, "main") as backup:
                backup.step(-1)
            copy.pragma("journal_mode", "delete")
        finally:
            copy.close()
        draft.rename(target)
    except (apsw.CantOpenError, OSError) as error:
        raise BadRequest(f"{target} cannot be written ({error}).", "Name a file in a folder that can be.") from error
    finally:
        draft.unlink(missing_ok=True)
