"""Keeps glibc's malloc from holding memory that nobody uses; does nothing on other C libraries."""

from __future__ import annotations

import ctypes
from functools import cache

M_ARENA_MAX = -8


def use_one_arena() -> bool:
    """Have all threads allocate from one arena, so that what one frees another can take. Tells whether it could.

    Must run before the threads of a model start: an arena that exists stays.
    """
    libc = _glibc()
    return libc is not None and bool(libc.mallopt(M_ARENA_MAX, 1))


def trim() -> bool:
    """Give free pages back to the system. Tells whether any were given."""
    libc = _glibc()
    return libc is not None and bool(libc.malloc_trim(ctypes.c_size_t(0)))


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018 - musl and macOS have no such symbol
    except (AttributeError, OSError, TypeError):
        return None
    return libc
