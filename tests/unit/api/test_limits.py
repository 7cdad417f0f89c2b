from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.api.limits import Bodies, Crowd, streams

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


def scope(path: str = "/jobs", method: str = "POST", **headers: str) -> Scope:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "path": path, "method": method, "headers": named, "state": {"request_id": "r"}}


def receiving(*messages: Message) -> Receive:
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0) if left else await asyncio.Event().wait()  # type: ignore[return-value]

    return receive


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Heard:
    """An app that keeps what it was sent."""

    def __init__(self) -> None:
        self.bodies: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def answered(app: Any, asked: Scope, receive: Receive) -> tuple[int, dict[str, Any]]:
    """The status and the body that the app answers; status 0 where it does not."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(asked, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    if not sent:
        return 0, {}
    return sent[0]["status"], json.loads(body or b"{}")


def test_a_small_body_arrives_whole() -> None:
    heard = Heard()
    parts = receiving(part(b"one ", more=True), part(b"two"))
    assert asyncio.run(answered(Bodies(heard, 7), scope(), parts))[0] == 200
    assert heard.bodies == [part(b"one two")]


@pytest.mark.parametrize(
    ("headers", "parts"),
    [
        ({"content_length": "8"}, []),
        ({}, [part(b"12345678")]),
        ({}, [part(b"1234", more=True), part(b"5678", more=True)]),
    ],
)
def test_a_large_body_is_refused_before_it_is_read(headers: dict[str, str], parts: list[Message]) -> None:
    heard = Heard()
    status, told = asyncio.run(answered(Bodies(heard, 7), scope(**headers), receiving(*parts)))
    assert (status, told["status"]) == (413, 413)
    assert heard.bodies == []


def test_a_slow_body_is_given_up() -> None:
    slow = receiving(part(b"1", more=True))
    status, told = asyncio.run(answered(Bodies(Heard(), 7, seconds=0.01), scope(), slow))
    assert (status, told["status"]) == (408, 408)


def test_a_client_that_goes_is_not_answered() -> None:
    gone = receiving(part(b"1", more=True), {"type": "http.disconnect"})
    assert asyncio.run(answered(Bodies(Heard(), 7), scope(), gone))[0] == 0


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (scope("/uploads"), True),
        (scope("/uploads/abc", "PATCH"), True),
        (scope("/uploads/abc", "DELETE"), False),
        (scope("/uploadsx"), False),
        (scope(content_type="multipart/form-data; boundary=x"), True),
        (scope(content_type="application/json"), False),
        (scope("/search", content_type="multipart/form-data; boundary=x"), False),
    ],
)
def test_only_uploads_stream(asked: Scope, expected: bool) -> None:
    assert streams(asked) is expected


def test_what_streams_is_not_touched() -> None:
    heard = Heard()
    large = scope("/uploads", content_length="1000")
    assert asyncio.run(answered(Bodies(heard, 7), large, receiving(part(b"12345678", more=True))))[0] == 200
    assert heard.bodies == [part(b"12345678", more=True)]


@pytest.mark.parametrize(
    ("full", "others"),
    [
        ("/jobs", {"/jobs": 503, "/sources": 503, "/session": 200, "/": 200, "/healthz": 200, "/readyz": 200}),
        ("/session", {"/jobs": 200, "/session": 503, "/": 503, "/page/page.js": 503, "/healthz": 200}),
    ],
)
def test_a_crowd_is_bounded_and_strangers_have_a_place_of_their_own(full: str, others: dict[str, int]) -> None:
    async def crowded() -> dict[str, int]:
        entered, go = asyncio.Event(), asyncio.Event()

        async def busy(scope: Scope, receive: Receive, send: Send) -> None:
            if not entered.is_set():
                entered.set()
                await go.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        crowd = Crowd(busy, most=2, most_open=1)
        first = asyncio.create_task(answered(crowd, scope(full), receiving()))
        await entered.wait()
        statuses = {path: (await answered(crowd, scope(path), receiving()))[0] for path in others}
        go.set()
        assert (await first)[0] == 200
        assert (await answered(crowd, scope(full), receiving()))[0] == 200
        return statuses

    assert asyncio.run(crowded()) == others
