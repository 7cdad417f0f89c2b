"""Sending a file: whole or a range of it after RFC 9110, a block at a time, and what kind of media it is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from halfgig.api.problems import plain_problem, problem_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

    from halfgig.records import Bytes

BLOCK = 128 * 1024  # bytes that are held of a file that is being sent
HEAD = 64  # bytes that tell what kind of media it is
UNKNOWN = "application/octet-stream"
# What a client called its file is not believed: a page that is sent as one of ours could do what ours can.
_SIGNS = (
    (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
    (re.compile(rb"\x1aE\xdf\xa3"), "video/webm"),
    (re.compile(rb"OggS"), "video/ogg"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"RIFF....AVI ", re.DOTALL), "video/x-msvideo"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]"), "audio/mpeg"),
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


async def send_file(request: Request, path: Path, tag: str, headers: dict[str, str]) -> Response:
    """The file, or the range of it that is asked for; 304 where the client has it, 416 for a range past its end.

    `tag` is a strong one of its content, quoted. Raises OSError where the file cannot be read.
    """
    size, head = await run_in_threadpool(_look, path)
    told = {**headers, "ETag": tag, "Accept-Ranges": "bytes"}
    if tag in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=told)
    try:
        span = _wanted(request, size, tag)
    except Unsatisfiable:
        body = plain_problem(416, f"The file has {size} bytes.", "Ask for a range within them.")
        return problem_response(request.scope, body, {"Content-Range": f"bytes */{size}"})
    if span is not None:
        told["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{size}"
    status, span = (200, Span(0, size)) if span is None else (206, span)
    told |= {"Content-Length": str(span.end - span.first), "Content-Type": media_type(head)}
    if request.method == "HEAD":
        return Response(status_code=status, headers=told)
    return StreamingResponse(_blocks(path, span), status, told)


def _wanted(request: Request, size: Bytes, tag: str) -> Span | None:
    """The range, unless it was meant for another content than this."""
    if request.headers.get("if-range", tag) != tag:
        return None
    return read_range(request.headers.get("range", ""), size)


def _look(path: Path) -> tuple[Bytes, bytes]:
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_size, file.read(HEAD)


async def _blocks(path: Path, span: Span) -> AsyncIterator[bytes]:
    file = await run_in_threadpool(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        at = span.first
        while at < span.end:
            block = await run_in_threadpool(os.pread, file, min(BLOCK, span.end - at), at)
            if not block:
                return  # it was cut short: the connection ends before its length, and the client knows
            at += len(block)
            yield block
    finally:
        os.close(file)
