"""The library in one SQLite file: opened with sqlite-vec, and brought to its schema."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, LibraryError
from halfgig.store.library import DESIGN
from halfgig.store.sqlite_database import connect, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from halfgig.store.sqlite_database import SqliteDatabase


@contextmanager
def open_library(path: Path, *, create: bool = True) -> Iterator[SqliteDatabase]:
    """A connection with sqlite-vec loaded and the schema up to date, closed at the end of the block.

    The connection is the library's for every package: SQLite's own errors inside the block leave it as
    LibraryError with a remedy. BadRequest where the file is missing and `create` is false.
    """
    if not create and not path.exists():
        raise BadRequest("Nothing is indexed yet.", "Index a video first: halfgig index VIDEO")
    with translated(path, DESIGN):
        connection = connect(path, DESIGN)
        try:
            _load_vectors(connection)
            yield connection
        finally:
            connection.close()


def _load_vectors(connection: apsw.Connection) -> None:
    connection.enable_load_extension(enable=True)
    connection.load_extension(vector_extension())
    connection.enable_load_extension(enable=False)


def vector_extension() -> str:
    """The file of sqlite-vec, without its ending. Its package is only looked for: importing it loads numpy as well."""
    spec = find_spec("sqlite_vec")
    if spec is None or not spec.submodule_search_locations:
        raise LibraryError("sqlite-vec is not installed.", "Install halfgig with its dependencies.")
    return str(Path(spec.submodule_search_locations[0]) / "vec0")
