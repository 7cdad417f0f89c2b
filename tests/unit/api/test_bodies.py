"""How much of a socket is read at a time, on a real loop."""

from __future__ import annotations

import asyncio
import socket

from halfgig.api.bodies import READ, read_little


class Counting(asyncio.Protocol):
    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        read_little(transport)

    def data_received(self, data: bytes) -> None:
        self.sizes.append(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


async def receive(size: int) -> list[int]:
    """Sizes of the pieces in which `size` bytes come that lie ready in the kernel."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * size)
        theirs.sendall(bytes(size))
        theirs.shutdown(socket.SHUT_WR)
        _, protocol = await asyncio.get_running_loop().connect_accepted_socket(Counting, ours)
        await protocol.ended.wait()
    return protocol.sizes


def test_a_little_is_read_at_a_time() -> None:
    """It rests on an attribute of asyncio's transports that is not documented."""
    assert asyncio.run(receive(2 * READ)) == [READ, READ]
