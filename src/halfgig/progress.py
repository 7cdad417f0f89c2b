"""Progress of long work on one line of a terminal: position, speed against real time, time left, memory held."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from halfgig.errors import MIB
from halfgig.memory.meter import rss

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Seconds

BAR = 20  # characters
EVERY: Seconds = 0.2  # between two drawings


class StatusLine:
    """The last line of a terminal, by default of standard error, drawn anew each time.

    Where there is no terminal, nothing is drawn, and `live` is False.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.live = self._stream.isatty()

    def draw(self, text: str) -> None:
        """Put `text` in place of what stands there."""
        if self.live:
            self._stream.write(f"\r{text}\x1b[K")
            self._stream.flush()

    def wipe(self) -> None:
        """Wipe the line, so that something else can be printed there."""
        self.draw("")


class Progress:
    """Draws on `stream`, by default standard error, if it is a terminal. `total` is in seconds of the source."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[], int] = rss,
    ) -> None:
        self.total: Seconds | None = None
        self._line = StatusLine(stream)
        self._clock, self._memory = clock, memory
        self._begun: float | None = None
        self._from: Seconds = 0.0
        self._drawn = -EVERY

    def move(self, position: Seconds) -> None:
        """The work has come to `position` seconds of the source."""
        now = self._clock()
        if self._begun is None:
            self._begun, self._from = now, position
        if self._line.live and now - self._drawn >= EVERY:
            self._drawn = now
            elapsed = now - self._begun
            self._line.draw(describe(position, self.total, elapsed, self._memory(), self._from))

    def clear(self) -> None:
        """Wipe the line, so that something else can be printed there."""
        self._line.wipe()
        self._drawn = -EVERY


def describe(position: Seconds, total: Seconds | None, elapsed: Seconds, held: int, begun_at: Seconds = 0.0) -> str:
    """`[#####---------------]  25 %  02:30/10:00  21.4x  00:21 left  182 MB`; what is not known is left out."""
    speed = (position - begun_at) / elapsed if elapsed > 0 else 0.0
    parts = [minutes(position)]
    if total:
        parts = [bar(position / total), f"{minutes(position)}/{minutes(total)}"]
    if speed > 0:
        parts.append(f"{speed:.1f}x")
    if speed > 0 and total:
        parts.append(f"{minutes(max(total - position, 0) / speed)} left")
    return "  ".join([*parts, f"{held // MIB} MB"])


def bar(share: float) -> str:
    """`[#####---------------]  25%`; past 1 it is full."""
    share = min(share, 1.0)
    filled = round(BAR * share)
    return f"[{'#' * filled}{'-' * (BAR - filled)}] {share:4.0%}"


def minutes(seconds: Seconds) -> str:
    """`mm:ss`, or `h:mm:ss` from an hour on."""
    minute, second = divmod(int(seconds), 60)
    hour, minute = divmod(minute, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute:02d}:{second:02d}"
