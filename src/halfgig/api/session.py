"""Routes of the session: a key is given once, and a cookie that no script can read stands for it from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from halfgig.api.auth import COOKIE, SESSION, address_of, refusal_of_page, sent_key
from halfgig.api.schema import problems
from halfgig.api.sessions import LIFE

if TYPE_CHECKING:
    from halfgig.api.auth import Gate
    from halfgig.api.sessions import Sessions

MOST_KEY = 512  # characters


class SessionView(BaseModel):
    """Whether the server wants a key, and whether the browser has given it."""

    required: bool
    signed_in: bool = Field(description="true where no key is required, too")
    may_change: bool = Field(description="false for a key that may only look")


class SignIn(BaseModel):
    """A key of the server."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(min_length=1, max_length=MOST_KEY)]


def router(gate: Gate, sessions: Sessions) -> APIRouter:
    """The routes, over who may pass and what tokens are given out."""
    routes, made = SessionRoutes(gate, sessions), APIRouter(tags=["session"])
    made.add_api_route(SESSION, routes.show, response_model=SessionView, summary="Is a key needed, and given?")
    made.add_api_route(
        SESSION, routes.begin, methods=["POST"], response_model=SessionView, summary="Sign in", responses=problems(403)
    )
    made.add_api_route(
        SESSION, routes.end, methods=["DELETE"], status_code=204, summary="Sign out", responses=problems(403)
    )
    return made


class SessionRoutes:
    """What each route does."""

    def __init__(self, gate: Gate, sessions: Sessions) -> None:
        self._gate, self._sessions = gate, sessions

    async def show(self, request: Request) -> Any:
        """Whether a key must be given, and whether it has been: by the cookie, or with the request."""
        required = bool(self._gate.hashes)
        key = sent_key(request.headers)
        by_key = bool(key) and required and self._gate.refusal(key, address_of(request.scope)) is None
        signed_in = not required or by_key or self._is_signed_in(request)
        may_change = signed_in and self._gate.may_change(request.scope)
        return SessionView(required=required, signed_in=signed_in, may_change=may_change)

    async def begin(self, wish: SignIn, request: Request, response: Response) -> Any:
        """Give a key of the server; the answer sets a cookie that stands for it for a week, or until it is taken away.

        401 for a wrong key, and 429 after too many.
        """
        _refuse_foreign(request)
        if not self._gate.hashes:
            return SessionView(required=False, signed_in=True, may_change=True)
        refusal = self._gate.refusal(wish.key, address_of(request.scope))
        if refusal is not None:
            raise refusal
        token, secure = self._sessions.begin(wish.key), request.url.scheme == "https"
        response.set_cookie(COOKIE, token, max_age=int(LIFE), secure=secure, httponly=True, samesite="strict")
        return SessionView(required=True, signed_in=True, may_change=self._gate.may_do_more(wish.key))

    async def end(self, request: Request, response: Response) -> None:
        """Take the cookie away."""
        _refuse_foreign(request)
        response.delete_cookie(COOKIE, secure=request.url.scheme == "https", httponly=True, samesite="strict")

    def _is_signed_in(self, request: Request) -> bool:
        return self._gate.is_signed_in(request.scope)


def _refuse_foreign(request: Request) -> None:
    """Forbidden for a page of another origin; a program that names none may come."""
    if "origin" in request.headers and (refusal := refusal_of_page(request.scope)) is not None:
        raise refusal
