"""What a worker tells while it works: the stage, how far it is, how fast, and how long it may still take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Seconds

EVERY: Seconds = 0.25  # between two tellings of a position


class Telling:
    """Sends `{"progress": {...}}`: at once when the stage changes, else at most every quarter of a second.

    `duration` is the length of the source in seconds, None where it is not known.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._send, self._clock = send, clock
        self.begin()

    def begin(self) -> None:
        """Another job begins."""
        self.duration: Seconds | None = None
        self._stage = "starting"
        self._position: Seconds = 0.0
        self._begun: tuple[float, Seconds] | None = None  # when, and at which position, work began
        self._told = -EVERY

    def enter(self, stage: str) -> None:
        """Another stage begins."""
        self._stage, self._begun = stage, None
        self._tell()

    def resume(self, position: Seconds) -> None:
        """What lies before `position` is done already; to pass over it is not progress."""
        self._position = position

    def move(self, position: Seconds) -> None:
        """The work has come to `position` seconds of the source."""
        now = self._clock()
        if position >= self._position:
            self._position = position
            self._begun = self._begun or (now, position)
        if now - self._told >= EVERY:
            self._tell()

    def kept(self, position: Seconds) -> None:
        """What lies before `position` is on disk."""
        self._send({"checkpoint": position})

    def beat(self, *_: object) -> None:
        """The work lives, wherever it is."""
        if self._clock() - self._told >= EVERY:
            self._tell()

    def _tell(self) -> None:
        self._told = self._clock()
        self._send({"progress": progress(self._stage, self._position, self.duration, self._speed())})

    def _speed(self) -> float | None:
        if self._begun is None:
            return None
        since, begin = self._begun
        elapsed = self._clock() - since
        return (self._position - begin) / elapsed if elapsed > 0 else None


def progress(stage: str, position: Seconds, duration: Seconds | None, speed: float | None) -> dict[str, Any]:
    """The figures of one moment as JSON values: seconds of the source, a fraction in [0, 1], times real time."""
    told: dict[str, Any] = {"stage": stage, "position": round(position, 2)}
    told["duration"] = None if duration is None else round(duration, 2)
    told["fraction"] = round(min(position / duration, 1.0), 4) if duration else None
    told["speed"] = None if not speed else round(speed, 2)
    left = None if duration is None else max(duration - position, 0.0)
    told["remaining"] = round(left / speed, 1) if speed and left is not None else None
    return told
