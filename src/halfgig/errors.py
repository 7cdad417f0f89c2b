"""The exception tree. Every error carries what happened, and a remedy the user can act on.

HalfgigError
  +- BadRequest        exit 2, 400: the call itself is wrong (an option, a setting, an exercise name)
  |    +- Unauthorized     401: no key, or not one of this server's
  |    +- Forbidden        403: an address that the server may not visit
  |    +- NotFound         404: no job, upload or source of this name
  |    +- Conflict         409: not in the state that it is in
  |    |    `- Locked      423: somebody else writes to it now
  |    +- WrongVersion     412: a version of a protocol that is not spoken here
  |    +- ChecksumMismatch 460: the bytes are not those that were sent
  |    `- UnsupportedMedia 415: a body or a format that is not taken
  +- Stalled           exit 5, 408: the client went silent
  +- Busy              exit 5, 429: too much at once; later it will do
  +- SourceError       exit 3, 422: the source cannot be read (missing, empty, not media, cut off)
  |    `- Unreachable      422: its server is away, slow or busy; later it may do
  +- MissingStream     exit 4, 422: the source can be read, but has no sound or no picture
  +- TooLarge          exit 5, 413: past a limit of the settings, or past what can be decoded safely
  |    +- DoesNotFit   exit 5, 507: the work needs more memory than this machine may use
  |    `- StorageFull  exit 5, 507: the disk, or the share of it that is allowed, is full
  +- ModelError        exit 6, 503: weights are missing, damaged, or cannot be fetched
  +- LibraryError      exit 7, 503: the library or the queue cannot be opened, read or written
  |    `- DatabaseAway      503: their Postgres cannot be reached, or is too busy; later it will do
  `- ServerTrouble     exit 8, 502: a server that was asked cannot be reached, broke off, or has a fault of its own
       `- ServerRefuses     502: it answers, and refuses: a wrong key, a quota that is used up, nothing of that name
"""

from __future__ import annotations

import math
import re
from typing import ClassVar

MIB = 1024 * 1024
PROBLEMS = "/problems"  # where a server lists the kinds of errors


def slug(kind: type[HalfgigError]) -> str:
    """The name of a kind in the type of a problem: `DoesNotFit` is does-not-fit; one from elsewhere has its base's."""
    ours = next(base for base in kind.__mro__ if base.__module__ == __name__)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", ours.__name__).lower()


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


class Unauthorized(BadRequest):
    """The request carries no API key, or one that is not this server's."""

    status = 401


class Forbidden(BadRequest):
    """The address may not be visited: it is not public, and nobody has allowed it."""

    status = 403


class NotFound(BadRequest):
    """No job, upload or source has this name."""

    status = 404


class Conflict(BadRequest):
    """What is asked for does not go with the state that things are in."""

    status = 409


class Locked(Conflict):
    """Somebody else writes to it now; in a moment it may be free."""

    status, retryable = 423, True


class WrongVersion(BadRequest):
    """The client speaks another version of the protocol."""

    status = 412


class ChecksumMismatch(BadRequest):
    """The bytes that came are not those that the client hashed. The status is the tus protocol's own."""

    status, retryable = 460, True


class UnsupportedMedia(BadRequest):
    """The body is of a kind that is not taken, or the answer is asked for in a form that there is not."""

    status = 415


class Stalled(HalfgigError):
    """The client sent nothing for too long."""

    exit_code, status, retryable = 5, 408, True


class Busy(HalfgigError):
    """Too much is asked for at once. `retry_after` is in seconds."""

    exit_code, status, retryable = 5, 429, True

    def __init__(self, detail: str, remedy: str = "", retry_after: float = 30.0) -> None:
        super().__init__(detail, remedy)
        self.retry_after = retry_after


class SourceError(HalfgigError):
    """The source is missing, empty, damaged beyond decoding, or no media at all."""

    exit_code, status = 3, 422


class Unreachable(SourceError):
    """The source's server does not answer, breaks off, or is busy."""

    retryable = True


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


class StorageFull(TooLarge):
    """The disk is full, or the share of it that uploads may take."""

    status = 507


class ModelError(HalfgigError):
    """Model weights are missing, damaged, or cannot be fetched."""

    exit_code, status, retryable = 6, 503, True


class LibraryError(HalfgigError):
    """The library file is damaged, not ours, in use, or cannot be written."""

    exit_code, status = 7, 503


class DatabaseAway(LibraryError):
    """The database cannot be reached, or takes nothing for now. Nothing was written; it may be tried again."""

    retryable = True


class ServerTrouble(HalfgigError):
    """A server that was asked cannot be reached, broke off, or has a fault of its own."""

    exit_code, status, retryable = 8, 502, True


class ServerRefuses(ServerTrouble):
    """A server that was asked on the user's behalf refuses: the key, the name or the quota is not right."""

    retryable = False


def kinds(root: type[HalfgigError] = HalfgigError) -> list[type[HalfgigError]]:
    """Every kind of error that a problem may name, the tree from its root down; what modules refine stays with them."""
    below = (kind for child in root.__subclasses__() for kind in kinds(child))
    return [kind for kind in (root, *below) if kind.__module__ == __name__]
