"""Whether an answer of an HTTP server means that the same request may do later, and how much later."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halfgig.records import Seconds

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses after which the same request may do
MOST: Seconds = 1e6  # a longer wait is told as this one: nobody waits for either


def retry_after(told: str) -> Seconds | None:
    """Seconds from now, by either form of a Retry-After: a number or a date; None where it is neither."""
    told = told.strip()
    if told.isascii() and told.isdigit():
        return min(float(told), MOST)
    from email.utils import parsedate_to_datetime

    try:
        return min(max(0.0, parsedate_to_datetime(told).timestamp() - time.time()), MOST)
    except (ValueError, OverflowError):
        return None
