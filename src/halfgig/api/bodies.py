"""The body of a request as it arrives, piece by piece, and what ends it too soon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from halfgig.errors import MIB, BadRequest, Locked, Stalled
from halfgig.memory.allocator import trim

if TYPE_CHECKING:
    from asyncio import BaseTransport
    from collections.abc import AsyncIterator, Mapping

    from fastapi import Request

    from halfgig.api.turns import Turn
    from halfgig.records import Bytes, Seconds

READ: Bytes = 64 * 1024  # from a socket at a time; asyncio's own 256 KiB, held twice, are much for many uploads at once
MUCH: Bytes = MIB  # of a body, after which the allocator is asked to give back what the pieces left free


def read_little(transport: BaseTransport) -> None:
    """Have a connection's transport read `READ` bytes at a time. For a protocol's `connection_made`."""
    transport.max_size = READ  # type: ignore[attr-defined]


async def body_pieces(request: Request, stall: Seconds, turn: Turn | None = None) -> AsyncIterator[bytes]:
    """Yield the pieces of the body; none is held. Errors, each after the pieces that did come:

    BadRequest where the connection breaks off, Stalled where nothing comes for `stall` seconds, Locked where `turn`
    is wanted by somebody else.
    """
    stream, size = request.stream(), 0
    try:
        while piece := await _next(stream, stall, turn):
            size += len(piece)
            yield piece
    finally:
        if size >= MUCH:
            trim()


async def _next(stream: AsyncIterator[bytes], stall: Seconds, turn: Turn | None) -> bytes:
    try:
        async with asyncio.timeout(stall) as alarm:
            if turn:
                turn.listen(alarm)
            return await anext(stream, b"")
    except ClientDisconnect:
        raise BadRequest("The connection broke off.", "Send the rest, or send it again.") from None
    except TimeoutError:
        if turn and turn.wanted:
            raise Locked("A newer request goes on with this upload.", "Ask for the offset with HEAD.") from None
        raise Stalled(f"Nothing came for {stall:g} seconds.", "Send the rest, or send it again.") from None
    finally:
        if turn:
            turn.busy()


def stated_length(headers: Mapping[str, str]) -> Bytes | None:
    """How long a body is by the headers of its request; None where that is not told."""
    stated = headers.get("content-length", "")
    return int(stated) if stated.isdecimal() else None
