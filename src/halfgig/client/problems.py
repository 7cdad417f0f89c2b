"""The problems that a server answers with, as the errors that they were there."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from halfgig import again
from halfgig.errors import (
    BadRequest,
    Busy,
    Conflict,
    DoesNotFit,
    Forbidden,
    HalfgigError,
    Locked,
    ModelError,
    NotFound,
    ServerTrouble,
    SourceError,
    Stalled,
    StorageFull,
    TooLarge,
    Unauthorized,
    UnsupportedMedia,
    kinds,
    slug,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TEXT = 500  # characters of a detail or a remedy
# By the fragment of a problem's type; where it is of no kind, the fault is the server's trouble.
NAMED = {slug(kind): kind for kind in kinds() if kind is not HalfgigError}
BY_STATUS: dict[int, type[HalfgigError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: Stalled,
    409: Conflict,
    413: TooLarge,
    415: UnsupportedMedia,
    423: Locked,
    429: Busy,
    503: Busy,
    507: StorageFull,
}
OF_JOBS = {**BY_STATUS, 422: SourceError, 503: ModelError, 413: TooLarge}  # where the work failed, not the request
UNTOLD = 5.0  # seconds until a busy server is asked again that does not say when
REMEDIES: dict[type[HalfgigError], str] = {
    Unauthorized: "Set HALFGIG_API_KEY to a key of that server.",
    NotFound: "Check that the address is that of a halfgig server.",
    Busy: "Try again in a moment.",
    TooLarge: "Ask whoever runs the server for its limits; a proxy before it may have its own.",
    ServerTrouble: "Try again, or look into the log of the server.",
}


def answered_problem(status: int, body: bytes, *, location: str = "", retry_after: str = "") -> HalfgigError:
    """The error that an answer of status 300 or more means, whoever wrote it: halfgig, or a proxy before it.

    `location` and `retry_after` are the headers of these names.
    """
    if status < 400:
        place = _text(location) or "another address"
        return BadRequest(f"The server sends on to {place}.", "Give the address that it has now.")
    error = problem_error(_members(body), _kind_of(status, BY_STATUS), status)
    if isinstance(error, Busy):
        wait = again.retry_after(retry_after)
        error.retry_after = UNTOLD if wait is None else wait
    return error


def job_problem(problem: Mapping[str, Any]) -> HalfgigError:
    """The error for which a job was given up."""
    status = problem.get("status")
    code = status if isinstance(status, int) else 500
    return problem_error(problem, OF_JOBS.get(code, HalfgigError), code)


def problem_error(body: Mapping[str, Any], otherwise: type[HalfgigError], status: int) -> HalfgigError:
    """The error that a problem's members tell: of the kind that its type names, else of the kind `otherwise`."""
    kind = NAMED.get(str(body.get("type", "")).rpartition("#")[2], otherwise)
    error = kind.__new__(kind)  # kinds are made from different facts; what they have in common is told
    detail = _text(body.get("detail")) or f"The server answered {status} {_phrase(status)}."
    HalfgigError.__init__(error, detail, _text(body.get("remedy")) or REMEDIES.get(kind, ""))
    if isinstance(error, Busy):
        error.retry_after = 0.0
    if isinstance(error, DoesNotFit):
        error.needs, error.limit = _count(body.get("needs_bytes")), _count(body.get("limit_bytes"))
    return error


def _kind_of(status: int, kinds: Mapping[int, type[HalfgigError]]) -> type[HalfgigError]:
    return kinds.get(status, BadRequest if status < 500 else ServerTrouble)


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _text(value: Any) -> str:
    return " ".join(value.split())[:MOST_TEXT] if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
