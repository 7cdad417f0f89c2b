"""/reps/live: a WebSocket over which an exercise is counted while it is done.

Each message is a moment: a picture, or landmarks. It is answered by what can be said then. Where moments come faster
than they are answered, the newest is taken and the others are dropped, so that nothing waits in a queue.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from halfgig.api.problems import PAGE, farewell, plain_problem, problem, problem_response
from halfgig.api.services import Services
from halfgig.errors import BadRequest, HalfgigError, Stalled
from halfgig.jobs.live import Session

log = logging.getLogger("halfgig.api")

router = APIRouter(tags=["reps"])

LIVE = "/reps/live"
LONGEST_NAME = 100  # characters of an exercise
UPGRADE = 426


class Newest:
    """The newest moment that has not been taken; `dropped` counts those that were passed over."""

    def __init__(self) -> None:
        self.dropped = self.taken = 0
        self._moment: dict[str, str] | None = None
        self._there = asyncio.Event()

    def put(self, moment: dict[str, str]) -> None:
        """It is the newest now."""
        self.dropped += self._moment is not None
        self._moment = moment
        self._there.set()

    async def take(self) -> dict[str, str]:
        """The newest, once there is one."""
        await self._there.wait()
        assert self._moment is not None
        moment, self._moment = self._moment, None
        self._there.clear()
        self.taken += 1
        return moment


@router.get(LIVE, include_in_schema=False)
async def show_live(request: Request) -> Any:
    """Asked for by HTTP, the address answers 426."""
    body = plain_problem(UPGRADE, "This address speaks WebSocket.", "Open it with ws:// or wss://; see docs/api.md.")
    return problem_response(request.scope, body, {"Upgrade": "websocket"})


@router.websocket(LIVE)
async def count_live(line: WebSocket) -> None:
    """Count for whoever has opened the line, until it closes."""
    services: Services = line.app.state.halfgig
    await line.accept()
    newest, begun = Newest(), time.monotonic()
    try:
        await _count(line, services, newest)
    except HalfgigError as error:
        await _close(line, problem(error))
    except WebSocketDisconnect:
        pass
    finally:
        facts = {"seconds": round(time.monotonic() - begun, 1), "moments": newest.taken, "dropped": newest.dropped}
        log.info("live session ended", extra={"facts": facts})


async def _count(line: WebSocket, services: Services, newest: Newest) -> None:
    """Open a session and hold it; whichever comes first, the end of the line or a problem, ends it."""
    exercise = line.query_params.get("exercise", "auto")
    if len(exercise) > LONGEST_NAME:
        raise BadRequest("There is no exercise with so long a name.", "Name one that halfgig exercises lists.")
    async with services.counting_live().begin() as session:  # before it nothing is read: whoever waits holds nothing
        await _hold(line, session, exercise, newest, services.settings.live_idle_seconds)


async def _hold(line: WebSocket, session: Session, exercise: str, newest: Newest, idle: float) -> None:
    reading = asyncio.create_task(_read(line, newest))
    counting = asyncio.create_task(_serve(line, session, exercise, newest, idle))
    try:
        await asyncio.wait((reading, counting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, counting):
            task.cancel()
        ends = await asyncio.gather(reading, counting, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _read(line: WebSocket, newest: Newest) -> None:
    """Take what comes until the line ends."""
    while True:
        message = await line.receive()
        if message["type"] == "websocket.disconnect":
            return
        sent = message.get("bytes")
        newest.put({"text": message["text"]} if sent is None else {"jpeg": base64.b64encode(sent).decode()})


async def _serve(line: WebSocket, session: Session, exercise: str, newest: Newest, idle: float) -> None:
    ready = await session.ask({"exercise": exercise, "model": session.model})
    if "error" in ready:
        await _close(line, _problem(ready["error"]))
        return
    await line.send_json({"ready": {**ready, "model": session.model}})
    await _answer(line, session, newest, idle)


async def _answer(line: WebSocket, session: Session, newest: Newest, idle: float) -> None:
    while True:
        try:
            async with asyncio.timeout(idle):
                moment = await newest.take()
        except TimeoutError:
            raise Stalled(f"Nothing came for {idle:g} s.", "Begin again when there is something to count.") from None
        told = await session.ask(moment)
        if "error" in told:
            await line.send_json({"problem": _problem(told["error"])})
        else:
            await line.send_json({**told, "dropped": newest.dropped})


def _problem(error: dict[str, Any]) -> dict[str, Any]:
    return plain_problem(error["status"], error["detail"], error["remedy"], type=f"{PAGE}#{error['kind']}")


async def _close(line: WebSocket, body: dict[str, Any]) -> None:
    """Say why, and close; where the other side has gone, nobody is there to be told."""
    with suppress(WebSocketDisconnect, RuntimeError):
        await line.send_json({"problem": body})
        await line.close(**farewell(body))
