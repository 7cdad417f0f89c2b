"""The index that INDEX_URL names, opened: the library's own, or one outside with the line to it."""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from halfgig.errors import BadRequest
from halfgig.retrieval.address import PINECONE, POSTGRES, SQLITE, IndexAddress, read_index_address
from halfgig.retrieval.events import EventIndex
from halfgig.retrieval.index import OtherModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.sqlite_database import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.retrieval.index import EmbeddingModel, Index
    from halfgig.retrieval.line import Line
    from halfgig.retrieval.postgres_events import PostgresEvents
    from halfgig.retrieval.services import VectorService
    from halfgig.settings import Settings
    from halfgig.store.database import Database
    from halfgig.store.postgres_database import PostgresDatabase

log = logging.getLogger("halfgig")


def own_index(database: Database, model: EmbeddingModel | None = None) -> Index:
    """The index in the library's own database. BadRequest where it is of another model."""
    if isinstance(database, SqliteDatabase):
        return SqliteIndex(database, model)
    from halfgig.retrieval.postgres_library import LibraryIndex

    return LibraryIndex(as_postgres(database), model)


def own_events(database: Database) -> EventIndex | PostgresEvents:
    """The events in the library's own database."""
    if isinstance(database, SqliteDatabase):
        return EventIndex(database)
    from halfgig.retrieval.postgres_events import PostgresEvents

    return PostgresEvents(as_postgres(database))


def as_file(database: Database) -> SqliteDatabase:
    """The library, where it is a file of SQLite's. BadRequest where it is in a Postgres."""
    if not isinstance(database, SqliteDatabase):
        raise BadRequest("The library is in a Postgres.", "Do it there, with that server's own tools.")
    return database


def as_postgres(database: Database) -> PostgresDatabase:
    """The library, where it is in a Postgres."""
    return cast("PostgresDatabase", database)


class Place:
    """Where an index is, and the line to it: for one thread at a time. Nothing is connected to before it is asked."""

    def __init__(self, address: IndexAddress, settings: Settings) -> None:
        self.shown = address.shown
        self.outside = address.kind != SQLITE
        self._address, self._settings = address, settings
        self._line: Line | None = None
        self._service: VectorService | None = None

    def open(self, connection: Database, model: EmbeddingModel | None = None) -> Index:
        """The index, on a connection of the library. With a `model` it can be written to, and is made where it is not.

        Errors: BadRequest where it is of another model, LibraryError, ServerTrouble.
        """
        if self._address.kind == SQLITE:
            return own_index(connection, model)
        try:
            return self._open_outside(connection, model)
        except OtherModel as error:
            remedy = "Set EMBEDDING_MODEL to that one; or name another index in INDEX_URL, and run halfgig reindex."
            raise OtherModel(error.detail, remedy) from None

    def _open_outside(self, connection: Database, model: EmbeddingModel | None) -> Index:
        if self._address.kind == POSTGRES:
            from halfgig.retrieval.postgres import PostgresIndex

            return PostgresIndex(as_file(connection), self._opened_line(), model)
        from halfgig.retrieval.outside import ServiceIndex

        return ServiceIndex(as_file(connection), self._opened_service(), model)

    def reach(self) -> None:
        """Ask the index outside for something small. ServerTrouble where it cannot be reached, ServerRefuses."""
        if self._address.kind == POSTGRES:
            self._opened_line().ask("SELECT 1")
        elif self.outside:
            self._opened_service().reach()

    def close(self) -> None:
        """Close the line; the next index opens another."""
        for close in (held.close for held in (self._line, self._service) if held is not None):
            close()
        self._line = self._service = None

    def _opened_line(self) -> Line:
        from halfgig.retrieval.line import Line

        if self._line is None:
            log.info("the index is in %s", self.shown)
            self._line = Line(self._address.name, self.shown)
        return self._line

    def _opened_service(self) -> VectorService:
        if self._service is None:
            log.info("the index is in %s", self.shown)
            self._service = _service(self._address, self._settings)
        return self._service


def _service(address: IndexAddress, settings: Settings) -> VectorService:
    if address.kind == PINECONE:
        from halfgig.retrieval.pinecone import Pinecone

        return Pinecone(address, settings.pinecone_api_key)
    from halfgig.retrieval.qdrant import Qdrant

    return Qdrant(address, settings.qdrant_api_key)


def index_place(settings: Settings) -> Place:
    """The place that INDEX_URL names. BadRequest where it is none, or a file that is not the library."""
    address = read_index_address(settings.index_url)
    if settings.database_url and (address.kind != SQLITE or address.name):
        raise BadRequest(
            "The library is in the database of DATABASE_URL, and its index with it.",
            "Leave out INDEX_URL; or leave out DATABASE_URL, and have the library in a file.",
        )
    if address.kind == SQLITE and address.name and Path(address.name).expanduser() != settings.library_path:
        raise BadRequest(
            "The embedded index is in the library's own file.",
            f"Set LIBRARY_PATH={address.name}, and INDEX_URL to sqlite: or nothing.",
        )
    return place_at(address, settings)


def place_at(address: IndexAddress, settings: Settings) -> Place:
    """The place at an address, with the keys of the settings. BadRequest where what it needs is not there."""
    if address.kind == PINECONE and not settings.pinecone_api_key:
        raise BadRequest("There is no key for Pinecone.", "Set PINECONE_API_KEY.")
    if address.kind == POSTGRES and find_spec("psycopg") is None:
        raise BadRequest("An index in Postgres needs psycopg.", "Install it: pip install 'halfgig[postgres]'")
    return Place(address, settings)


@contextmanager
def open_place(settings: Settings) -> Iterator[Place]:
    """The same, closed at the end of the block."""
    with closing(index_place(settings)) as place:
        yield place
