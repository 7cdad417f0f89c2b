"""A server of uploads alone, to measure and to kill: `python -m benchmarks.upload_server FOLDER PORT`.

It is configured by the same settings as `halfgig serve`. It tells on standard output when it listens.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI, Request

from halfgig.api.forms import FormLimits, receive_form
from halfgig.api.lingering import Lingering
from halfgig.api.problems import add_handlers
from halfgig.api.protocol import BoundedProtocol
from halfgig.api.uploads import router
from halfgig.errors import MIB
from halfgig.settings import Settings
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def app(uploads: UploadStore, settings: Settings) -> FastAPI:
    """tus under /uploads, and POST /forms, which answers with the form's fields and the facts of its upload."""
    made = FastAPI()
    made.include_router(router(uploads, settings))
    add_handlers(made)
    made.add_middleware(Lingering)

    @made.post("/forms")
    async def forms(request: Request) -> dict[str, Any]:
        form = await receive_form(request, uploads, FormLimits(stall=settings.upload_stall_seconds))
        return {"fields": form.fields, "upload": form.upload.as_json() if form.upload else None}

    return made


def store(folder: Path, settings: Settings) -> UploadStore:
    return UploadStore(
        folder,
        None if settings.disk_quota_mb is None else int(settings.disk_quota_mb * MIB),
        limit=None if settings.max_file_size_mb is None else int(settings.max_file_size_mb * MIB),
        expiry=settings.upload_expiry_seconds,
    )


class Server(uvicorn.Server):
    """Tells when it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        print(f"listening on {self.servers[0].sockets[0].getsockname()[1]}", flush=True)


def main() -> None:
    settings = Settings.from_environment()
    asgi: ASGIApp = app(store(Path(sys.argv[1]), settings), settings)
    config = uvicorn.Config(asgi, port=int(sys.argv[2]), http=BoundedProtocol, log_level="warning", access_log=False)
    asyncio.run(Server(config).serve())


if __name__ == "__main__":
    main()
