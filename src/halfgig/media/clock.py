"""Timestamps made believable, and the choice of frames by time. Pure: nothing here decodes or waits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from halfgig.records import Seconds

T = TypeVar("T")

SLACK = 0.004  # seconds by which rounded timestamps may be early
LONGEST_JUMP = 6 * 3600.0  # seconds; a leap further ahead is a wrong timestamp, not a pause


@dataclass(frozen=True, slots=True)
class Stamped(Generic[T]):
    """An `item` that says it starts at `time` (None where it does not say) and lasts `seconds`."""

    time: Seconds | None
    seconds: Seconds
    item: T


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """An `item` with the time at which it is believed to start."""

    time: Seconds
    seconds: Seconds
    item: T


def settle(stamped: Iterable[Stamped[T]], *, jump: Seconds) -> Iterator[Placed[T]]:
    """Give every item a believable time, holding back at most one item.

    A timestamp within `jump` seconds of where the item before it ended is believed. One further off must be
    confirmed by the item after it; if that goes on from the old time, the timestamp was wrong and the item is put
    where the last one ended. A confirmed leap ahead of up to six hours is a pause; a confirmed leap back, or a
    longer one ahead, is a clock that was set anew: time goes on, and later timestamps are shifted to match.
    """
    expected, shift = 0.0, 0.0
    held: Stamped[T] | None = None
    for now in stamped:
        if held is not None:
            time, shift = _decide(held, now, expected, shift)
            yield Placed(time, held.seconds, held.item)
            expected, held = max(expected, time + held.seconds), None
        time = expected if now.time is None else now.time + shift
        if abs(time - expected) > jump:
            held = now
            continue
        yield Placed(time, now.seconds, now.item)
        expected = max(expected, time + now.seconds)
    if held is not None:
        yield Placed(expected, held.seconds, held.item)


def _decide(held: Stamped[T], now: Stamped[T], expected: Seconds, shift: Seconds) -> tuple[Seconds, Seconds]:
    """The time of the held item and the shift of those after it, given the next item."""
    claimed = expected if held.time is None else held.time + shift
    if now.time is None or _nearer(now.time + shift, expected, claimed):
        return expected, shift
    if expected < claimed <= expected + LONGEST_JUMP:
        return claimed, shift
    return expected, shift + expected - claimed


def _nearer(time: Seconds, one: Seconds, other: Seconds) -> bool:
    return abs(time - one) < abs(time - other)


def ascend(placed: Iterable[Placed[T]]) -> Iterator[Placed[T]]:
    """The same items with strictly rising times: one that is not later than the last follows it by its length."""
    last = -1.0
    for one in placed:
        time = one.time if one.time > last else last + max(one.seconds, 1e-3)
        last = time
        yield replace(one, time=time)


def slot(time: Seconds, rate: float) -> int:
    """Which of the stretches of 1/`rate` seconds `time` is in; one up to 4 ms early counts for the next stretch."""
    return math.floor((time + SLACK) * rate)


def sample(placed: Iterable[Placed[T]], rate: float | None) -> Iterator[Placed[T]]:
    """The first item in each stretch of 1/`rate` seconds; all of them where `rate` is None."""
    last: int | None = None
    for one in placed:
        now = slot(one.time, rate) if rate is not None else None
        if last is None or now is None or now > last:
            last = now
            yield one


def every(placed: Iterable[Placed[T]], step: int) -> Iterator[Placed[T]]:
    """The first item and each `step`-th after it."""
    for number, one in enumerate(placed):
        if number % step == 0:
            yield one
