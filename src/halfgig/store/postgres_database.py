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
from halfgig.store.postgres_line import CHANNEL, SCHEMA, connect, shown, trouble
from halfgig.store.postgres_schema import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import psycopg
    from psycopg.pq import TransactionStatus

    from halfgig.records import Bytes, Seconds
    from halfgig.store.database import Design
    from halfgig.store.postgres_line import Connection

    Part = tuple[str, Any]  # a statement and its values; None where it takes none and may be several

T = TypeVar("T")

PAUSES: tuple[Seconds, ...] = (0.0, 0.05, 0.1, 0.2, 0.5)  # between attempts while it is away, then the last again
FATE: Seconds = 10.0  # that is asked at least whether a commit whose line broke has come through
CLOCK: Seconds = 300.0  # after which the server's clock is read again

UNDECIDED = (2, 3)  # libpq's words for a transaction that stands open, or that can only be rolled back
_BEGIN: tuple[Part, ...] = (("BEGIN", None), ("SELECT txid_current()", None))
_LAZY: Part = ("SET LOCAL synchronous_commit TO off", None)
_SIZE = f"""SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
 WHERE relnamespace = to_regnamespace('{SCHEMA}') AND relkind = 'r'"""  # noqa: S608 - our own name

_TOKEN = re.compile(r"'[^']*'|::|%|\?|:([a-z_]+)")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # what Postgres' text cannot hold: NUL, and halves of surrogate pairs
# What surely changes nothing needs no transaction of its own, whose end would wait for the disk.
_READS = re.compile(r"\s*(SELECT|SHOW|WITH(?!.*\b(INSERT|UPDATE|DELETE)\b))\b", re.IGNORECASE | re.DOTALL)


class Found:
    """The rows of a statement, as apsw's cursor offers them."""

    def __init__(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
        self._rows: Iterator[Any] = iter(cursor) if cursor.description else iter(())
        self.count = max(cursor.rowcount, 0)

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
        self._within = self._begun = False  # a block is open, and the server knows of it
        self._lazy = False  # what begins now need not be on the server's disk when it ends
        self._number = 0  # of the transaction, by which the server can be asked what became of it
        self._owed: list[Part] = []  # statements that go with the next one, or with the commit
        self._news: list[str] = []  # what is told to others after it
        self._changed = 0
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
        part = (statement, values)
        if self._within:
            return self._ask(part)
        if _READS.match(statement):
            return self._patiently(lambda: self._send(part))
        with self.transaction():
            return self._ask(part)

    def later(self, statement: str, values: Any = (), /) -> None:
        """Run one statement of a transaction with the next one, or with the commit: nobody wants to know its result."""
        if not self._within:
            self.execute(statement, values)
            return
        part = (statement, values)
        # Spelt at once: what cannot be is refused here, within the block, and not in the midst of the commit.
        spelt = self._spelled(part) if self._begun else self._patiently(lambda: self._spelled(part))
        self._owed.append((spelt, None))

    def announce(self, text: str) -> None:
        """Tell all who listen, once this transaction has been committed; where the line breaks then, nobody is told."""
        if self._within:
            self._news.append(text)

    def executemany(self, statement: str, many: Iterable[Any], /) -> Found:
        """Run one statement with each of many values, in one transaction."""
        with nullcontext() if self._within else self.transaction(), self.line() as line:
            cursor = line.cursor()
            cursor.executemany(_spelt(statement).encode(), [_given(values) for values in many])
            found = Found(cursor)
        self._changed = found.count
        return found

    def _ask(self, part: Part) -> Found:
        """Within a transaction, which begins with its first statement: that is one trip less."""
        if self._begun:
            owed, self._owed = self._owed, []
            found = self._send(*owed, part)
        else:
            found = self._patiently(lambda: self._begin(part))
        self._changed = found.count
        return found

    def _begin(self, *parts: Part) -> Found:
        manner = [_LAZY] if self._lazy else []
        found = self._send(*_BEGIN, *manner, *self._owed, *parts, numbered=True)
        self._begun, self._owed = True, []
        return found

    def _send(self, *parts: Part, numbered: bool = False) -> Found:
        """Send statements together; what the last one found. With `numbered` they begin as `_BEGIN` does."""
        with self._translating() as line:
            cursor = line.execute(";\n".join(map(self._spelled, parts)).encode())
            if numbered and cursor.nextset():
                self._number = int(cast("tuple[int]", cursor.fetchone())[0])
            while cursor.nextset():
                pass
            return Found(cursor)

    def _spelled(self, part: Part) -> str:
        """The statement with its values in it."""
        text, values = part
        if values is None:
            return text
        with self._translating() as line:
            return cast("psycopg.ClientCursor[Any]", line.cursor()).mogrify(_spelt(text), _given(values))

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
            with self._part():
                yield
            return
        self._within = True
        with self._rolling_back():
            yield
            if not self._begun:
                self._settle()
        self._commit()

    @contextmanager
    def _part(self) -> Iterator[None]:
        with self.line() as line, line.transaction():
            try:
                yield
                self._settle()
            except BaseException:
                self._owed = []
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A block that reads one state of the database, whatever others write meanwhile."""
        if self._within:
            yield
            return
        self._within = True
        with self._rolling_back():
            self._patiently(lambda: self._send(("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", None)))
            self._begun = True
            yield
        self._roll_back()  # there is nothing to commit

    def guarded(self) -> AbstractContextManager[None]:
        """A block whose errors are translated, as they always are here."""
        return nullcontext()

    @contextmanager
    def lazily(self) -> Iterator[None]:
        """A block whose writes do not wait for the disk: after a crash of the server the last second may be missing."""
        self._lazy = True
        try:
            yield
        finally:
            self._lazy = False

    @contextmanager
    def _rolling_back(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        import psycopg

        self._leave()
        if self._stands_in() is None:
            return
        with suppress(psycopg.Error):
            assert self._connection is not None
            self._connection.execute("ROLLBACK")
            return
        self._hang_up()

    def _leave(self) -> None:
        self._within = self._begun = False
        self._owed, self._news = [], []

    def _stands_in(self) -> TransactionStatus | None:
        """What the line says of the transaction that it stands in; None outside of one."""
        status = None if self._connection is None else self._connection.info.transaction_status
        return status or None

    def _commit(self) -> None:
        try:
            self._send(*self._owed, ("COMMIT", None), *_telling(self._news))
        except LibraryError:
            if self._stands_in() in UNDECIDED:  # what was sent with it was refused, or could not be sent at all
                self._roll_back()
                raise
            self._leave()
            came_through = self._came_through(self._number)
            if came_through is None:
                detail = (
                    f"{self._shown} broke off in the middle of a write, and it is not known whether it was written."
                )
                raise LibraryError(detail, "Look before you ask again.") from None
            if not came_through:
                raise
        except BaseException:  # as an interrupt: nothing may be written into this transaction by those who come next
            self._roll_back()
            raise
        self._leave()

    def _came_through(self, number: int) -> bool | None:
        """Whether the transaction of this number was committed before its line broke; None where nobody can say."""
        until = time.monotonic() + max(FATE, self._patience)
        while time.monotonic() < until:
            try:
                fate = self._patiently(lambda: self._send(("SELECT txid_status(?)", (number,))).get)
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
        self._leave()
        self._hang_up()

    def size(self) -> Bytes:
        """What all tables of ours take, with their indexes."""
        return int(self.execute(_SIZE).get)

    def tidy(self, pages: int) -> None:
        """Nothing: Postgres sees to its free pages itself."""

    def _read_clock(self) -> None:
        before = time.monotonic()
        seconds = float(self._send(("SELECT extract(epoch FROM clock_timestamp())::float8", ())).get)
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
        if self._within:
            self._settle()
        with self._translating() as connection:
            yield connection

    def _settle(self) -> None:
        """Have the server know of all so far."""
        if not self._begun:
            self._patiently(self._begin)
        elif self._owed:
            owed, self._owed = self._owed, []
            self._send(*owed)

    @contextmanager
    def _translating(self) -> Iterator[Connection]:
        import psycopg

        connection = self._opened()
        try:
            yield connection
        except psycopg.Error as error:
            raise trouble(error, self._shown, broken=self._is_broken()) from None

    def _opened(self) -> Connection:
        if self._connection is None and not self._begun:
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


def _telling(news: list[str]) -> list[Part]:
    """What tells that. It must not wait for the disk: while it does, nobody else who tells something can commit."""
    told = list(dict.fromkeys(news))
    calls = "".join(f", pg_notify('{CHANNEL}', ?)" for _ in told)
    return [(f"SELECT set_config('synchronous_commit', 'off', true){calls}", told)] if told else []


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
    return _UNSTORABLE.sub("\ufffd", value) if isinstance(value, str) else value
