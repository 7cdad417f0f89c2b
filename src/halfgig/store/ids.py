"""Ids of what is kept: 26 characters whose order is that of their making, as long as the clock does not go back."""

from __future__ import annotations

import re
import secrets
import threading

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which are easily misread
_ID = re.compile(rf"[{ALPHABET}]{{26}}")
_CHANCE_BITS = 80
_STEP_BITS = 64  # of chance between two of one millisecond, so that none can be guessed from another
_DIGIT_BITS = 5


class Numbers:
    """Numbers that are new everywhere, and greater than those of earlier milliseconds and earlier ones of the same."""

    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), 0

    def take(self, milliseconds: int) -> int:
        """48 bits of milliseconds, then 80 bits of chance. Any thread may call it."""
        with self._lock:
            number = (milliseconds << _CHANCE_BITS) | secrets.randbits(_CHANCE_BITS)
            if self._last >> _CHANCE_BITS in (milliseconds, milliseconds + 1):  # + 1 where a step went over its end
                number = self._last + 1 + secrets.randbits(_STEP_BITS)
            self._last = number
            return number


_numbers = Numbers()


def new_id(now: float) -> str:
    """An id for what is made at `now`, unix seconds.

    Those of one process have the order of their making, as long as the clock does not go back.
    """
    number = _numbers.take(int(now * 1000))
    return "".join(ALPHABET[number >> shift & 31] for shift in range(25 * _DIGIT_BITS, -1, -_DIGIT_BITS))


def is_id(text: str) -> bool:
    """Whether `text` could be one of ours; nothing else may become part of a path."""
    return _ID.fullmatch(text) is not None
