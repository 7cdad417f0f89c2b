"""The server's side of the query embedder, against real children with a toy model."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.jobs import remote
from halfgig.jobs.remote import CLOSED, CROWDED, NO_ROOM, RELEASED, Child, NoMeaning, RemoteEmbedder, pause_after
from halfgig.memory.governor import Lease
from halfgig.retrieval.index import EmbeddingModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

TOY = EmbeddingModel("toy", 2)
LONG = 120.0  # seconds; only a test that fails waits so long

# Embeds a text as its length and the child's id; some texts make it misbehave.
CHILD = """
import os, signal, sys, time
from array import array
from halfgig.errors import ModelError
from halfgig.jobs.child import become_child
from halfgig.jobs.embedder import leave, serve

def embed(model, text):
    if text == "leave":
        raise SystemExit(0)
    if text == "crash":
        os._exit(3)
    if text == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "sleep":
        time.sleep(60)
    if text == "absent":
        raise ModelError(f"The model {model} is not here.", "Pull it.")
    return array("f", [len(text), os.getpid()])

wire = become_child(int(sys.argv[1]))
signal.signal(signal.SIGALRM, leave)
serve(wire, embed, float(sys.argv[2]))
"""


class Loans:
    """Lends as often as it may, and keeps the leases that are out and all that there were."""

    def __init__(self, most: int = 99) -> None:
        self.left = most
        self.out: list[Lease] = []
        self.all: list[Lease] = []

    def __call__(self, kind: str, needs: int) -> Any:
        self.left -= 1
        return self.lent(Lease(kind, needs)) if self.left >= 0 else None

    @contextmanager
    def lent(self, lease: Lease) -> Iterator[Lease]:
        self.out.append(lease)
        self.all.append(lease)
        try:
            yield lease
        finally:
            self.out.remove(lease)


@asynccontextmanager
async def toy(
    loans: Loans | None = None, *, idle: float = LONG, patience: float = LONG
) -> AsyncIterator[RemoteEmbedder]:
    command = [sys.executable, "-c", CHILD, str(os.getpid()), str(idle)]
    embedder = RemoteEmbedder(Child(command), loans or Loans(), patience=patience)
    try:
        yield embedder
    finally:
        await embedder.close()


async def length(embedder: RemoteEmbedder, text: str) -> float:
    meaning = await embedder.meaning(TOY, text)
    assert meaning.model == TOY
    return meaning.vector[0]


async def refusal(embedder: RemoteEmbedder, text: str) -> str:
    with pytest.raises(NoMeaning) as refused:
        await embedder.meaning(TOY, text)
    return str(refused.value)


async def until(embedder: RemoteEmbedder, *, runs: bool) -> None:
    async with asyncio.timeout(LONG):
        while (embedder.pid is not None) != runs:
            await asyncio.sleep(0.01)


async def warm(embedder: RemoteEmbedder) -> None:
    """Ask until the child has started and answers, which may take longer than a question's patience."""
    async with asyncio.timeout(LONG):
        while not await answers(embedder):
            await asyncio.sleep(0.01)


async def answers(embedder: RemoteEmbedder) -> bool:
    try:
        await embedder.meaning(TOY, "warm")
    except NoMeaning:
        return False
    return True


def test_questions_are_answered_each_with_its_own_vector() -> None:
    async def run() -> None:
        async with toy() as embedder:
            texts = ["a" * n for n in range(1, 25)]
            assert await asyncio.gather(*(length(embedder, text) for text in texts)) == list(range(1, 25))

    asyncio.run(run())


def test_one_child_serves_them_all_and_holds_a_lease_in_its_name() -> None:
    async def run() -> None:
        loans = Loans()
        async with toy(loans) as embedder:
            pids = {(await embedder.meaning(TOY, "x")).vector[1] for _ in range(3)}
            assert pids == {embedder.pid}
            assert [(lease.kind, lease.pid) for lease in loans.out] == [("search", embedder.pid)]
        assert embedder.pid is None
        assert (loans.out, len(loans.all)) == ([], 1)

    asyncio.run(run())


def test_a_child_that_nobody_asks_ends_well_and_the_next_question_starts_another() -> None:
    async def run() -> None:
        loans = Loans()
        async with toy(loans, idle=0.2) as embedder:
            assert await length(embedder, "one") == 3
            conversation = embedder._talk
            await until(embedder, runs=False)
            assert conversation is not None
            assert conversation.process.returncode == 0
            assert loans.out == []
            assert await length(embedder, "three") == 5
            assert len(loans.all) == 2

    asyncio.run(run())


def test_a_child_that_has_died_already_is_stopped_and_its_end_is_told_as_it_was() -> None:
    async def run() -> None:
        async with toy() as embedder:
            await length(embedder, "one")
            conversation = embedder._talk
            assert conversation is not None
            os.kill(conversation.process.pid, signal.SIGTERM)
            with suppress(ChildProcessError):  # before Python 3.12 a thread of asyncio's may have been first
                os.waitid(os.P_PID, conversation.process.pid, os.WEXITED | os.WNOWAIT)
            await conversation.stop(RELEASED)
            assert conversation.process.returncode == -signal.SIGTERM

    asyncio.run(run())


def test_a_child_that_leaves_just_as_a_question_comes_is_started_again_once() -> None:
    async def run() -> None:
        loans = Loans()
        async with toy(loans) as embedder:
            assert "exit code 0" in await refusal(embedder, "leave")
            assert len(loans.all) == 2

    asyncio.run(run())


@pytest.mark.parametrize(("text", "said"), [("crash", "exit code 3"), ("killed", "signal 9")])
def test_a_child_that_dies_over_a_question_says_so_and_the_next_is_answered(text: str, said: str) -> None:
    async def run() -> None:
        async with toy() as embedder:
            first, other = await asyncio.gather(refusal(embedder, text), refusal(embedder, "waits behind it"))
            assert said in first
            assert said in other
            assert await length(embedder, "four") == 4

    asyncio.run(run())


def test_who_waits_too_long_goes_without_and_the_child_goes_on() -> None:
    async def run() -> None:
        async with toy(patience=1.0) as embedder:
            await warm(embedder)
            assert "within 1 seconds" in await refusal(embedder, "sleep")
            assert embedder.pid is not None

    asyncio.run(run())


def test_a_child_that_never_answers_is_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with toy() as embedder:
            asked = asyncio.create_task(refusal(embedder, "sleep"))
            await until(embedder, runs=True)
            dead = embedder.pid
            monkeypatch.setattr(remote, "HUNG", 0.0)
            assert await length(embedder, "four") == 4
            assert embedder.pid != dead
            assert "no answer" in await asked

    asyncio.run(run())


def test_its_memory_is_free_when_release_returns() -> None:
    async def run() -> None:
        loans = Loans(most=1)
        async with toy(loans) as embedder:
            await length(embedder, "warm")
            waiting = asyncio.create_task(refusal(embedder, "sleep"))
            await asyncio.sleep(0)
            pid, begun = embedder.pid, time.monotonic()
            await embedder.release()
            assert (embedder.pid, loans.out) == (None, [])
            assert pid is not None
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
            assert time.monotonic() - begun < 30  # it would have slept for longer
            assert await waiting == RELEASED
            await embedder.release()  # with none running
            assert await refusal(embedder, "again") == NO_ROOM

    asyncio.run(run())


def test_where_no_memory_is_lent_nothing_is_started() -> None:
    async def run() -> None:
        loans = Loans(most=0)
        async with toy(loans) as embedder:
            assert await refusal(embedder, "x") == NO_ROOM
            assert embedder.pid is None
            loans.left = 1
            assert await length(embedder, "x") == 1

    asyncio.run(run())


def test_a_crowd_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with toy(patience=1.0) as embedder:
            await warm(embedder)
            monkeypatch.setattr(remote, "MAX_WAITING", 2)
            asked = await asyncio.gather(*(refusal(embedder, "sleep") for _ in range(3)))
            assert asked.count(CROWDED) == 1

    asyncio.run(run())


def test_a_model_that_is_not_there_is_named_with_its_remedy() -> None:
    async def run() -> None:
        async with toy() as embedder:
            assert await refusal(embedder, "absent") == "The model toy is not here. Pull it."
            assert await length(embedder, "x") == 1

    asyncio.run(run())


def test_a_child_that_cannot_start_is_not_tried_all_the_time() -> None:
    async def run() -> None:
        loans = Loans()
        embedder = RemoteEmbedder(Child([sys.executable, "-c", "raise SystemExit(4)"]), loans)
        assert "exit code 4" in await refusal(embedder, "x")
        assert "exit code 4" in await refusal(embedder, "x")
        assert "tried again in 2 seconds" in await refusal(embedder, "x")
        assert (loans.out, len(loans.all)) == ([], 2)
        await embedder.close()

    asyncio.run(run())


def test_a_command_that_does_not_exist_costs_no_lease() -> None:
    async def run() -> None:
        loans = Loans()
        embedder = RemoteEmbedder(Child(["/nowhere/python"]), loans)
        assert "No such file" in await refusal(embedder, "x")
        assert loans.out == []
        await embedder.close()

    asyncio.run(run())


def test_what_is_no_answer_ends_the_conversation() -> None:
    async def run() -> None:
        embedder = RemoteEmbedder(Child([sys.executable, "-c", "print('hello', flush=True); open(0).read()"]), Loans())
        assert "no answer" in await refusal(embedder, "x")
        await embedder.close()

    asyncio.run(run())


def test_after_the_end_nothing_starts() -> None:
    async def run() -> None:
        async with toy() as embedder:
            pass
        assert await refusal(embedder, "x") == CLOSED

    asyncio.run(run())


def test_pauses_grow_to_a_minute() -> None:
    assert [pause_after(failures) for failures in (0, 1, 2, 3, 7, 50, 500)] == [0, 0, 2, 4, 60, 60, 60]
