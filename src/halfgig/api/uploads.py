"""Resumable uploads: the routes of the tus protocol under /uploads, and an upload's facts as JSON."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from halfgig.api import tus
from halfgig.api.bodies import body_pieces, stated_length
from halfgig.api.schema import problems
from halfgig.api.turns import Turns
from halfgig.api.tus_schema import DESCRIBED
from halfgig.api.views import iso
from halfgig.errors import BadRequest, Conflict, NotFound, TooLarge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send

    from halfgig.api.storage import Ask
    from halfgig.api.turns import Turn
    from halfgig.records import Bytes, Seconds
    from halfgig.settings import Settings
    from halfgig.store.upload import Upload
    from halfgig.store.uploads import UploadStore

PATH = "/uploads"
ONE = PATH + "/{upload_id}"


async def unused(upload_id: str) -> bool:  # noqa: ARG001 - for a server without jobs
    """No job needs any upload."""
    return False


def router(
    uploads: UploadStore,
    settings: Settings,
    in_use: Callable[[str], Awaitable[bool]] = unused,
    ask: Ask = asyncio.to_thread,
) -> APIRouter:
    """The routes over `uploads`, which they `ask`. An upload that is `in_use` by a job is not deleted."""
    routes = UploadRoutes(uploads, settings.upload_stall_seconds, in_use, ask)
    made = APIRouter(route_class=TusRoute, tags=["uploads"], default_response_class=Response)
    for path, shown in ((PATH, True), (PATH + "/", False)):  # clients do not follow a redirect here
        _add(made, "OPTIONS", path, routes.options, shown=shown)
        _add(made, "POST", path, routes.create, shown=shown)
    _add(made, "OPTIONS", ONE, routes.options, operation_id="upload_options")
    _add(made, "HEAD", ONE, routes.head)
    _add(made, "GET", ONE, routes.facts)
    _add(made, "PATCH", ONE, routes.patch)
    _add(made, "DELETE", ONE, routes.delete)
    _add(made, "POST", ONE, routes.override, shown=False)
    return made


def _add(made: APIRouter, method: str, path: str, does: Callable[..., Any], *, shown: bool = True, **more: Any) -> None:
    told = DESCRIBED[method]
    made.add_api_route(
        path,
        does,
        methods=[method],
        status_code=told.status,
        summary=told.summary,
        responses=problems(*told.problems),
        response_class=JSONResponse if method == "GET" else Response,
        openapi_extra=told.openapi(),
        include_in_schema=shown,
        **more,
    )


class TusRoute(APIRoute):
    """A route whose every answer, errors included, says which version of the protocol is spoken."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the route does, with the protocol's own headers."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_spoken(message["status"])]
            await send(message)

        await super().handle(scope, receive, answer)


class UploadRoutes:
    """What each method of the protocol does. The store is called in threads, so that the event loop never waits."""

    def __init__(
        self, uploads: UploadStore, stall: Seconds, in_use: Callable[[str], Awaitable[bool]], ask: Ask
    ) -> None:
        self._uploads, self._stall, self._in_use, self._ask = uploads, stall, in_use, ask
        self._turns = Turns()

    async def options(self) -> Response:
        """What this server speaks, and the most it takes."""
        most = {} if self._uploads.limit is None else {"Tus-Max-Size": str(self._uploads.limit)}
        headers = {"Tus-Version": tus.VERSION, "Tus-Extension": tus.EXTENSIONS, **most}
        return Response(status_code=204, headers={**headers, "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS)})

    async def create(self, request: Request) -> Response:
        """Begin an upload of Upload-Length bytes (or Upload-Defer-Length: 1); the body may hold its first bytes."""
        tus.check_version(request.headers)
        metadata, length = tus.read_metadata(request.headers), tus.read_length(request.headers)
        brings_bytes = _brings_bytes(request)
        upload = await self._ask(
            self._uploads.create,
            metadata.get("filename") or metadata.get("name", ""),
            length,
            content_type=metadata.get("filetype", ""),
            metadata=metadata,
        )
        if brings_bytes:
            upload = await self._take_first(request, upload)
        location = f"{request.scope.get('root_path', '')}{PATH}/{upload.id}"
        return Response(status_code=201, headers={"Location": location, **tus.progress_headers(upload)})

    async def head(self, request: Request, upload_id: str) -> Response:
        """How many bytes are safe: go on from there."""
        tus.check_version(request.headers)
        await self._turns.settle(upload_id)
        return Response(headers=tus.facts_headers(await self._facts(upload_id)))

    async def facts(self, upload_id: str) -> dict[str, Any]:
        """What is known about an upload; times are ISO 8601."""
        upload = await self._facts(upload_id)
        return {**upload.as_json(), "created_at": iso(upload.created_at), "expires_at": iso(upload.expires_at)}

    async def patch(self, request: Request, upload_id: str) -> Response:
        """Append the body at Upload-Offset. Bytes with an Upload-Checksum count once it is right, others at once."""
        tus.check_version(request.headers)
        tus.check_content_type(request.headers)
        offset = tus.read_number(request.headers, "Upload-Offset")
        await self._facts(upload_id)
        async with self._turns.take(upload_id) as turn:
            await self._declare(request, upload_id)
            upload = await self._take_in(request, await self._facts(upload_id), offset, turn)
        return Response(status_code=204, headers=tus.progress_headers(upload))

    async def delete(self, request: Request, upload_id: str) -> Response:
        """Delete an upload, unless a job needs it."""
        tus.check_version(request.headers)
        await self._facts(upload_id)
        if await self._in_use(upload_id):
            raise Conflict("A job needs this upload.", "Wait until it has ended, or delete the job.")
        async with self._turns.take(upload_id):
            await self._ask(self._uploads.remove, upload_id)
        return Response(status_code=204)

    async def override(self, request: Request, upload_id: str) -> Response:
        """The method of X-HTTP-Method-Override, for clients that may send no other than POST."""
        methods = {"PATCH": self.patch, "DELETE": self.delete, "HEAD": self.head}
        method = methods.get(request.headers.get("x-http-method-override", "").upper())
        if method is None:
            raise BadRequest("POST has no meaning here.", "Send PATCH, or X-HTTP-Method-Override: PATCH.")
        return await method(request, upload_id)

    async def _facts(self, upload_id: str) -> Upload:
        return await self._ask(self._uploads.facts, upload_id)

    async def _declare(self, request: Request, upload_id: str) -> None:
        if "upload-length" in request.headers:
            length = tus.read_number(request.headers, "Upload-Length")
            await self._ask(self._uploads.declare, upload_id, length)

    async def _take_first(self, request: Request, upload: Upload) -> Upload:
        """The bytes that come with the creation; its client cannot know of an upload whose creation is refused."""
        try:
            async with self._turns.take(upload.id) as turn:
                return await self._take_in(request, upload, 0, turn)
        except BaseException:
            with suppress(NotFound):
                await self._ask(self._uploads.remove, upload.id)
            raise

    async def _take_in(self, request: Request, upload: Upload, offset: Bytes, turn: Turn) -> Upload:
        """Put the body's bytes on disk as they come; the upload as it is then recorded."""
        checksum = tus.read_checksum(request.headers)
        _refuse_too_many(stated_length(request.headers), upload)
        digest = checksum.digest if checksum else None
        writer = await self._ask(
            self._uploads.append, upload.id, offset, digest=digest, provisional=checksum is not None
        )
        try:
            async for piece in body_pieces(request, self._stall, turn):
                await self._ask(writer.append, piece)
            if checksum:
                checksum.check()
                await self._ask(writer.commit)
        finally:
            await self._ask(writer.close)
        return writer.upload


def _spoken(status: int) -> list[tuple[bytes, bytes]]:
    version = tus.VERSION.encode()
    return [(b"tus-resumable", version), *([(b"tus-version", version)] if status == 412 else [])]


def _brings_bytes(request: Request) -> bool:
    """Whether a creation has a body; UnsupportedMedia where it is not sent as the protocol says."""
    if stated_length(request.headers) or "transfer-encoding" in request.headers:
        tus.check_content_type(request.headers)
        return True
    return False


def _refuse_too_many(coming: Bytes | None, upload: Upload) -> None:
    """TooLarge before anything is read, where the body is longer than what the upload still wants."""
    if coming and upload.length is not None and coming > upload.length - upload.offset:
        raise TooLarge("The body is longer than the rest of the upload.", "Ask for the offset with HEAD.")
