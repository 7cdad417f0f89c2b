"""The ring of samples: bounded, in order, and without losing a peak when it is outlined."""

from __future__ import annotations

import os

import pytest

from halfgig.api.history import History, now_held
from halfgig.memory.meter import rss


def filled(count: int, most: int = 10) -> History:
    history = History(most)
    for number in range(count):
        history.note(float(number), number * 100, number)
    return history


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25])
def test_the_newest_samples_are_kept_in_order(count: int) -> None:
    history = filled(count)
    assert [row[0] for row in history.rows()] == list(range(max(0, count - 10), count))
    assert len(history) == min(count, 10)
    assert all(row == (row[0], row[0] * 100, row[0]) for row in history.rows())


def test_only_newer_rows_are_told() -> None:
    assert [row[0] for row in filled(25).rows(since=21.5)] == [22, 23, 24]
    assert list(filled(25).rows(since=1e12)) == []


def test_an_outline_keeps_the_peaks() -> None:
    history = History(100)
    for number in range(100):
        history.note(float(number), 999 if number == 41 else 1, 500 if number == 7 else 1)
    rows = history.outline(10)
    assert [row[0] for row in rows] == list(range(9, 100, 10))
    assert max(row[1] for row in rows) == rows[4][1] == 999
    assert rows[0][2] == 500


@pytest.mark.parametrize(("points", "rows"), [(1, 1), (3, 3), (7, 5), (10, 10), (1000, 10)])
def test_an_outline_has_about_as_many_rows_as_are_asked_for(points: int, rows: int) -> None:
    assert len(filled(10).outline(points)) == rows
    assert History().outline(points) == []


def test_what_is_held_now_is_told() -> None:
    at, held, own = now_held()
    assert held >= own > 1_000_000
    assert abs(own - rss(os.getpid())) < 50_000_000
    assert at > 1e9
