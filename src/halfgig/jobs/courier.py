"""The courier: sends what callback addresses are owed, a few at a time, and tries again what fails."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from random import random
from typing import TYPE_CHECKING, TypeVar

from halfgig.errors import HalfgigError
from halfgig.jobs.deliveries import HOLD, Deliveries
from halfgig.jobs.surely import surely
from halfgig.jobs.webhooks import MOST_TRIES, body_of, delay_after, headers_of, is_final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from halfgig.jobs.deliveries import Delivery
    from halfgig.jobs.queue import JobQueue
    from halfgig.records import Seconds

    Ask = Callable[[Callable[[JobQueue], Any]], Awaitable[Any]]  # asks the queue on its own thread
    Post = Callable[[str, bytes, Mapping[str, str]], int]  # blocking; the status of the answer

T = TypeVar("T")

log = logging.getLogger("halfgig.webhooks")

AT_ONCE = 4  # deliveries: a receiver that hangs holds up three others at most
LONGEST_WAIT: Seconds = 30.0  # between two looks for what is due


class Courier:
    """Sends what is due, until it is told to stop.

    `ask` runs a question on the queue's thread, `post` sends one request in a thread of ours and returns the status;
    it raises an error of ours that is not `retryable` where the address itself is refused.
    """

    def __init__(
        self,
        ask: Ask,
        post: Post,
        secret: bytes = b"",
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random,
    ) -> None:
        self._ask, self._post, self._secret = ask, post, secret
        self._clock, self._chance = clock, chance
        self._stopping = asyncio.Event()

    async def run(self, stopping: asyncio.Event, wait: Callable[[Seconds], Awaitable[object]] = asyncio.sleep) -> None:
        """Send until `stopping` is set, and end what is being sent then. `wait` may return early, at any news."""
        self._stopping = stopping
        while not stopping.is_set():
            try:
                pause = await self.send_due()
            except HalfgigError as error:
                log.warning("webhooks not sent", extra={"facts": {"detail": str(error)}})
                pause = LONGEST_WAIT
            except Exception:  # whatever it is, what is owed is not forgotten
                log.exception("webhooks not sent")
                pause = LONGEST_WAIT
            if pause > 0 and not stopping.is_set():  # who rang meanwhile was not heard
                await wait(pause)

    async def send_due(self) -> Seconds:
        """Send what is due, and return the seconds until it makes sense to look again.

        Whatever befalls one delivery is raised when the others have been sent and recorded too.
        """
        due = await self._ask(lambda queue: Deliveries(queue).claim(AT_ONCE))
        sent = await asyncio.gather(*(self._send(delivery) for delivery in due), return_exceptions=True)
        for error in filter(None, sent):
            raise error
        following = await self._ask(lambda queue: Deliveries(queue).wait())
        return LONGEST_WAIT if following is None else min(max(following, 0.0), LONGEST_WAIT)

    async def _send(self, delivery: Delivery) -> None:
        trouble, final = await on_a_thread(lambda: self._try(delivery))
        facts = {"job": delivery.job_id, "delivery": delivery.id, "tries": delivery.tries + 1}
        if not trouble:
            await self._note(lambda queue: Deliveries(queue).succeeded(delivery.id))
            log.info("webhook delivered", extra={"facts": facts})
            return
        final = final or delivery.tries + 1 >= MOST_TRIES
        pause = None if final else delay_after(delivery.tries + 1, self._chance())
        await self._note(lambda queue: Deliveries(queue).failed(delivery.id, trouble, pause))
        event = "webhook given up" if final else "webhook failed"
        log.warning(event, extra={"facts": {**facts, "detail": trouble}})

    async def _note(self, what: Callable[[JobQueue], object]) -> None:
        """Write down what became of a try while the delivery is ours: else it would be tried again for nothing."""
        until = time.monotonic() + HOLD
        await surely(lambda: self._ask(what), lambda: time.monotonic() < until and not self._stopping.is_set())

    def _try(self, delivery: Delivery) -> tuple[str, bool]:
        """What went wrong, empty where nothing did, and whether that is final. Blocking: for a thread."""
        body = body_of(delivery)
        try:
            status = self._post(delivery.url, body, headers_of(delivery, body, self._secret, self._clock()))
        except HalfgigError as error:
            return error.detail, not error.retryable
        except Exception as error:  # whatever the network brings, it must not stop the others
            return f"{type(error).__name__}: {error}", False
        return ("", False) if 200 <= status < 300 else (f"It answered with status {status}.", is_final(status))


async def on_a_thread(work: Callable[[], T]) -> T:
    """What blocking work returns, which raises nothing, on a thread of its own. No exit of the server waits for it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        result = work()
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(_settle, future, result)

    threading.Thread(target=run, name="webhook", daemon=True).start()
    return await future


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)
