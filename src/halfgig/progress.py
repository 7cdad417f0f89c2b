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


class Paced:
    """A status line that is drawn no more often than it can be read."""

    def __init__(self, line: StatusLine | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._line, self._clock = line or StatusLine(), clock
        self._begun: float | None = None
        self._drawn = -EVERY

    def draw(self, told: Callable[[Seconds], str]) -> None:
        """Draw what is told of the time since the first call."""
        now = self._clock()
        self._begun = now if self._begun is None else self._begun
        if self._line.live and now - self._drawn >= EVERY:
            self._drawn = now
            self._line.draw(told(now - self._begun))

    def wipe(self) -> None:
        """Wipe the line, so that something else can be printed there; it is drawn again at once."""
        self._line.wipe()
        self._drawn = -EVERY


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
        self._paced, self._memory = Paced(StatusLine(stream), clock), memory
        self._from: Seconds | None = None

    def move(self, position: Seconds) -> None:
        """The work has come to `position` seconds of the source."""
        begun_at = self._from = position if self._from is None else self._from
        self._paced.draw(lambda elapsed: describe(position, self.total, elapsed, self._memory(), begun_at))

    def clear(self) -> None:
        """Wipe the line, so that something else can be printed there."""
        self._paced.wipe()


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
