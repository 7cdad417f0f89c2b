"""Postgres as a database of ours: one connection, opened anew where it broke, and a commit that is asked after."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeVar, cast

from halfgig.errors import DatabaseAway, LibraryError
from halfgig.store.database import POSTGRES
from halfgig.store.postgres_line import connect, shown, trouble
from halfgig.store.postgres_schema import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import psycopg

    from halfgig.records import Seconds
    from halfgig.store.database import Design
    from halfgig.store.postgres_line import Connection

T = TypeVar("T")

PAUSES: tuple[Seconds, ...] = (0.0, 0.05, 0.1, 0.2, 0.5)  # between attempts while it is away, then the last again
FATE: Seconds = 10.0  # that is asked at least whether a commit whose line broke has come through
CLOCK: Seconds = 300.0  # after which the server's clock is read again

_TOKEN = re.compile(r"'[^']*'|::|%|\?|:([a-z_]+)")
# What surely changes nothing needs no transaction of its own, whose end would wait for the disk.
_READS = re.compile(r"\s*(SELECT|SHOW|WITH(?!.*\b(INSERT|UPDATE|DELETE)\b))\b", re.IGNORECASE | re.DOTALL)


class Found:
    """The rows of a statement, as apsw's cursor offers them."""

    def __init__(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
        self._rows: Iterator[Any] = iter(cursor) if cursor.description else iter(())

    def __iter__(self) -> Iterator[Any]:
        """Each row that is left."""
        return self._rows

    def fetchone(self) -> Any:
        """The next row; None where there is no more."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """Every row that is left."""
        return list(self._rows)

    @property
    def get(self) -> Any:
        """The first column of the first row; None where there is none."""
        row = self.fetchone()
        return None if row is None else row[0]


class PostgresDatabase:
    """The database at `url`, brought to the schema of `design` where there is one.

    While it is away, what begins is tried again for `patience` seconds.
    What is written is written once: where the line breaks while it commits, the server is asked what became of it.
    """

    dialect = POSTGRES

    def __init__(
        self, url: str, design: Design | None, patience: Seconds = 0.0, sleep: Callable[[Seconds], object] = time.sleep
    ) -> None:
        self._url, self._shown = url, shown(url)
        self._patience, self._sleep = patience, sleep
        self._connection: Connection | None = None
        self._within, self._changed = False, 0
        self._ahead, self._read_at = 0.0, float("-inf")  # the server's clock before our monotonic one, and since when
        if design is not None:
            self._bring_to(design)

    def _bring_to(self, design: Design) -> None:
        try:
            migrate(self, design)
        except BaseException:
            self.close()
            raise

    # --- statements

    def execute(self, statement: str, values: Any = (), /) -> Found:
        """Run one statement; several where `values` is None, which take none.

        Outside of a transaction it is one by itself, and is repeated where the line breaks, but never done twice.
        """
        if self._within:
            return self._run(statement, values)
        if _READS.match(statement):
            return self._patiently(lambda: self._run(statement, values))
        with self.transaction():
            return self._run(statement, values)

    def executemany(self, statement: str, many: Iterable[Any], /) -> Found:
        """Run one statement with each of many values, in one transaction."""
        with nullcontext() if self._within else self.transaction(), self.line() as line:
            cursor = line.cursor()
            cursor.executemany(_spelt(statement).encode(), [_given(values) for values in many])
            self._changed = max(cursor.rowcount, 0)
            return Found(cursor)

    def _run(self, statement: str, values: Any) -> Found:
        with self.line() as line:
            if values is None:
                cursor = line.execute(statement.encode())
            else:
                cursor = line.execute(_spelt(statement).encode(), _given(values))
            self._changed = max(cursor.rowcount, 0)
            return Found(cursor)

    def changes(self) -> int:
        """How many rows the last statement changed."""
        return self._changed

    # --- blocks

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._within

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block that is written whole or not at all. DatabaseAway where not, LibraryError where nobody knows."""
        if self._within:
            with self.line() as line, line.transaction():
                yield
            return
        number = self._patiently(lambda: self._begin("BEGIN; SELECT txid_current()"))
        with self._rolling_back():
            yield
        self._commit(cast("int", number))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A block that reads one state of the database, whatever others write meanwhile."""
        if self._within:
            yield
            return
        self._patiently(lambda: self._begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        with self._rolling_back():
            yield
        self._roll_back()  # there is nothing to commit

    def guarded(self) -> AbstractContextManager[None]:
        """A block whose errors are translated, as they always are here."""
        return nullcontext()

    lazily = guarded

    def _begin(self, statement: str) -> int | None:
        with self.line() as line:
            cursor = line.execute(statement.encode())
            number = cursor.fetchone() if cursor.nextset() else None
        self._within = True
        return None if number is None else int(number[0])

    @contextmanager
    def _rolling_back(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        import psycopg

        self._within = False
        with suppress(psycopg.Error):
            assert self._connection is not None
            self._connection.execute("ROLLBACK")
            return
        self._hang_up()

    def _commit(self, number: int) -> None:
        try:
            with self.line() as line:
                self._within = False
                line.execute("COMMIT")
        except DatabaseAway:
            came_through = self._came_through(number)
            if came_through is None:
                detail = (
                    f"{self._shown} broke off in the middle of a write, and it is not known whether it was written."
                )
                raise LibraryError(detail, "Look before you ask again.") from None
            if not came_through:
                raise

    def _came_through(self, number: int) -> bool | None:
        """Whether the transaction of this number was committed before its line broke; None where nobody can say."""
        until = time.monotonic() + max(FATE, self._patience)
        while time.monotonic() < until:
            try:
                fate = self._patiently(lambda: self._run("SELECT txid_status(?)", (number,)).get)
            except DatabaseAway:
                self._sleep(PAUSES[-1])
                continue
            if fate != "in progress":  # the server has noticed that its line broke
                return {"committed": True, "aborted": False}.get(fate)
            self._sleep(PAUSES[1])
        return None

    # --- the line

    def now(self) -> Seconds:
        """Unix seconds by the server's clock, told from ours in between, so that all machines have one time."""
        if time.monotonic() - self._read_at > CLOCK:
            with suppress(DatabaseAway):  # then our own has to do for now
                self._read_clock()
        return time.monotonic() + self._ahead

    def close(self) -> None:
        """Close the connection."""
        self._within = False
        self._hang_up()

    def tidy(self, pages: int) -> None:
        """Nothing: Postgres sees to its free pages itself."""

    def _read_clock(self) -> None:
        before = time.monotonic()
        seconds = float(self._run("SELECT extract(epoch FROM clock_timestamp())::float8", ()).get)
        self._read_at = time.monotonic()
        self._ahead = seconds - (before + self._read_at) / 2

    def _patiently(self, work: Callable[[], T]) -> T:
        """What `work` returns; again, on a new line, while there is none. It changes nothing where it fails."""
        until = time.monotonic() + self._patience
        for count, pause in enumerate(chain(PAUSES, repeat(PAUSES[-1]))):
            try:
                return work()
            except DatabaseAway:
                late = time.monotonic() > until and count > 0  # a line that broke while idle is no trouble
                if late or not self._is_broken():
                    raise
                self._hang_up()
                self._sleep(pause)
        raise AssertionError("there is always another pause")

    @contextmanager
    def line(self) -> Iterator[Connection]:
        """psycopg's connection, for a block whose errors become ours; for what only Postgres can do, as COPY."""
        import psycopg

        connection = self._opened()
        try:
            yield connection
        except psycopg.Error as error:
            raise trouble(error, self._shown, broken=self._is_broken()) from None

    def _opened(self) -> Connection:
        if self._connection is None and not self._within:
            self._connection = connect(self._url)
            self._read_clock()
        if self._connection is None:
            raise DatabaseAway(f"{self._shown} cannot be reached.", "Try again when it can be.")
        return self._connection

    def _is_broken(self) -> bool:
        return self._connection is None or self._connection.broken or self._connection.closed

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@lru_cache(512)
def _spelt(statement: str) -> str:
    """The statement with its values in psycopg's form."""
    return _TOKEN.sub(_token, statement)


def _token(found: re.Match[str]) -> str:
    text = found[0]
    if found[1]:
        return f"%({found[1]})s"
    return {"?": "%s", "%": "%%"}.get(text, text.replace("%", "%%"))


def _given(values: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any] | tuple[Any, ...]:
    """The values, without what Postgres' text cannot hold."""
    if isinstance(values, dict):
        return {name: _storable(value) for name, value in values.items()}
    return tuple(_storable(value) for value in values)


def _storable(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
