"""Threads in which storage is asked: where it is away, only those wait who want something of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 16  # questions; each that S3 gives no answer to waits for a minute or more

Asked = ParamSpec("Asked")
Told = TypeVar("Told")


class Ask(Protocol):
    """Does something blocking in another thread, as `asyncio.to_thread` does."""

    async def __call__(self, do: Callable[Asked, Told], /, *arguments: Asked.args, **options: Asked.kwargs) -> Told:
        """What it returns, or raises."""


class StorageThreads:
    """At most `most` threads, begun as they are needed."""

    def __init__(self, most: int = AT_ONCE) -> None:
        self._threads = ThreadPoolExecutor(most, "storage")

    async def ask(self, do: Callable[Asked, Told], /, *arguments: Asked.args, **options: Asked.kwargs) -> Told:
        """As of `Ask`."""
        call = partial(copy_context().run, do, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Take nothing more; what has been asked is done, for it may put an end to what was begun."""
        self._threads.shutdown(wait=False)
