"""The OpenAPI schema: what FastAPI derives from the routes, with the problems that each may answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from halfgig.api.auth import COOKIE, is_open
from halfgig.api.problems import MEDIA_TYPE, phrase
from halfgig.api.wishes import definitions

if TYPE_CHECKING:
    from fastapi import FastAPI

EVERYWHERE = (400, 401, 403, 421, 422, 429, 500, 503)  # what any route may answer: the layers before it do
WITH_BODY = (408, 413, 415)
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of API_KEYS, where any is set."},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same, in a header of its own.",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "A session of the page."},
}


class WrongField(BaseModel):
    """A field of the request that is wrong, and why."""

    field: str = Field(examples=["body.kind"])
    message: str


class Problem(BaseModel):
    """What went wrong, after RFC 9457, and what can be done about it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="about:blank, or the kind of problem, as /problems lists them")
    title: str = Field(description="The name of the status")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What happened, in a sentence")
    remedy: str = Field(description="What to do about it")
    request_id: str = Field(description="Under which the server's log tells more; also in the header X-Request-ID")
    errors: list[WrongField] = Field(default=[], description="The fields that are wrong, with status 422")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer these problems, besides those that any route may answer."""
    return {status: described(status) for status in statuses}


def described(status: int) -> dict[str, Any]:
    """The description of one problem response."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": phrase(status), "content": {MEDIA_TYPE: {"schema": schema}}}


def openapi(app: FastAPI) -> dict[str, Any]:
    """The schema of the app, made once, when it is first asked for."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        _complete(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _complete(schema: dict[str, Any]) -> None:
    models = schema.setdefault("components", {}).setdefault("schemas", {})
    models |= _definitions() | definitions()
    for unused in ("HTTPValidationError", "ValidationError"):
        models.pop(unused, None)
    schema["components"]["securitySchemes"] = SECURITY
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                _complete_operation(path, item[method])


def _complete_operation(path: str, operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    for status in (*EVERYWHERE, *(WITH_BODY if "requestBody" in operation else ())):
        if str(status) not in responses or status == 422:
            responses[str(status)] = described(status)
    if not is_open(path):
        operation["security"] = [{}, {"bearer": []}, {"header": []}, {"session": []}]


def _definitions() -> dict[str, Any]:
    made = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**made.pop("$defs"), "Problem": made}
