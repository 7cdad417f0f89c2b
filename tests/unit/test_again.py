from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from halfgig.again import MOST, retry_after


@pytest.mark.parametrize(
    ("told", "seconds"), [("7", 7.0), (" 0 ", 0.0), ("9" * 400, MOST), (formatdate(0, usegmt=True), 0.0)]
)
def test_a_retry_after_is_a_number_or_a_date(told: str, seconds: float) -> None:
    assert retry_after(told) == seconds


def test_a_date_is_counted_from_now() -> None:
    wait = retry_after(formatdate(time.time() + 4000, usegmt=True))
    assert wait is not None
    assert 3000 < wait <= 4001


@pytest.mark.parametrize("told", ["", "soon", "-3", "²", "Fri, 31 Dec", "Fri, 31 Dec 99999 23:59:59 GMT", "1.5"])
def test_what_is_neither_says_nothing(told: str) -> None:
    assert retry_after(told) is None
