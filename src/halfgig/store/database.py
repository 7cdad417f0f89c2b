"""A database of ours: the port that a SQLite file and a Postgres both fit, and what their SQL says differently."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from halfgig.records import Bytes, Seconds

    Where = Path | str  # a SQLite file, or the address of a Postgres


@dataclass(frozen=True, slots=True)
class Design:
    """What a database of ours is: its name for a person, the number that marks its file, and where its schema is.

    Schema files are `schema/sqlite_0001.sql` and so on in `package`; `schema` of them are applied, once each. For
    Postgres there are `postgres` of them, and halfgigs that know `compatible_with` of these can work beside this one.
    A `durable` file holds what was written even after a loss of power; Postgres always does.
    """

    name: str
    application_id: int
    package: str
    schema: int
    restore: str = "Restore it from a backup, or move it away and begin anew."
    postgres: int = 0
    compatible_with: int = 1
    durable: bool = False


class Rows(Protocol):
    """What a statement found."""

    def __iter__(self) -> Iterator[Any]:
        """Each row, a tuple."""

    def fetchone(self) -> Any:
        """The next row; None where there is no more."""

    def fetchall(self) -> list[Any]:
        """Every row that is left."""

    @property
    def get(self) -> Any:
        """The first column of the first row; None where there is none."""


class Database(Protocol):
    """One connection, for one thread at a time.

    Values stand in statements as `?` or `:name`. Errors of the database leave `guarded`, `transaction` and `reading`
    as LibraryError; DatabaseAway means that nothing was written, and that it may be tried again.
    LibraryError of a commit may mean that it is not known whether it was written.
    """

    dialect: Dialect

    def execute(self, statement: str, values: Any = (), /) -> Rows:
        """Run one statement."""

    def later(self, statement: str, values: Any = (), /) -> None:
        """Run one statement whose result nobody wants to know, before the next one, or before the commit at last."""

    def announce(self, text: str) -> None:
        """Tell other machines, where there are any, once this transaction has been committed; it may be lost."""

    def executemany(self, statement: str, many: Iterable[Any], /) -> Rows:
        """Run one statement with each of many values."""

    def transaction(self) -> AbstractContextManager[None]:
        """A block that is written whole or not at all. Within another it is a part that may fail by itself."""

    def reading(self) -> AbstractContextManager[None]:
        """A block that reads one state of the database, whatever others write meanwhile."""

    def guarded(self) -> AbstractContextManager[None]:
        """A block whose errors are translated."""

    def lazily(self) -> AbstractContextManager[None]:
        """The same; what is written inside need not outlive a loss of power."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def changes(self) -> int:
        """How many rows the last statement changed."""

    def now(self) -> Seconds:
        """Unix seconds, by the one clock that all who use the database share."""

    def size(self) -> Bytes:
        """What all that is kept there takes on the disk: a file's own, or all tables of ours in a Postgres."""

    def tidy(self, pages: int) -> None:
        """Give up to so many free pages back to the disk, where the database does not see to that itself."""

    def close(self) -> None:
        """Close the connection."""


class Told:
    """A fragment of SQL about something that is named: `fragment[name]`."""

    def __init__(self, one: str, more: str = "", joint: str = "") -> None:
        self._one, self._more, self._joint = one, more, joint

    def __getitem__(self, named: str) -> str:
        """The fragment; of `a.b.c` it is about `a`, and names `b` and `c`."""
        first, *rest = named.split(".")
        return self._one.format(first, self._joint.join(self._more.format(name) for name in rest))


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the two databases say differently. A statement names it as str.format does: `... WHERE id = :id {lock}`.

    lock            ends a SELECT of rows that nobody else may change until the transaction ends
    skip_held       the same, leaving out rows that another holds
    greater         the function of the greatest of its arguments
    each[:list]     a SELECT of each `value`, a text, in a list, which is given as JSON
    gathered[a]     the list of column `a` of all rows, as JSON
    inside[a.b]     the text at `b` in the JSON of column `a`; NULL where there is none
    without[a.b.c]  the JSON of column `a` without its `b` and `c`
    """

    lock: str
    skip_held: str
    greater: str
    each: Told
    gathered: Told
    inside: Told
    without: Told

    def spell(self, statement: str) -> str:
        """The statement in this dialect."""
        return _spelt(self, statement)


@lru_cache(256)
def _spelt(dialect: Dialect, statement: str) -> str:
    names = ("lock", "skip_held", "greater", "each", "gathered", "inside", "without")
    return statement.format_map({name: getattr(dialect, name) for name in names})


SQLITE = Dialect(
    lock="",  # whoever writes is alone
    skip_held="",
    greater="max",
    each=Told("SELECT value FROM json_each({0})"),
    gathered=Told("json_group_array({0})"),
    inside=Told("({0} ->> {1})", "'{0}'"),
    without=Told("json_remove({0}, {1})", "'$.{0}'", ", "),
)
# JSON may hold NUL, which jsonb refuses; what is looked for never does.
_JSONB = "replace({0}, '\\u0000', '\\ufffd')::jsonb"
POSTGRES = Dialect(
    lock="FOR UPDATE",
    skip_held="FOR UPDATE SKIP LOCKED",
    greater="greatest",
    each=Told("SELECT jsonb_array_elements_text(CAST({0} AS jsonb)) AS value"),
    gathered=Told("coalesce(json_agg({0})::text, '[]')"),
    inside=Told(f"({_JSONB} ->> {{1}})", "'{0}'"),
    without=Told(f"({_JSONB} {{1}})::text", "- '{0}'", " "),
)
