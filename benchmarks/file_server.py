"""A web server for the files of one folder: what a URL job reads from.

`/ranges/NUMBER/NAME` is the file NAME with another validator for each NUMBER, so that it counts as other content;
`/whole/NUMBER/NAME` is the same from a server that knows no ranges.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from benchmarks.serving import answering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.records import Bytes

PIECE: Bytes = 1 << 18


class Files(BaseHTTPRequestHandler):
    """Serves whole files and single ranges of `folder`."""

    protocol_version = "HTTP/1.1"

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type] # what the server gives

    def do_HEAD(self) -> None:
        """The head of the answer."""
        self._answer()

    def do_GET(self) -> None:
        """The whole file, or the range that is asked for."""
        span = self._answer()
        if span is None:
            return
        path, start, end = span
        with path.open("rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(PIECE, end - start))):
                self.wfile.write(piece)
                start += len(piece)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self) -> tuple[Path, Bytes, Bytes] | None:
        asked = re.fullmatch(r"/(ranges|whole)/(\d+)/([\w-]+\.\w+)", self.path)
        path = self._folder / asked[3] if asked else self._folder
        if asked is None or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        ranges, size = asked[1] == "ranges", path.stat().st_size
        span = asked_range(self.headers.get("Range", ""), size) if ranges else None
        start, end = span or (0, size)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if span else HTTPStatus.OK)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Accept-Ranges", "bytes" if ranges else "none")
        self.send_header("ETag", f'"{asked[2]}-{size}"')
        self.send_header("Content-Length", str(end - start))
        if span:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.end_headers()
        return path, start, end


class Server(ThreadingHTTPServer):
    """One that does not mind who leaves in the middle of an answer."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


def asked_range(header: str, size: Bytes) -> tuple[Bytes, Bytes] | None:
    """(start, end) of `bytes=START-[LAST]`; None where it asks for nothing that is there."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", header.strip())
    if asked is None:
        return None
    start, end = int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size
    return (start, end) if start < end else None


@contextmanager
def serving(folder: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of a server of the folder's files on `host`, as long as the block lasts."""
    with answering(Server((host, 0), partial(Files, folder))) as address:
        yield address
