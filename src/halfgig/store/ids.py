"""Ids of what is kept: 26 characters whose order is that of their making."""

from __future__ import annotations

import re
import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which are easily misread
_ID = re.compile(rf"[{ALPHABET}]{{26}}")
_CHANCE_BITS = 80
_DIGIT_BITS = 5


def new_id(now: float) -> str:
    """An id for what is made at `now`, unix seconds: 48 bits of milliseconds, then 80 bits of chance."""
    number = (int(now * 1000) << _CHANCE_BITS) | secrets.randbits(_CHANCE_BITS)
    return "".join(ALPHABET[number >> shift & 31] for shift in range(25 * _DIGIT_BITS, -1, -_DIGIT_BITS))


def is_id(text: str) -> bool:
    """Whether `text` could be one of ours; nothing else may become part of a path."""
    return _ID.fullmatch(text) is not None
