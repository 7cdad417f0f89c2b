"""When a request is made again, and when its error is the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from halfgig.client.exchange import ConnectionLost
from halfgig.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Seconds

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is made, and for how long an answer to come again later is heeded; in seconds."""

    pauses: tuple[Seconds, ...] = (0.5, 2.0, 8.0)  # before each repetition
    longest: Seconds = 30.0  # a Retry-After past this is the caller's to wait
    outage: Seconds = 60.0  # in which a server that went away while it was watched may come back


PATIENT = Patience()


def again(
    ask: Callable[[], T], patience: Patience, sleep: Callable[[Seconds], object], *, repeatable: bool = True
) -> T:
    """What `ask` gives, asked again where the server is busy, or breaks off and the request is `repeatable`."""
    for pause in patience.pauses:
        try:
            return ask()
        except Busy as error:
            if error.retry_after > patience.longest:
                raise
            sleep(max(pause, error.retry_after))
        except ConnectionLost:
            if not repeatable:
                raise
            sleep(pause)
    return ask()
