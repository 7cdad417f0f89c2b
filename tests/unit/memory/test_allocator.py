from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from halfgig.memory import allocator

ARENAS = """
import ctypes, threading
from halfgig.memory.allocator import use_one_arena
{setup}
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
gate = threading.Barrier(5)
def work():
    libc.malloc(ctypes.c_size_t(1000))
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
gate.wait()
[thread.join() for thread in threads]
libc.malloc_stats()
"""


def has_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


def arenas(setup: str) -> int:
    """How many arenas glibc has after four threads allocated at the same time."""
    run = subprocess.run([sys.executable, "-c", ARENAS.format(setup=setup)], capture_output=True, text=True, check=True)
    return run.stderr.count("Arena ")


@pytest.mark.skipif(not has_glibc(), reason="only glibc has arenas")
def test_threads_share_one_arena() -> None:
    assert arenas("use_one_arena()") == 1
    assert arenas("") > 1


@pytest.mark.skipif(not has_glibc(), reason="only glibc has malloc_trim")
def test_trim_gives_pages_back() -> None:
    code = """
import ctypes
from halfgig.memory.allocator import trim
from halfgig.memory.meter import rss
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
held = [libc.malloc(ctypes.c_size_t(60_000)) for _ in range(1000)]
[ctypes.memset(ctypes.c_void_p(each), 1, 60_000) for each in held]
last = libc.malloc(ctypes.c_size_t(60_000))
[libc.free(ctypes.c_void_p(each)) for each in held]
before = rss(); assert trim(); print(before - rss())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 40_000_000


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "_glibc", lambda: None)
    assert not allocator.use_one_arena()
    assert not allocator.trim()


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_no_c_library_to_be_had(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def refuse(name: object) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert allocator._glibc.__wrapped__() is None
