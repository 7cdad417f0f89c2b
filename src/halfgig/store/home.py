"""The one door to the library: the database that the settings name, opened and brought to its schema."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest
from halfgig.store.library import DESIGN
from halfgig.store.opening import open_database
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from halfgig.records import Seconds
    from halfgig.settings import Settings
    from halfgig.store.database import Database

PATIENCE: Seconds = 60.0  # that a Postgres is waited for which is away


def which_store(settings: Settings) -> Hashable | None:
    """What tells one library from another of the same name, as one from a backup; None where there is none yet."""
    if settings.database_url:
        return settings.database_url
    try:
        status = settings.library_path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_there(settings: Settings) -> bool:
    """Whether there is a library yet."""
    return which_store(settings) is not None


@contextmanager
def open_store(settings: Settings, *, create: bool = True, patience: Seconds = PATIENCE) -> Iterator[Database]:
    """The library's database, closed at the end of the block: `Library`, `Edits`, `Reports` and the indexes take it.

    BadRequest where there is none yet and `create` is false. Errors of the database inside the block leave it as
    LibraryError with a remedy.
    """
    if settings.database_url:
        with closing(open_database(settings.database_url, DESIGN, patience)) as database:
            yield database
        return
    if not create and not is_there(settings):
        raise BadRequest("Nothing is indexed yet.", "Index a video first: halfgig index VIDEO")
    with open_library(settings.library_path) as connection:
        yield connection
