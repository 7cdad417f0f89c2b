from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halfgig import pipelines
from halfgig.pipelines import prefetch

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON = 2.0  # seconds that a thread gets to do what it is about to do


class Made:
    """Counts what was taken from it, and remembers the thread that closed it."""

    def __init__(self) -> None:
        self.taken = 0
        self.closed_by: threading.Thread | None = None

    def __iter__(self) -> Iterator[int]:
        try:
            while True:
                self.taken += 1
                yield self.taken
        finally:
            self.closed_by = threading.current_thread()

    def settle(self) -> int:
        """How much was taken, once no more is."""
        deadline, before = time.monotonic() + SOON, -1
        while before != self.taken and time.monotonic() < deadline:
            before = self.taken
            time.sleep(0.02)
        return self.taken


def makers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "halfgig-prefetch"]


@given(st.lists(st.integers(), max_size=30), st.integers(1, 5))
@settings(deadline=None, max_examples=50)
def test_items_come_in_order(items: list[int], depth: int) -> None:
    assert list(prefetch(items, depth)) == items
    assert makers() == []


def test_the_maker_is_only_so_far_ahead() -> None:
    made = Made()
    items = prefetch(made, 3)
    next(items)
    assert made.settle() <= 1 + 3 + 1  # taken, in the queue, in the maker's hand
    items.close()  # type: ignore[attr-defined]


def test_an_abandoned_consumer_ends_the_maker_in_its_own_thread() -> None:
    made = Made()
    items = prefetch(made, 2)
    next(items)
    [maker] = makers()
    items.close()  # type: ignore[attr-defined]
    assert made.closed_by is maker
    assert makers() == []


def test_a_consumer_that_fails_ends_the_maker() -> None:
    made = Made()

    def consume() -> None:
        for _ in prefetch(made, 2):
            raise RuntimeError("consumer")

    with pytest.raises(RuntimeError, match="consumer"):
        consume()
    assert made.settle() < 9
    assert made.closed_by


def test_an_error_of_the_maker_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("disk")

    items = prefetch(broken(), 1)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="disk"):
        next(items)
    assert makers() == []


def test_nothing_starts_before_it_is_asked_for() -> None:
    prefetch(Made(), 2)
    assert makers() == []


def test_values_that_are_false_or_errors_are_items_too() -> None:
    items = [None, False, 0, ValueError("an item")]
    assert list(prefetch(items, 2)) == items


def test_a_maker_that_is_stuck_does_not_hold_the_consumer_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "PATIENCE", 0.05)
    silence = threading.Event()

    def silent_pipe() -> Iterator[int]:
        yield 1
        silence.wait(60)

    items = prefetch(silent_pipe(), 1)
    next(items)
    began = time.monotonic()
    items.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 30  # it would have been silent for longer
    silence.set()
