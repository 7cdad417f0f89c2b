"""Sessions with their real child, which needs no model for landmarks."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import BadRequest, Busy, Conflict
from halfgig.jobs import live as module
from halfgig.jobs.live import CoachLost, LiveSessions, Session
from halfgig.memory import budget
from halfgig.memory.governor import Lease
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence
    from pathlib import Path

    from halfgig.memory.budget import Cost
    from halfgig.records import Bytes

PATIENCE = 120.0
NOBODY = {"text": '{"time": 1, "landmarks": null}'}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, offline=True)


def run(story: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await story

    asyncio.run(bounded())


async def begun(session: Session, exercise: str = "squat") -> dict[str, Any]:
    return await session.ask({"exercise": exercise, "model": session.model})


class Lender:
    """Lends so many bytes at the most, and knows what is out."""

    def __init__(self, most: Bytes) -> None:
        self.most, self.out = most, list[Lease]()

    @asynccontextmanager
    async def lend(self, kind: str, costs: Sequence[Cost]) -> AsyncIterator[Lease | None]:
        lease = Lease(kind, min(costs[0].needs, self.most)) if self.most >= costs[-1].needs else None
        self.out += [lease] if lease else []
        yield lease
        self.out.clear()


def test_a_session_answers_and_takes_its_child_and_its_lease_with_it(settings: Settings) -> None:
    async def story() -> None:
        lender = Lender(10**9)
        sessions = LiveSessions(settings, lender.lend)
        async with sessions.begin() as session:
            assert await begun(session) == {"exercise": "squat"}
            told = await session.ask(NOBODY)
            assert (told["phase"], told["count"]) == ("unseen", 0)
            wrong = await session.ask({"text": "?"})
            assert (wrong["error"]["kind"], wrong["error"]["status"]) == ("bad-request", 400)
            assert (await session.ask({"text": '{"time": 2, "landmarks": null}'}))["time"] == 2
            assert sessions.pids == [session.process.pid]
            assert [lease.pid for lease in lender.out] == sessions.pids
        assert (sessions.pids, lender.out) == ([], [])
        assert session.process.returncode == -signal.SIGKILL

    run(story())


def test_there_are_as_many_as_the_setting_says(settings: Settings) -> None:
    async def story() -> None:
        sessions = LiveSessions(replace(settings, live_sessions=2), patience=0.1)
        async with sessions.begin(), sessions.begin():
            with pytest.raises(Busy, match="no more"):
                async with sessions.begin():
                    pass
        async with sessions.begin():
            pass
        with pytest.raises(Conflict, match="LIVE_SESSIONS"):
            async with LiveSessions(replace(settings, live_sessions=0)).begin():
                pass

    run(story())


def test_the_next_session_waits_for_one_that_is_ending(settings: Settings) -> None:
    async def story() -> None:
        sessions = LiveSessions(settings, patience=PATIENCE)
        async with sessions.begin():
            following = asyncio.create_task(sessions.begin().__aenter__())
            await asyncio.sleep(0)
        await following
        await sessions.close()

    run(story())


def test_one_waits_for_a_session_and_all_others_are_refused_at_once(settings: Settings) -> None:
    async def story() -> None:
        sessions = LiveSessions(settings, patience=PATIENCE)
        async with sessions.begin():
            following = asyncio.create_task(sessions.begin().__aenter__())
            await asyncio.sleep(0)
            for _ in range(20):
                with pytest.raises(Busy, match="no more"):
                    async with sessions.begin():
                        pass
        await following
        await sessions.close()

    run(story())


def test_a_session_gets_what_fits_or_is_refused_in_words(settings: Settings) -> None:
    full, lite = budget.at_most("live", "full")

    async def story() -> None:
        for most, model in ((full.needs, "full"), (full.needs - 1, "lite"), (lite.needs, "lite")):
            async with LiveSessions(settings, Lender(most).lend).begin() as session:
                assert session.model == model
        sessions = LiveSessions(settings, Lender(lite.needs - 1).lend)
        for _ in range(2):  # what is refused is not counted among the open ones
            with pytest.raises(Busy, match=f"{lite.needs // 2**20} MB of memory"):
                async with sessions.begin():
                    pass
        with pytest.raises(BadRequest, match="no pose model called half"):
            async with LiveSessions(replace(settings, pose_model="half")).begin():
                pass

    run(story())


def test_an_unknown_exercise_is_told_and_may_be_named_anew(settings: Settings) -> None:
    async def story() -> None:
        async with LiveSessions(settings).begin() as session:
            assert "Did you mean squat" in (await begun(session, "sqat"))["error"]["remedy"]
            assert await begun(session, "auto") == {"exercise": "auto"}

    run(story())


def test_a_child_that_is_killed_ends_its_session_only(settings: Settings) -> None:
    async def story() -> None:
        sessions = LiveSessions(settings)
        async with sessions.begin() as session:
            await begun(session)
            os.kill(session.process.pid, signal.SIGKILL)
            with pytest.raises(CoachLost):
                await session.ask(NOBODY)
        async with sessions.begin() as session:
            assert await begun(session) == {"exercise": "squat"}

    run(story())


def test_a_child_that_hangs_is_given_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with LiveSessions(settings).begin() as session:
            await begun(session)
            os.kill(session.process.pid, signal.SIGSTOP)
            monkeypatch.setattr(module, "HUNG", 0.1)
            with pytest.raises(CoachLost):
                await session.ask(NOBODY)

    run(story())


def test_closing_ends_what_is_open(settings: Settings) -> None:
    async def story() -> None:
        sessions = LiveSessions(settings)
        async with sessions.begin() as session:
            await begun(session)
            await sessions.close()
            assert session.process.returncode == -signal.SIGKILL
            with pytest.raises(CoachLost):
                await session.ask(NOBODY)

    run(story())


def test_a_session_that_is_cancelled_leaves_nothing(settings: Settings) -> None:
    async def story() -> None:
        sessions, open_now = LiveSessions(settings), asyncio.Event()

        async def hold() -> None:
            async with sessions.begin():
                open_now.set()
                await asyncio.sleep(PATIENCE)

        holding = asyncio.create_task(hold())
        await open_now.wait()
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding
        assert sessions.pids == []

    run(story())


def test_a_child_that_cannot_be_started_is_told(settings: Settings) -> None:
    async def story() -> None:
        sessions = LiveSessions(settings, command=lambda: [f"{sys.prefix}/nothing"])
        with pytest.raises(CoachLost, match="No process"):
            async with sessions.begin():
                pass

    run(story())
