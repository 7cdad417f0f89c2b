"""How an attempt ended, in words for a person: an exception of the work, or the death of its process. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from halfgig.errors import MIB, DoesNotFit, HalfgigError, LibraryError, StorageFull, slug
from halfgig.jobs.job import Failure, Reason
from halfgig.media.shown import told_text

if TYPE_CHECKING:
    from halfgig.records import Bytes, Seconds

# What the C++ libraries say when malloc gives them nothing; they raise it as RuntimeError.
STARVED = ("bad_alloc", "failed to allocate", "cannot allocate memory", "out of memory")
SMALLER = "It is tried again with less: a smaller model, smaller frames. A machine with more memory does more."


def of_error(error: BaseException) -> Failure:
    """The failure that an exception of the work means."""
    if isinstance(error, DoesNotFit):
        return replace(_of_ours(error, Reason.DOES_NOT_FIT), needs=error.needs)
    if isinstance(error, HalfgigError):
        again = error.retryable or isinstance(error, (LibraryError, StorageFull))  # a disk may have room again
        return _of_ours(error, Reason.UNAVAILABLE if again else Reason.REFUSED)
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in STARVED):
        return Failure(Reason.OUT_OF_MEMORY, "The worker was refused the memory that it asked for.", SMALLER, 507)
    detail = f"The worker met an error that nobody foresaw: {type(error).__name__}: {told_text(str(error))}."
    return Failure(Reason.UNEXPECTED, detail, "Report it with the log of the server and halfgig doctor.", 500)


def _of_ours(error: HalfgigError, reason: Reason) -> Failure:
    return Failure(reason, told_text(error.detail), error.remedy, error.status, error=slug(type(error)))


@dataclass(frozen=True, slots=True)
class Death:
    """What is known of a child that ended in the middle of a job.

    `code` is its exit code, negative for a signal. `starved` tells whether the kernel has just killed a process for
    want of memory, None where it does not say. `held` is the most bytes it was seen to hold, `last_words` the end of
    its standard error, `silent` the seconds without a sign of life after which it was ended by us.
    """

    code: int
    starved: bool | None
    held: Bytes
    limit: Bytes
    last_words: str = ""
    silent: Seconds | None = None


def of_death(death: Death) -> Failure:
    """The failure that a death means: of hunger, by a hang that we ended, from outside, or by a crash."""
    if death.silent is not None:
        detail = f"The worker gave no sign of life for {death.silent:.0f} s, and was ended."
        return Failure(Reason.HUNG, detail, "It is tried again.", 500, death.held)
    if death.code == -signal.SIGKILL and death.starved:
        detail = f"The system ended the worker because memory ran out: it held {_mb(death.held)} of {_mb(death.limit)}."
        return Failure(Reason.OUT_OF_MEMORY, detail, SMALLER, 507, death.held)
    if any(words in death.last_words.lower() for words in STARVED):
        detail = f"The worker was refused memory when it held {_mb(death.held)} of {_mb(death.limit)}."
        return Failure(Reason.OUT_OF_MEMORY, detail, SMALLER, 507, death.held)
    if death.code == -signal.SIGKILL and death.starved is False:
        detail = f"The worker was killed from outside (SIGKILL) when it held {_mb(death.held)}."
        return Failure(Reason.INTERRUPTED, detail, "It is tried again.", 500, death.held)
    return Failure(Reason.CRASHED, _crash(death), "It is tried again.", 500, death.held)


def _crash(death: Death) -> str:
    last = death.last_words.strip().splitlines()[-1:]
    said = f" Its last words: {last[0][:300]}" if last else ""
    if death.code == -signal.SIGKILL:
        why = "by the system for want of memory, or from outside"
        return f"The worker was killed (SIGKILL), {why}, when it held {_mb(death.held)}.{said}"
    if death.code < 0:
        return f"The worker crashed with {signal.Signals(-death.code).name}.{said}"
    return f"The worker ended with exit code {death.code}.{said}"


def _mb(count: Bytes) -> str:
    return f"{count // MIB} MB"
