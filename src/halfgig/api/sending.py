"""Sending a file: whole or a range of it after RFC 9110, a block at a time, or not at all to a client that has it."""

from __future__ import annotations

import logging
import os
import re
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from starlette.responses import Response, StreamingResponse

from halfgig.api.problems import plain_problem, problem_response
from halfgig.api.services import services_of
from halfgig.errors import HalfgigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from halfgig.api.storage import Ask
    from halfgig.records import Bytes
    from halfgig.store.blob_file import BlobFile

log = logging.getLogger("halfgig.api")

BLOCK = 128 * 1024  # bytes that are held of a file that is being sent
HEAD = 64  # bytes that tell what kind of media it is
UNKNOWN = "application/octet-stream"
# A browser may keep it, but shows it to none whom the server would refuse, and nothing that was deleted or made anew.
ASK_EACH_TIME = "private, no-cache"
# What a client called its file is not believed: a page that is sent as one of ours could do what ours can.
_SIGNS = (
    (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
    (re.compile(rb"\x1aE\xdf\xa3"), "video/webm"),
    (re.compile(rb"OggS"), "video/ogg"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"RIFF....AVI ", re.DOTALL), "video/x-msvideo"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]"), "audio/mpeg"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), "audio/aac"),
    (re.compile(rb"FLV\x01"), "video/x-flv"),
    (re.compile(rb"\x00\x00\x01\xba"), "video/mpeg"),
    (re.compile(rb"G"), "video/mp2t"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file from `first` up to, and without, `end`."""

    first: Bytes
    end: Bytes


class Unsatisfiable(Exception):
    """The range lies past the end of the file."""


def read_range(text: str, size: Bytes) -> Span | None:
    """The range that a header Range asks for; None where the whole is to be sent: it asks for none, for several, or is
    written wrong. Raises Unsatisfiable.
    """
    found = re.fullmatch(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", text.strip(), re.IGNORECASE | re.ASCII)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        span = Span(max(0, size - int(last)), size)
    elif last and int(last) < int(first):
        return None
    else:
        span = Span(int(first), min(int(last) + 1, size) if last else size)
    if span.first >= size or span.first == span.end:
        raise Unsatisfiable
    return span


def media_type(head: bytes) -> str:
    """The kind of media, by how a file begins."""
    return next((kind for sign, kind in _SIGNS if sign.match(head)), UNKNOWN)


async def send_file(
    request: Request,
    kept: Path | BlobFile,
    tag: str = "",
    headers: dict[str, str] | None = None,
    kind: str | None = None,
) -> Response:
    """The file, or the range of it that is asked for; 304 where the client has it, 416 for a range past its end.

    `tag` is a strong one of its content, quoted; without one it is made of its length and the time of its last change.
    `headers` are sent besides; `kind` is its media type where that is known, else its first bytes tell.
    Whatever takes the file's place meanwhile, all of the answer is of one. Raises OSError where it cannot be read,
    and errors of the storage that it is in.
    """
    ask = services_of(request).storage.ask
    opened = await ask(_open, kept)
    about = {**(headers or {}), "Content-Type": kind or media_type(opened.head)}
    answer = _answer(request, opened, tag or opened.version, about, ask)
    if not isinstance(answer, StreamingResponse):
        opened.file.close()
    return answer


def has_already(given: str, tag: str) -> bool:
    """Does If-None-Match name the tag? Compared weakly, as that header wants it."""
    opaque = tag.removeprefix("W/")
    return any(one.strip().removeprefix("W/") in {opaque, "*"} for one in given.split(","))


class Readable(Protocol):
    """What is sent: `read_at` gives so many bytes from a place on, fewer where that is easier, none at the end."""

    def read_at(self, first: Bytes, size: Bytes, /) -> bytes:
        """Raises OSError, and errors of a storage."""

    def close(self) -> None:
        """Let it go."""


class _File(FileIO):
    def read_at(self, first: Bytes, size: Bytes) -> bytes:
        return os.pread(self.fileno(), size, first)


@dataclass(frozen=True, slots=True)
class _Opened:
    file: Readable
    size: Bytes
    version: str
    head: bytes


def _open(kept: Path | BlobFile) -> _Opened:
    if isinstance(kept, Path):
        file = _File(kept)
        told = os.fstat(file.fileno())
        return _Opened(file, told.st_size, f'"{told.st_mtime_ns:x}-{told.st_size:x}"', file.read_at(0, HEAD))
    stream = kept.open()
    return _Opened(stream, kept.size, f'"{kept.version}"', stream.read_at(0, HEAD))


def _answer(request: Request, opened: _Opened, tag: str, about: dict[str, str], ask: Ask) -> Response:
    size, told = opened.size, {"Cache-Control": ASK_EACH_TIME, "ETag": tag, "Accept-Ranges": "bytes"}
    if has_already(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=told)
    try:
        span = _wanted(request, size, tag)
    except Unsatisfiable:
        body = plain_problem(416, f"The file has {size} bytes.", "Ask for a range within them.")
        return problem_response(request.scope, body, {"Content-Range": f"bytes */{size}"})
    if span is not None:
        told["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{size}"
    status, span = (200, Span(0, size)) if span is None else (206, span)
    told |= {"Content-Length": str(span.end - span.first), **about}
    if request.method == "HEAD":
        return Response(status_code=status, headers=told)
    return StreamingResponse(_blocks(opened.file, span, ask), status, told)


def _wanted(request: Request, size: Bytes, tag: str) -> Span | None:
    """The range, unless it was meant for another content than this."""
    if request.headers.get("if-range", tag) != tag:
        return None
    return read_range(request.headers.get("range", ""), size)


async def _blocks(file: Readable, span: Span, ask: Ask) -> AsyncIterator[bytes]:
    with closing(file):
        at = span.first
        while at < span.end:
            block = await ask(_read, file, at, min(BLOCK, span.end - at))
            if not block:
                return  # it was cut short: the connection ends before its length, and the client knows
            at += len(block)
            yield block


def _read(file: Readable, at: Bytes, size: Bytes) -> bytes:
    """The next bytes; none where the storage has lost them, or gives them no more."""
    try:
        return file.read_at(at, size)
    except (HalfgigError, OSError) as error:
        log.warning("what is being sent cannot be read on: %s", error)
        return b""
