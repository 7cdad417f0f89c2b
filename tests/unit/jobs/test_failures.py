from __future__ import annotations

import signal

import pytest

from halfgig.errors import DoesNotFit, LibraryError, ModelError, SourceError, StorageFull
from halfgig.jobs.failures import Death, of_death, of_error
from halfgig.jobs.job import Reason

MIB = 1024 * 1024


def death(code: int, **known: object) -> Death:
    return Death(**{"code": code, "starved": False, "held": 200 * MIB, "limit": 320 * MIB, **known})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SourceError("a.mp4 is empty.", "Copy it again."), Reason.REFUSED),
        (ModelError("The hub cannot be reached."), Reason.UNAVAILABLE),
        (LibraryError("The library is in use."), Reason.UNAVAILABLE),
        (StorageFull("The disk is full."), Reason.UNAVAILABLE),
        (MemoryError(), Reason.OUT_OF_MEMORY),
        (RuntimeError("mkl_malloc: failed to allocate memory"), Reason.OUT_OF_MEMORY),
        (RuntimeError("std::bad_alloc"), Reason.OUT_OF_MEMORY),
        (KeyError("x"), Reason.UNEXPECTED),
    ],
)
def test_errors_are_told_apart(error: Exception, reason: Reason) -> None:
    assert of_error(error).reason is reason


def test_an_error_keeps_its_words_and_figures() -> None:
    failure = of_error(DoesNotFit("reps", 300 * MIB, 200 * MIB))
    assert (failure.reason, failure.needs, failure.status) == (Reason.DOES_NOT_FIT, 300 * MIB, 507)
    assert "300 MB" in failure.detail
    assert failure.remedy
    assert failure.error == "does-not-fit"
    assert of_error(KeyError("x")).error == ""


@pytest.mark.parametrize("kind", [SourceError, ModelError, ValueError])
def test_what_an_address_gives_its_owner_is_not_told(kind: type[Exception]) -> None:
    told = of_error(kind("https://me:secret@a.example/b.mp4?sig=secret was refused.")).detail
    assert "https://a.example/b.mp4 was refused" in told
    assert "secret" not in told


def test_hunger_is_known_by_the_kernels_count() -> None:
    starved = of_death(death(-signal.SIGKILL, starved=True))
    assert starved.reason is Reason.OUT_OF_MEMORY
    assert "memory ran out: it held 200 MB of 320 MB" in starved.detail
    killed = of_death(death(-signal.SIGKILL))
    assert killed.reason is Reason.INTERRUPTED
    assert "from outside" in killed.detail
    untold = of_death(death(-signal.SIGKILL, starved=None))
    assert untold.reason is Reason.CRASHED
    assert "want of memory, or from outside" in untold.detail


def test_a_library_that_got_no_memory_says_so_with_its_last_words() -> None:
    failure = of_death(death(-signal.SIGABRT, last_words="terminate called after ... what():  std::bad_alloc"))
    assert failure.reason is Reason.OUT_OF_MEMORY


def test_a_hang_is_told_with_its_length() -> None:
    failure = of_death(death(-signal.SIGKILL, silent=300.0))
    assert failure.reason is Reason.HUNG
    assert "300 s" in failure.detail


def test_a_crash_is_told_with_its_signal_and_its_last_words() -> None:
    failure = of_death(death(-signal.SIGSEGV, last_words="first\nFatal Python error: Segmentation fault\n"))
    assert failure.detail == ("The worker crashed with SIGSEGV. Its last words: Fatal Python error: Segmentation fault")
    assert of_death(death(3)).detail == "The worker ended with exit code 3."
