"""What OpenAPI says of the tus protocol: for each method its headers, its body and its problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from halfgig.api.tus import CONTENT_TYPE, VERSION

_NUMBER = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_TEXT = {"type": "string", "maxLength": 8192}
HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "Tus-Resumable": ({"type": "string", "const": VERSION}, "the version of the protocol"),
    "Upload-Length": (_NUMBER, "bytes of the whole file"),
    "Upload-Defer-Length": ({"type": "string", "const": "1"}, "the length will be told later"),
    "Upload-Metadata": (_TEXT, "filename BASE64,filetype BASE64"),
    "Upload-Offset": (_NUMBER, "where these bytes begin: where the upload ends"),
    "Upload-Checksum": (_TEXT, "sha256 BASE64 of the bytes of this request"),
}
NEEDED = frozenset({"Tus-Resumable", "Upload-Offset"})


@dataclass(frozen=True, slots=True)
class Described:
    """One method: what it is for, its good status, the headers that it reads, its problems, whether it has a body."""

    summary: str
    status: int
    headers: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()
    body: bool = False

    def openapi(self) -> dict[str, Any]:
        """The members of an OpenAPI operation."""
        told: dict[str, Any] = {"parameters": [_parameter(name) for name in self.headers]}
        if self.body:
            bytes_of_it = {"schema": {"type": "string", "format": "binary"}}
            told["requestBody"] = {"content": {CONTENT_TYPE: bytes_of_it}}
        return told


DESCRIBED = {
    "OPTIONS": Described("What the server speaks of tus", 204),
    "POST": Described(
        "Begin an upload",
        201,
        ("Tus-Resumable", "Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Checksum"),
        (404, 408, 409, 412, 413, 415, 423, 460, 507),
        body=True,
    ),
    "HEAD": Described("How much of an upload is here", 200, ("Tus-Resumable",), (404, 412)),
    "GET": Described("Show an upload", 200, (), (404,)),
    "PATCH": Described(
        "Go on with an upload",
        204,
        ("Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Checksum"),
        (404, 408, 409, 412, 413, 415, 423, 460, 507),
        body=True,
    ),
    "DELETE": Described("Delete an upload", 204, ("Tus-Resumable",), (404, 409, 412, 423)),
}


def _parameter(name: str) -> dict[str, Any]:
    schema, meaning = HEADERS[name]
    return {"name": name, "in": "header", "required": name in NEEDED, "schema": schema, "description": meaning}
