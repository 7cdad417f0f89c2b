"""Routes of the page: / for a browser, and the static files that belong to it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from halfgig.api.assets import Asset, Assets
from halfgig.api.index import Index, shown_index
from halfgig.api.sending import has_already
from halfgig.errors import NotFound

FILES = "/page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
PERMISSIONS = "camera=(self), microphone=(), geolocation=()"
ASK_AGAIN = "no-cache"  # it may be kept, and is asked for with its tag
FOR_GOOD = "public, max-age=31536000, immutable"
HTML: dict[int | str, Any] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}


def router(assets: Assets) -> APIRouter:
    """The routes over the files in `assets`."""
    routes, made = PageRoutes(assets), APIRouter(tags=["about"])
    made.add_api_route(
        "/", routes.index, response_model=Index, responses={**HTML}, summary="The page, or where everything is"
    )
    made.add_api_route("/", routes.index, methods=["HEAD"], include_in_schema=False)
    made.add_api_route(f"{FILES}/{{name:path}}", routes.file, methods=["GET", "HEAD"], include_in_schema=False)
    return made


class PageRoutes:
    """What each route does. Files are read on a thread, so that the event loop never waits for the disk."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def index(self, request: Request, accept: Annotated[str, Header(max_length=1000)] = "*/*") -> Any:
        """The page where the header Accept names text/html, as browsers do; else the addresses to go on from."""
        if "text/html" not in accept.lower():
            return shown_index()
        asset = await run_in_threadpool(self._assets.index)
        policies = {"Content-Security-Policy": POLICY, "Permissions-Policy": PERMISSIONS}
        headers = {**policies, "Cache-Control": ASK_AGAIN, "Vary": "Accept, Accept-Encoding"}
        return answer(request, asset, headers)

    async def file(self, request: Request, name: str) -> Response:
        """A file of the page, by its name or by @RELEASE/name: then it may be kept for good."""
        release, plain = release_and_name(name)
        asset = await run_in_threadpool(self._assets.find, plain)
        if asset is None:
            raise NotFound("The page has no such file.", "Load the page again: it may have been replaced.")
        keep = release is not None and release == await run_in_threadpool(self._assets.release)
        return answer(request, asset, {"Cache-Control": FOR_GOOD if keep else ASK_AGAIN, "Vary": "Accept-Encoding"})


def release_and_name(name: str) -> tuple[str | None, str]:
    """The release in the name of a file, if it has one, and the name without it."""
    if not name.startswith("@"):
        return None, name
    release, _, plain = name[1:].partition("/")
    return release, plain


def answer(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    """The file, in the encoding that the client takes; 304 where the client has it already."""
    told = {**headers, "ETag": asset.tag}
    if has_already(request.headers.get("if-none-match", ""), asset.tag):
        return Response(status_code=304, headers=told)
    if asset.packed and takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(asset.body, headers={**told, "Content-Encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.plain(), headers=told, media_type=asset.media_type)


def takes_gzip(accept: str) -> bool:
    """Does Accept-Encoding allow gzip?"""
    wanted = (entry.lower().replace(" ", "").partition(";q=") for entry in accept.split(","))
    return any(name == "gzip" and (not quality or quality.strip("0.")) for name, _, quality in wanted)
