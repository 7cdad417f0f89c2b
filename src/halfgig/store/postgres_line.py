"""A connection to Postgres, made to our wishes, and what its errors mean for a person."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from halfgig import __version__
from halfgig.errors import BadRequest, DatabaseAway, LibraryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

SCHEMA = "halfgig"  # where our tables are, apart from those of others in the same database
CHANNEL = "halfgig"  # on which events are told
CONNECT = 5  # seconds
# A machine that was paused in a transaction must not keep others from its job for long. pgvector is in one of these.
_WISHES = f"""SET search_path = {SCHEMA}, public, extensions; SET statement_timeout = '30s'; SET lock_timeout = '10s';
 SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = warning; SET halfgig.announces = 'yes'"""
# A machine that has gone without a word is noticed in half a minute, on either side.
_MANNERS: dict[str, Any] = {
    "prepare_threshold": None,
    "connect_timeout": CONNECT,
    "client_encoding": "utf8",
    "application_name": f"halfgig {__version__}",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

_SCHEMES = ("postgresql://", "postgres://")
_ADDRESS = "Give postgresql://USER:PASSWORD@HOST/NAME, with each @ : / of the password as %40 %3A %2F."
_NAME = "Correct the name or the password in DATABASE_URL."
_GRANT = f"Grant the role the right to create the schema {SCHEMA} and the extension vector in this database."
# By the beginning of SQLSTATE, where the server gives one; else by what it says while a connection is made.
_PGVECTOR = "Install pgvector 0.8 or newer for this server."
_REFUSED = {
    "28": ("refuses the name or the password", _NAME),
    "3D": ("has no such database", "Create it, or correct its name in DATABASE_URL."),
    "42501": ("refuses what halfgig needs", _GRANT),
    "42P01": ("lacks a table of halfgig's", "Run halfgig db upgrade."),
    "42703": ("lacks a column of halfgig's", "Run halfgig db upgrade."),
    "0A000": ("lacks something that halfgig needs", _PGVECTOR),
    "58P01": ("lacks something that halfgig needs", _PGVECTOR),
    "53100": ("has no disk left", "Give it more room."),
    "25006": ("takes no writes", "Name the primary server in DATABASE_URL, not a copy of it."),
}
_PASSING = {
    "53": "takes no more for now",
    "40": "was in the way of another transaction",
    "55P03": "keeps others waiting for too long",
    "57014": "took too long",
}
_SAID = {"too many": "53", "remaining": "53", "password": "28", "pg_hba": "28", 'database "': "3D", 'role "': "28"}


def shown(url: str) -> str:
    """The address as it may be told: without a name, a password and options.

    Errors: LibraryError where it is none, or where a part of a password would be taken for that of a host or a
    database; BadRequest without psycopg.
    """
    if find_spec("psycopg") is None:
        raise BadRequest("A database in Postgres needs psycopg.", "Install it: pip install 'halfgig[postgres]'")
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
    except (psycopg.Error, ValueError):
        raise _no_address() from None
    host, port, name = (str(parts.get(part) or "") for part in ("host", "port", "dbname"))
    if not url.startswith(_SCHEMES) or "@" in host + name or port.strip("0123456789,"):
        raise _no_address()
    return f"The database {host if host and host[0] != '/' else 'of this machine'}{name and f'/{name}'}"


def connect(url: str) -> Connection:
    """A new connection that commits each statement by itself. Errors: of `trouble`."""
    import psycopg

    # Nothing is prepared on the server, so that a pooler may stand between, and values are quoted here, so that a
    # statement means the same as in SQLite, where NULL needs no type.
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            cursor_factory=psycopg.ClientCursor,
            **_MANNERS,
        )
        connection.execute(_WISHES)
    except psycopg.ProgrammingError:  # of the address itself
        raise _no_address() from None
    except psycopg.Error as error:
        raise trouble(error, shown(url), broken=True) from None
    return connection


async def listen(url: str) -> AsyncIterator[str]:
    """What is told on our channel, as it is told; first an empty text, when the line stands. Errors: of `trouble`."""
    import psycopg

    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, **_MANNERS) as connection:
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            yield ""
            async for told in connection.notifies():
                yield told.payload
    except psycopg.ProgrammingError:
        raise _no_address() from None
    except psycopg.Error as error:
        raise trouble(error, shown(url), broken=True) from None


def _no_address() -> LibraryError:
    """An error that does not tell the address, for parts of it may be secret."""
    return LibraryError("DATABASE_URL is no address of Postgres'.", _ADDRESS)


def trouble(error: psycopg.Error, shown: str, *, broken: bool) -> LibraryError:
    """The error with a remedy: DatabaseAway where it will pass. What a server says names no password."""
    said = " ".join(str(error).split())[:300]
    code = error.sqlstate or next((code for word, code in _SAID.items() if word in said.lower()), "")
    refused = next((told for start, told in _REFUSED.items() if code.startswith(start)), None)
    if refused is not None:
        return LibraryError(f"{shown} {refused[0]} ({said}).", refused[1])
    passing = next((told for start, told in _PASSING.items() if code.startswith(start)), None)
    if passing is not None:
        return DatabaseAway(f"{shown} {passing} ({said}).", "Try again in a moment.")
    if broken:
        return DatabaseAway(f"{shown} cannot be reached ({said}).", "Try again when it can be; see DATABASE_URL.")
    return LibraryError(f"{shown} has a fault ({said}).", "Look into the log of the server.")
