"""The library on a thread of its own: the server asks it without waiting in the event loop, and loads no numpy."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from halfgig.errors import LibraryError
from halfgig.store.home import open_store, which_store

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from halfgig.settings import Settings
    from halfgig.store.database import Database

T = TypeVar("T")


class LibraryThread:
    """One connection on one thread, opened when something is asked, and again where the library is another one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="library")
        self._opened = ExitStack()
        self._connection: Database | None = None
        self._store: Hashable | None = None

    async def ask(self, question: Callable[[Database], T]) -> T | None:
        """What the library answers; None where there is no library yet. Its errors come as LibraryError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question)

    def ask_now(self, question: Callable[[Database], T]) -> T | None:
        """The same, for another thread than the event loop's: it waits."""
        return self._thread.submit(self._ask, question).result()

    async def close(self) -> None:
        """Let what is asked end, close the connection, and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _ask(self, question: Callable[[Database], T]) -> T | None:
        connection = self._open()
        if connection is None:
            return None
        try:
            with connection.guarded():
                return question(connection)
        except LibraryError:  # whatever was wrong with it, begin afresh
            self._close()
            raise

    def _open(self) -> Database | None:
        """The connection to the library that is there now."""
        store = which_store(self._settings)
        if store != self._store or store is None:
            self._close()
        if self._connection is None and store is not None:
            self._connection = self._opened.enter_context(open_store(self._settings, create=False, patience=0.0))
            self._store = store
        return self._connection

    def _close(self) -> None:
        self._connection = self._store = None
        self._opened.close()
