"""What is told by other machines, and which of it wakes whom."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from halfgig.jobs import listening
from halfgig.jobs.bell import ELSEWHERE, ENDS, Bell
from halfgig.jobs.listening import News

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

PATIENCE = 60.0  # seconds; only a test that fails waits so long


def heard(told: list[str], name: str, chance: Callable[[], float] = lambda: 0.0) -> bool:
    """Whether who waits for `name` is rung for by the time that all timers have run."""

    async def story() -> bool:
        bell = Bell()
        news = News(bell, chance)
        with bell.listening(name) as ear:
            for one in told:
                news.hear(one)
            done = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(2 * listening.SPREAD, done.set_result, None)
            await done
            return await ear.wait(0.01)

    return asyncio.run(story())


def test_a_job_that_may_be_begun_wakes_whoever_has_hands_free() -> None:
    assert heard(["a state"], ELSEWHERE)
    assert heard(["a state", "b running"], ELSEWHERE, lambda: 0.9)
    assert not heard(["a queued", "a running", "a succeeded", "a segment", "a note"], ELSEWHERE)


def test_one_that_another_machine_has_begun_meanwhile_wakes_nobody() -> None:
    assert not heard(["a state", "a running"], ELSEWHERE)
    assert heard(["a state", "b state", "a cancelled"], ELSEWHERE)


def test_who_waits_for_a_job_or_for_an_end_hears_of_it() -> None:
    assert heard(["a segment"], "a")
    assert heard(["a failed"], "a")
    assert heard(["a failed"], ENDS)
    assert not heard(["a running", "b state", "b segment"], ENDS)


def test_all_are_woken_where_news_may_have_been_missed() -> None:
    assert all(heard([""], name) for name in ("a", ENDS, ELSEWHERE))


def test_machines_look_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for a share of the spread; news of several jobs are one look."""
    monkeypatch.setattr(listening, "SPREAD", 1.0)

    async def story() -> None:
        bells = [Bell() for _ in range(3)]
        shares = iter((0.9, 0.5, 0.0))  # the last machine is told first
        news = [News(bell, lambda: next(shares)) for bell in bells]
        order: list[int] = []

        async def machine(number: int) -> None:
            assert await bells[number].wait("", PATIENCE, ELSEWHERE)
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(machine(number))
            await asyncio.sleep(0)
            for one in reversed(news):
                one.hear("a state")
                one.hear("b state")
        assert order == [0, 1, 2]

    asyncio.run(story())
