"""Who writes to which upload. A client whose connection died unseen comes back before we know: then it takes over."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from halfgig.errors import Locked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from halfgig.records import Seconds

QUIET: Seconds = 1.0  # without a byte, after which a newcomer may take over
PATIENCE: Seconds = 5.0  # that a newcomer waits for the one before to put its bytes on disk


class Turn:
    """One request's right to write. `wanted` says that another waits for it."""

    def __init__(self) -> None:
        self.wanted = False
        self.ended = asyncio.Event()
        self._alarm: asyncio.Timeout | None = None
        self._since = 0.0

    def listen(self, alarm: asyncio.Timeout) -> None:
        """The request waits for bytes from now; `alarm` ends the wait."""
        self._alarm, self._since = alarm, asyncio.get_running_loop().time()
        if self.wanted:
            alarm.reschedule(self._since)

    def busy(self) -> None:
        """The request waits no more."""
        self._alarm = None

    @property
    def quiet(self) -> bool:
        """Whether the request has been waiting in vain."""
        return self._alarm is not None and asyncio.get_running_loop().time() - self._since >= QUIET

    def give_way(self) -> None:
        """Have the request end, with what it has."""
        self.wanted = True
        if self._alarm:
            self._alarm.reschedule(0)


class Turns:
    """One turn at a time for each upload. For one event loop."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}

    @asynccontextmanager
    async def take(self, upload_id: str) -> AsyncIterator[Turn]:
        """A turn for the block, from one that has gone quiet if need be; Locked while another is at work."""
        await self.settle(upload_id)
        if upload_id in self._turns:
            raise Locked("Another request is writing to this upload.", "Wait a moment, and ask for the offset.")
        turn = self._turns[upload_id] = Turn()
        try:
            yield turn
        finally:
            del self._turns[upload_id]
            turn.ended.set()

    async def settle(self, upload_id: str) -> None:
        """Have a turn that has gone quiet end, so that the offset is what came; others go on undisturbed."""
        turn = self._turns.get(upload_id)
        if turn and turn.quiet:
            turn.give_way()
            with suppress(TimeoutError):
                await asyncio.wait_for(turn.ended.wait(), PATIENCE)
