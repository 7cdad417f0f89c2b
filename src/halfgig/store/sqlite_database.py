"""SQLite files of ours: opened with one set of pragmas, brought to their schema, and their errors translated."""

from __future__ import annotations

import time
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

import apsw

from halfgig.errors import LibraryError
from halfgig.store.database import SQLITE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.records import Bytes, Seconds
    from halfgig.store.database import Design

FIRST_WAIT, LONGEST_WAIT, MOST_WAITS = 0.001, 0.05, 206  # seconds, doubled each time; 10 s in all, while another writes
CACHE_KIB = 2_000  # of pages that a connection holds; nothing is memory-mapped, so that memory stays bounded
MAX_JOURNAL = 16 * 1024 * 1024  # bytes of the write-ahead log that are kept between checkpoints

# Foreign keys come last: while a schema file makes a table anew, its rows may not take others with them.
_PRAGMAS = f"""PRAGMA foreign_keys = OFF; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{CACHE_KIB};
PRAGMA mmap_size = 0; PRAGMA journal_size_limit = {MAX_JOURNAL}"""
_KEYS_ON = "PRAGMA foreign_keys = ON"


class SqliteDatabase(apsw.Connection):
    """A file of ours, open: all that apsw offers, and what every database of ours does."""

    dialect = SQLITE

    def __init__(self, path: Path, design: Design) -> None:
        super().__init__(str(path))
        self.path, self.design = path, design

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block that is written whole or not at all."""
        with self.guarded(), self:
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the file is read inside the block, whatever others write meanwhile; nobody has to wait."""
        with self.guarded(), reading(self):
            yield

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A block whose errors are translated."""
        with translated(self.path, self.design):
            yield

    @contextmanager
    def lazily(self) -> Iterator[None]:
        """The same; what is written inside is not forced to disk."""
        with self.guarded():
            self.pragma("synchronous", "normal")
            try:
                yield
            finally:
                self.pragma("synchronous", "full" if self.design.durable else "normal")

    def later(self, statement: str, values: Any = (), /) -> None:
        """Run one statement."""
        self.execute(statement, values)

    def announce(self, text: str) -> None:
        """Tell nobody: a file is used by one machine."""

    def now(self) -> Seconds:
        """Unix seconds: a file is used by one machine."""
        return time.time()

    def size(self) -> Bytes:
        """What its pages take."""
        return int(self.pragma("page_count")) * int(self.pragma("page_size"))

    def tidy(self, pages: int) -> None:
        """Give up to so many free pages back to the disk."""
        self.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()


def connect(path: Path, design: Design) -> SqliteDatabase:
    """A connection with the schema up to date. Raises LibraryError for another's or a newer file, and apsw's errors."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(f"The {design.name} {path} cannot be opened ({error}).", _CHECK_FOLDER) from error
    connection = SqliteDatabase(path, design)
    connection.set_busy_handler(wait_for_others)
    connection.transaction_mode = "IMMEDIATE"  # a reader that turns writer may fail without waiting
    try:
        connection.execute(_PRAGMAS)
        _migrate(connection, path, design)
        connection.execute(_KEYS_ON)
        if design.durable:
            connection.pragma("synchronous", "full")
    except BaseException:
        connection.close()
        raise
    return connection


def wait_for_others(waits: int) -> bool:
    """Wait a little while another connection writes; False after 10 s. No transaction here takes a second.

    SQLite's own timeout is no good in a process of several threads: apsw holds Python's lock while a `with` block waits
    to begin, so that every thread would stand still, the one that is waited for among them.
    """
    if waits >= MOST_WAITS:
        return False
    time.sleep(min(FIRST_WAIT * 2 ** min(waits, 10), LONGEST_WAIT))
    return True


def _migrate(connection: apsw.Connection, path: Path, design: Design) -> None:
    """Apply the numbered schema files that the file has not seen; LibraryError for another's or a newer file."""
    if _version(connection, path, design) == design.schema:
        return
    connection.pragma("auto_vacuum", "incremental")  # counts only where the file is new
    connection.pragma("journal_mode", "wal")
    with connection:
        for number in range(_version(connection, path, design) + 1, design.schema + 1):
            schema = resources.files(design.package) / "schema" / f"sqlite_{number:04d}.sql"
            connection.execute(schema.read_text("utf-8"))
        connection.pragma("application_id", design.application_id)
        connection.pragma("user_version", design.schema)


def _version(connection: apsw.Connection, path: Path, design: Design) -> int:
    version = int(connection.pragma("user_version"))
    tables = connection.execute("SELECT count(*) FROM sqlite_master").get
    if connection.pragma("application_id") != design.application_id and (version or tables):
        raise LibraryError(f"{path} is a database of another program.", "Set HALFGIG_DATA to another folder.")
    if version > design.schema:
        raise LibraryError(
            f"{path} was written by a newer halfgig (schema {version}; this one knows {design.schema}).",
            "Upgrade halfgig, or set HALFGIG_DATA to another folder.",
        )
    return version


@contextmanager
def reading(connection: apsw.Connection) -> Iterator[None]:
    """One state of the file is read inside the block, whatever others write meanwhile; nobody has to wait."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


@contextmanager
def translated(path: Path, design: Design) -> Iterator[None]:
    """SQLite's errors inside the block leave it as LibraryError with a remedy."""
    try:
        yield
    except apsw.Error as error:
        said = ((what, remedy) for kind, what, remedy in _said(design) if isinstance(error, kind))
        what, remedy = next(said, ("failed", "Try again; check the disk."))
        raise LibraryError(f"The {design.name} {path} {what} ({error}).", remedy) from error


_CHECK_FOLDER = "Check the folder and its permissions, or set HALFGIG_DATA to one that can be written."


def _said(design: Design) -> Iterator[tuple[type[apsw.Error], str, str]]:
    yield apsw.NotADBError, "is not a database", design.restore
    yield apsw.CorruptError, "is damaged", design.restore
    yield apsw.FullError, "cannot grow: the disk is full", "Free some space and run the same command again."
    yield apsw.ReadOnlyError, "cannot be written", _CHECK_FOLDER
    yield apsw.CantOpenError, "cannot be opened", _CHECK_FOLDER
    yield apsw.PermissionsError, "cannot be opened", _CHECK_FOLDER
    yield apsw.BusyError, "is in use by another process", "Try again when the other has finished."
    yield apsw.IOError, "cannot be read or written", "Check the disk, then run the same command again."
