"""Problems: every error as RFC 9457 `application/problem+json`, with a remedy and the id of its request."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from halfgig.errors import PROBLEMS, Busy, DoesNotFit, HalfgigError, slug

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

log = logging.getLogger("halfgig.api")

MEDIA_TYPE = "application/problem+json"
BLANK = "about:blank"  # the status says it all
PAGE = PROBLEMS
RETRY_AFTER = 30  # seconds, where the error names none
MOST_ERRORS = 20  # wrong fields that are told
POLICY_VIOLATION, INTERNAL_ERROR, TRY_AGAIN_LATER = 1008, 1011, 1013  # with which a WebSocket is closed
MOST_REASON = 123  # bytes

REMEDIES = {
    401: "Send a key of this server: Authorization: Bearer KEY.",
    404: "The addresses that there are stand in /docs.",
    405: "The header Allow names the methods of this address; see /docs.",
    500: "This is a fault of the server. Its log tells more under the request id.",
}


def problem(error: HalfgigError) -> dict[str, Any]:
    """The body for an error of ours; its type is its kind, as `/problems` lists them."""
    body = plain_problem(error.status, error.detail, error.remedy, type=f"{PAGE}#{slug(type(error))}")
    if isinstance(error, DoesNotFit):
        body |= {"needs_bytes": error.needs, "limit_bytes": error.limit}
    return body


def plain_problem(status: int, detail: str, remedy: str = "", *, type: str = BLANK, **facts: Any) -> dict[str, Any]:
    """The body of a problem that only its status names, or one of another `type`; `facts` are further members."""
    title = phrase(status)
    return {"type": type, "title": title, "status": status, "detail": detail, "remedy": remedy, **facts}


def phrase(status: int) -> str:
    """The name of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


class ProblemResponse(JSONResponse):
    """A problem as the answer to a request; a WebSocket is opened to tell it, and closed for it."""

    def __init__(self, body: dict[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(body, body["status"], headers, MEDIA_TYPE)
        self._told = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if scope["type"] != "websocket":
            await super().__call__(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": json.dumps({"problem": self._told})})
        await send({"type": "websocket.close", **farewell(self._told)})


def farewell(body: Mapping[str, Any]) -> dict[str, Any]:
    """The code and the reason with which a WebSocket is closed for a problem."""
    status = body["status"]
    code = TRY_AGAIN_LATER if status in {429, 503, 507} else POLICY_VIOLATION if status < 500 else INTERNAL_ERROR
    return {"code": code, "reason": body["detail"].encode()[:MOST_REASON].decode(errors="ignore")}


def problem_response(scope: Scope, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> ProblemResponse:
    """The answer to a request that failed."""
    told = {**body, "request_id": scope.get("state", {}).get("request_id", "")}
    held = dict(headers or {})
    if body["status"] in {429, 503}:
        held.setdefault("Retry-After", str(RETRY_AFTER))
    return ProblemResponse(told, held)


def error_response(scope: Scope, error: HalfgigError) -> ProblemResponse:
    """The answer for an error of ours, logged where the fault is not the client's."""
    if error.status >= 500:
        log.warning("problem", extra={"facts": {"status": error.status, "detail": error.detail}})
    headers = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="halfgig"'
    return problem_response(scope, problem(error), headers)


def crash_response(scope: Scope) -> ProblemResponse:
    """The answer where something failed that nobody foresaw: nothing of it but the request id is told."""
    return problem_response(scope, plain_problem(500, "Something went wrong in the server.", REMEDIES[500]))


def add_handlers(app: FastAPI) -> None:
    """Have every error that a route or the framework raises answered as a problem."""
    app.add_exception_handler(HalfgigError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _frameworks)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HalfgigError)
    return error_response(request.scope, error)


async def _frameworks(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if detail == phrase(error.status_code):
        detail = f"{request.method} {request.url.path}: {detail.lower()}."
    body = plain_problem(error.status_code, detail, REMEDIES.get(error.status_code, ""))
    return problem_response(request.scope, body, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [wrong_field(entry) for entry in error.errors()[:MOST_ERRORS]]
    detail = "; ".join(f"{entry['field']}: {entry['message']}" for entry in wrong[:3]) + "."
    remedy = "Correct the fields named in errors; /docs tells what each may hold."
    return problem_response(request.scope, plain_problem(422, detail, remedy, errors=wrong))


def wrong_field(entry: Mapping[str, Any]) -> dict[str, str]:
    """One wrong field: its name, as `body.source.url`, and why. What was sent is not repeated: it may be secret."""
    place = ".".join(str(part) for part in entry.get("loc", ()))
    return {"field": place[:200], "message": str(entry.get("msg", "is wrong"))[:200]}
