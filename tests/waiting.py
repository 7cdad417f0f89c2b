"""Waiting for something to come to be, on a machine that others use as well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE = 240.0  # seconds; only a test that fails waits so long


def until(what: Callable[[], T | None], patience: float = PATIENCE, pause: float = 0.05) -> T:
    """The first thing that `what` gives that is true, asked again after each pause; TimeoutError where none comes."""
    deadline = time.monotonic() + patience
    while not (given := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of {what} in {patience} s")
        time.sleep(pause)
    return given
