"""HTTP/1.1 by httptools, with bounds that uvicorn does not set: the size of a head, and the time for it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from halfgig.api.bodies import read_little
from halfgig.api.problems import MEDIA_TYPE, plain_problem

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

MOST_HEAD = 32 * 1024  # bytes of a request's line and headers
MOST_HEADERS = 100
LIVE = b"/reps/live"  # where WebSockets are spoken
HEAD_SECONDS = 15.0  # from the beginning of a connection, or of a request, to the end of its head


class HeadTooLarge(Exception):
    """The head of a request is past its bounds; raised through the parser, which stops there."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which refuses large heads with 431, malformed ones with 400, and closes on slow ones."""

    _head = 0  # bytes of the head that have come
    _in_head = True
    _too_large = False
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        read_little(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; what belongs to a head that is too large already is not parsed any more."""
        if self._in_head:
            self._head += len(data)
            if self._head > 2 * MOST_HEAD and self._head > len(data):
                self._refuse_head()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._deadline is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is whole: check it, and let the request begin."""
        self._head_came()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MOST_HEAD or len(self.headers) > MOST_HEADERS:
            self._too_large = True
            raise HeadTooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a head that is malformed, or too large, and close."""
        if self._too_large:
            self._refuse_head()
        else:
            self._refuse(400, msg, "Send a well-formed HTTP/1.1 request.")

    def _should_upgrade_to_ws(self) -> bool:
        """A WebSocket is spoken at one address; elsewhere the wish for one is passed over, as HTTP has it."""
        return self.url.partition(b"?")[0] == LIVE

    def _unsupported_upgrade_warning(self) -> None:
        """There is nothing to warn of."""

    def handle_websocket_upgrade(self) -> None:
        """Speak WebSocket from here on; what does is loaded when it is first wanted: half a megabyte."""
        from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

        self.ws_protocol_class = WSProtocol
        super().handle_websocket_upgrade()

    def _expect_head(self) -> None:
        self._head, self._in_head = 0, True
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _head_came(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse_head(self) -> None:
        detail = f"The head of a request may have {MOST_HEAD} bytes and {MOST_HEADERS} headers."
        self._refuse(431, detail, "Send fewer or shorter headers, and a shorter address.")

    def _refuse(self, status: int, detail: str, remedy: str) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps({**plain_problem(status, detail, remedy), "request_id": ""}).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
