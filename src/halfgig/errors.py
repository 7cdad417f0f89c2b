"""The exception tree. Every error carries what happened, and a remedy the user can act on.

HalfgigError
  +- BadRequest        exit 2, 400: the call itself is wrong (an option, a setting, an exercise name)
  +- SourceError       exit 3, 422: the source cannot be read (missing, empty, not media, cut off)
  +- MissingStream     exit 4, 422: the source can be read, but has no sound or no picture
  +- TooLarge          exit 5, 413: past a limit of the settings, or past what can be decoded safely
  |    `- DoesNotFit   exit 5, 507: the work needs more memory than this machine may use
  +- ModelError        exit 6, 503: weights are missing, damaged, or cannot be fetched
  `- LibraryError      exit 7, 503: the library file cannot be opened, read or written
"""

from __future__ import annotations

import math
from typing import ClassVar

MIB = 1024 * 1024


class HalfgigError(Exception):
    """Base of every error that halfgig raises on purpose.

    `detail` says what happened, `remedy` what to do; both are single sentences for a person.
    `exit_code` is the command line's, `status` the HTTP status, `retryable` whether trying again can help.
    """

    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.detail} {self.remedy}".strip()


class BadRequest(HalfgigError):
    """An option, a setting or a name is wrong."""

    exit_code, status = 2, 400


class SourceError(HalfgigError):
    """The source is missing, empty, damaged beyond decoding, or no media at all."""

    exit_code, status = 3, 422


class MissingStream(HalfgigError):
    """The source holds no sound, or no moving picture, and the work needs it."""

    exit_code, status = 4, 422


class TooLarge(HalfgigError):
    """The source passes a limit: size, length, or picture dimensions."""

    exit_code, status = 5, 413


class DoesNotFit(TooLarge):
    """The work needs more memory than this machine may use. `needs` and `limit` are bytes."""

    status = 507

    def __init__(self, kind: str, needs: int, limit: int) -> None:
        self.kind, self.needs, self.limit = kind, needs, limit
        super().__init__(
            f"{kind} needs {math.ceil(needs / MIB)} MB, and this machine may use {limit // MIB} MB.",
            "Use a larger machine, or raise MEMORY_LIMIT_MB if the limit is set too low.",
        )


class ModelError(HalfgigError):
    """Model weights are missing, damaged, or cannot be fetched."""

    exit_code, status, retryable = 6, 503, True


class LibraryError(HalfgigError):
    """The library file is damaged, not ours, in use, or cannot be written."""

    exit_code, status = 7, 503
