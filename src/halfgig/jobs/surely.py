"""What has happened is written down, even where the database is away for a moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from halfgig.errors import DatabaseAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from halfgig.records import Seconds

T = TypeVar("T")

PAUSE: Seconds = 1.0  # between two attempts


async def surely(attempt: Callable[[], Awaitable[T]], goes_on: Callable[[], bool]) -> T:
    """What `attempt` gives; again while the database is away, as long as it `goes_on`, and then once more."""
    while goes_on():
        with suppress(DatabaseAway):
            return await attempt()
        await asyncio.sleep(PAUSE)
    return await attempt()
