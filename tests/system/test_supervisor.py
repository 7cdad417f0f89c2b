"""The supervisor with real processes, whose work is told by their jobs' options."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.fakes.databases import fresh_postgres, stopped

from halfgig.errors import DatabaseAway, DoesNotFit, LibraryError
from halfgig.jobs.bell import Bell
from halfgig.jobs.job import Event, Job, State
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.queue_thread import QueueThread
from halfgig.jobs.supervisor import RESTARTED, STOPPED, Supervisor
from halfgig.memory import budget
from halfgig.memory.governor import Governor, Lease, Standing
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from halfgig.memory.jail import Run

WORKER = Path(__file__).with_name("fake_worker.py")
MIB = 1024 * 1024
ROOM = 600 * MIB
PATIENCE = 120.0  # seconds; only a test that fails waits so long
# The process of all tests is the server here, and what it holds by then is not left for a child.
PLENTY = Settings(memory_limit_mb=1900, workers=1, worker_idle_seconds=60)


def command(kind: str) -> list[str]:
    return [sys.executable, str(WORKER), str(os.getpid()), kind]


@dataclass
class House:
    """A queue and its supervisor at work, beside an embedder that holds a lease. `ended` has the ids of ended jobs."""

    queue: QueueThread
    bell: Bell
    supervisor: Supervisor
    ended: list[str]
    embedder: list[Lease]  # empty once it has given way

    async def add(self, kind: str = "transcript", **options: Any) -> str:
        await asyncio.sleep(0.002)  # two ids of one millisecond are in no order, and so would be the two jobs
        job, _ = await self.queue.ask(lambda queue: queue.create(kind, {"url": "http://a/b"}, options))
        self.bell.ring("")
        return job.id

    async def job(self, job_id: str) -> Job:
        found = await self.queue.ask(lambda queue: queue.get(job_id))
        assert found is not None
        return found

    async def until(self, job_id: str, reached: Callable[[Job], bool] | None = None) -> Job:
        """The job once it is as told; else once it has ended, and the supervisor, who hears of that last, knows it."""
        reached = reached or (lambda job: job.state.final and job.id in self.ended)
        async with asyncio.timeout(PATIENCE):
            while not reached(job := await self.job(job_id)):
                await self.bell.wait(job_id, 0.05)
        return job


@asynccontextmanager
async def house(
    folder: Path,
    settings: Settings = PLENTY,
    room: int = ROOM,
    embedder: int = 0,
    breaking: str = "",
    home: str = "",
) -> AsyncIterator[House]:
    """`room` is what the governor may give in bytes, `embedder` what is lent of it to the embedder; `breaking` names a
    method of the queue that fails twice, as on a full disk.
    """
    settings = replace(settings, data_dir=folder)
    queue, bell, ended, stopping = QueueThread(settings.jobs_at), Bell(), list[str](), asyncio.Event()
    governor = Governor(lambda: [Standing(room, 0)], lambda _: 0, reserve=0)

    granted = governor.grant("search", embedder, embedder, 0.0) if embedder else None
    lent = [] if granted is None else [granted]

    async def end(job: Job) -> None:
        ended.append(job.id)

    async def give_way() -> bool:
        had = bool(lent)
        while lent:
            governor.release(lent.pop())
        return had

    ask = Breaking(queue, breaking, 2 if breaking else 0).ask
    own: dict[str, Any] = {"command": command, "ended": end, "grace": 0.5, "relief": give_way, "home": home}
    supervisor = Supervisor(settings, ask, bell, governor, **own)
    task = asyncio.create_task(supervisor.run(stopping))
    try:
        yield House(queue, bell, supervisor, ended, lent)
    finally:
        stopping.set()
        bell.ring("")
        await task
        await give_way()
        assert supervisor.children == ()
        assert supervisor.leases == ()
        queue.close()


def test_one_child_does_the_jobs_of_one_kind(tmp_path: Path) -> None:
    async def story() -> list[Job]:
        async with house(tmp_path) as at:
            ids = [await at.add() for _ in range(3)]
            done = [await at.until(job_id) for job_id in ids]
            assert at.ended == ids
            return done

    done = asyncio.run(story())
    assert [job.state for job in done] == [State.SUCCEEDED] * 3
    assert len(set(map(pid, done))) == 1
    assert all(job.attempt == 1 for job in done)


def test_an_idle_child_gives_way_to_another_kind(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, room=350 * MIB, embedder=93 * MIB) as at:
            await at.until(await at.add("transcript", language="en"))
            [first] = at.supervisor.children
            first.lease.granted = 200 * MIB  # as if it held that much
            assert (await at.until(await at.add("reps"))).state is State.SUCCEEDED
            assert [child.kind for child in at.supervisor.children] == ["reps"]
            assert at.embedder  # what idles goes before what others may be waiting for

    asyncio.run(story())


def test_what_idles_gives_way_to_a_live_session_and_jobs_wait_for_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with house(tmp_path, room=350 * MIB) as at:
            await at.until(await at.add())
            [idle] = at.supervisor.children
            idle.lease.granted = 300 * MIB  # as if it held that much
            costs = budget.at_most("live", "full")
            async with at.supervisor.lend("live", costs) as first, at.supervisor.lend("live", costs) as second:
                assert [lease.granted for lease in (first, second) if lease] == [costs[0].needs] * 2
                assert at.supervisor.children == ()
                waiting = await at.add()
                async with asyncio.timeout(PATIENCE):
                    while f"{waiting} waits for memory" not in caplog.text:
                        await asyncio.sleep(0.05)
                async with at.supervisor.lend("live", costs[:1]) as third:
                    assert third is None
            assert (await at.until(waiting)).state is State.SUCCEEDED

    caplog.set_level("INFO")
    asyncio.run(story())


def test_a_live_session_that_can_never_fit_is_refused_with_the_figure(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, replace(PLENTY, memory_limit_mb=130)) as at:
            with pytest.raises(DoesNotFit, match="Counting live needs"):
                async with at.supervisor.lend("live", budget.at_most("live", "full")):
                    pass

    asyncio.run(story())


@pytest.mark.parametrize(("room", "stays"), [(300, True), (200, False)])
def test_the_embedder_gives_way_where_idle_children_are_not_enough(tmp_path: Path, room: int, stays: bool) -> None:
    async def story() -> None:
        async with house(tmp_path, room=room * MIB, embedder=93 * MIB) as at:
            assert (await at.until(await at.add("reps"))).state is State.SUCCEEDED
            assert bool(at.embedder) is stays

    asyncio.run(story())


def test_an_idle_child_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, replace(PLENTY, worker_idle_seconds=0.1)) as at:
            await at.until(await at.add())
            async with asyncio.timeout(PATIENCE):
                while at.supervisor.children:
                    await at.bell.wait("", 0.1)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("what", "words"),
    [("segfault", "SIGSEGV"), ("exit", "exit code 3. Its last words: I cannot go on")],
)
def test_a_child_that_fails_is_explained_and_its_job_retried(tmp_path: Path, what: str, words: str) -> None:
    async def story() -> Job:
        async with house(tmp_path) as at:
            return await at.until(await at.add(first=what))

    done = asyncio.run(story())
    assert (done.state, done.attempt) == (State.SUCCEEDED, 2)
    [failure] = done.failures
    assert failure["reason"] == "crashed"
    assert words in failure["detail"]
    assert done.timings["starting"] > 0


def test_a_child_that_hangs_is_ended_and_its_job_retried(tmp_path: Path) -> None:
    async def story() -> Job:
        async with house(tmp_path) as at:
            job_id = await at.add(first="hang")
            await at.until(job_id, lambda job: bool(job.progress))
            at.supervisor.settings = replace(at.supervisor.settings, worker_stall_seconds=0.1)
            await at.until(job_id, lambda job: bool(job.failures))
            at.supervisor.settings = replace(at.supervisor.settings, worker_stall_seconds=PATIENCE)
            return await at.until(job_id)

    done = asyncio.run(story())
    assert (done.state, done.attempt) == (State.SUCCEEDED, 2)
    [failure] = done.failures
    assert failure["reason"] == "hung"
    assert "no sign of life" in failure["detail"]
    assert done.timings["acting"] > 0


def test_a_child_that_is_killed_from_outside_is_told_so(tmp_path: Path) -> None:
    async def story() -> Job:
        async with house(tmp_path) as at:
            job_id = await at.add(first="hang")
            await at.until(job_id, lambda job: bool(job.progress))
            os.kill(at.supervisor.children[0].pid, signal.SIGKILL)
            return await at.until(job_id)

    done = asyncio.run(story())
    assert done.state is State.SUCCEEDED
    assert "killed from outside" in done.failures[0]["detail"]


def pid(job: Job) -> int:
    return int((job.result or {})["pid"])


def test_what_is_refused_is_not_tried_again_and_the_child_goes_on(tmp_path: Path) -> None:
    async def story() -> list[Job]:
        async with house(tmp_path) as at:
            ids = [await at.add(), await at.add(always="refuse"), await at.add()]
            return [await at.until(job_id) for job_id in ids]

    before, refused, after = asyncio.run(story())
    assert (refused.state, refused.attempt) == (State.FAILED, 1)
    assert refused.problem is not None
    told = {name: refused.problem[name] for name in ("title", "status", "detail", "remedy")}
    assert told == {"title": "Refused", "status": 422, "detail": "It is empty.", "remedy": "Give another."}
    assert pid(before) == pid(after)


def test_a_child_that_met_a_fault_gets_no_more_jobs(tmp_path: Path) -> None:
    async def story() -> list[Job]:
        async with house(tmp_path) as at:
            ids = [await at.add(), await at.add(first="fault"), await at.add()]
            return [await at.until(job_id) for job_id in ids]

    before, faulty, after = asyncio.run(story())
    assert [failure["reason"] for failure in faulty.failures] == ["unexpected"]
    assert after.failures == ()
    assert pid(before) not in (pid(faulty), pid(after))


class Breaking:
    """The queue's thread, where the next `left` questions that use the method `name` fail."""

    def __init__(self, queue: QueueThread, name: str, left: int) -> None:
        self.queue, self.name, self.left = queue, name, left

    async def ask(self, question: Callable[[JobQueue], Any]) -> Any:
        def asked(queue: JobQueue) -> Any:
            if self.left > 0 and self.name in question.__code__.co_names:
                self.left -= 1
                raise LibraryError("The disk is full.")
            return question(queue)

        return await self.queue.ask(asked)


@pytest.mark.parametrize("name", ["claim", "release_all", "waiting"])
def test_a_full_disk_costs_no_lease_and_no_supervisor(tmp_path: Path, name: str) -> None:
    async def story() -> Job:
        async with house(tmp_path, breaking=name) as at:
            job = await at.until(await at.add())
            assert [lease.kind for lease in at.supervisor.leases] == ["transcript"]
            return job

    assert asyncio.run(story()).state is State.SUCCEEDED


def test_a_process_that_cannot_be_started_is_an_interruption_and_costs_no_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "command", lambda kind: [str(tmp_path / "nothing")])

    async def story() -> Job:
        async with house(tmp_path) as at:
            job_id = await at.add()
            job = await at.until(job_id, lambda job: bool(job.failures))
            await at.queue.ask(lambda queue: queue.cancel(job_id))
            async with asyncio.timeout(PATIENCE):
                while at.supervisor.leases:  # the attempt that is being made when this is asked has one
                    await asyncio.sleep(0.01)
            return job

    job = asyncio.run(story())
    assert job.failures[0]["reason"] == "interrupted"
    assert "No worker could be started" in job.failures[0]["detail"]


def test_a_job_that_waits_for_memory_of_others_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halfgig.jobs.supervisor.WORTH_TELLING", 0.1)

    async def story() -> Job:
        async with house(tmp_path, room=100 * MIB) as at:
            return await at.until(await at.add(language="en"), lambda job: bool(job.notes))

    [note] = asyncio.run(story()).notes
    assert "waits for" in note
    assert "100 MB are free, and others hold the rest" in note


def test_a_job_that_waits_for_a_live_session_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halfgig.jobs.supervisor.WORTH_TELLING", 0.1)

    async def story() -> Job:
        async with house(tmp_path, room=219 * MIB) as at, at.supervisor.lend("live", budget.at_most("live", "full")):
            return await at.until(await at.add(language="en"), lambda job: bool(job.notes))

    [note] = asyncio.run(story()).notes
    assert "100 MB are free, and somebody who is counted live holds the rest" in note


def test_a_cancelled_job_stops_at_once(tmp_path: Path) -> None:
    async def story() -> Job:
        async with house(tmp_path) as at:
            job_id = await at.add(first="hang")
            await at.until(job_id, lambda job: bool(job.progress))
            await at.queue.ask(lambda queue: queue.cancel(job_id))
            at.bell.ring("")
            async with asyncio.timeout(PATIENCE):
                while not at.ended:
                    await at.bell.wait("", 0.1)
            assert at.supervisor.children == ()
            assert at.ended == [job_id]
            return await at.job(job_id)

    cancelled = asyncio.run(story())
    assert (cancelled.state, cancelled.failures) == (State.CANCELLED, ())


def test_a_job_that_needs_more_waits_for_it(tmp_path: Path) -> None:
    async def story() -> Job:
        async with house(tmp_path) as at:
            return await at.until(await at.add("reps", first="large", needs=500 * MIB))

    done = asyncio.run(story())
    assert done.state is State.SUCCEEDED
    assert done.failures[0]["reason"] == "does_not_fit"
    assert (done.result or {})["lease"] == 500 * MIB


def test_pictures_are_lent_more_than_usual_where_there_is_room(tmp_path: Path) -> None:
    async def story(room: int) -> int:
        async with house(tmp_path, room=room) as at:
            done = await at.until(await at.add("reps"))
            return int((done.result or {})["lease"])

    usual = asyncio.run(story(170 * MIB))
    assert 150 * MIB < usual <= 170 * MIB
    assert asyncio.run(story(ROOM)) > usual + 30 * MIB


def test_a_job_that_needs_more_than_there_can_be_is_refused_with_the_figure(tmp_path: Path) -> None:
    async def story() -> Job:
        async with house(tmp_path) as at:
            return await at.until(await at.add("reps", always="large", needs=2048 * MIB))

    refused = asyncio.run(story())
    assert (refused.state, refused.attempt) == (State.FAILED, 1)
    assert refused.problem is not None
    assert refused.problem["status"] == 507
    assert "needs 2048 MB" in refused.problem["detail"]


def test_a_machine_that_is_too_small_says_so_and_starts_nothing(tmp_path: Path) -> None:
    async def story() -> Job:
        async with house(tmp_path, replace(PLENTY, memory_limit_mb=128)) as at:
            return await at.until(await at.add(language="en"))

    refused = asyncio.run(story())
    assert refused.state is State.FAILED
    assert refused.result is None
    assert refused.problem is not None
    assert "MB" in refused.problem["detail"]


def test_a_job_that_waits_for_memory_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with house(tmp_path, room=100 * MIB) as at:
            job_id = await at.add("reps")
            async with asyncio.timeout(PATIENCE):
                while "waits for memory" not in caplog.text:
                    await at.bell.wait("", 0.05)
            at.bell.ring("")
            await at.bell.wait(job_id, 0.2)
            assert (await at.job(job_id)).state is State.QUEUED

    with caplog.at_level("INFO", "halfgig"):
        asyncio.run(story())
    [line] = [record.getMessage() for record in caplog.records if "waits for memory" in record.getMessage()]
    assert line.endswith("and 100 are left")


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    async def story() -> Job:
        async with house(tmp_path) as at:
            return await at.until(await at.add(model="enormous"))

    refused = asyncio.run(story())
    assert refused.state is State.FAILED
    assert refused.problem is not None
    assert "enormous" in refused.problem["detail"]


def test_nonsense_on_the_wire_is_passed_over(tmp_path: Path) -> None:
    async def story() -> Job:
        async with house(tmp_path) as at:
            return await at.until(await at.add(first="nonsense"))

    assert asyncio.run(story()).state is State.SUCCEEDED


def test_a_server_that_stops_queues_what_it_was_doing(tmp_path: Path) -> None:
    async def begin() -> str:
        async with house(tmp_path) as at:
            job_id = await at.add(first="checkpoints")
            await at.until(job_id, lambda job: bool(job.progress))
            return job_id

    async def go_on(job_id: str) -> Job:
        async with house(tmp_path) as at:
            return await at.until(job_id)

    job_id = asyncio.run(begin())
    done = asyncio.run(go_on(job_id))
    assert (done.state, done.attempt) == (State.SUCCEEDED, 2)
    assert [failure["detail"] for failure in done.failures] == [STOPPED]


def test_what_a_killed_server_was_doing_goes_on(tmp_path: Path) -> None:
    async def begin() -> str:
        queue = QueueThread(tmp_path / "jobs.db")
        job, _ = await queue.ask(lambda queue: queue.create("reps", {"url": "http://a/b"}, {}))
        await queue.ask(lambda queue: queue.claim(job.id, "a server that was killed"))
        queue.close()
        return job.id

    async def go_on(job_id: str) -> Job:
        async with house(tmp_path) as at:
            return await at.until(job_id)

    done = asyncio.run(go_on(asyncio.run(begin())))
    assert done.state is State.SUCCEEDED
    assert [failure["detail"] for failure in done.failures] == [RESTARTED]


def test_two_jobs_run_side_by_side_where_both_fit(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, replace(PLENTY, workers=2)) as at:
            ids = [await at.add(first="checkpoints", language="en") for _ in range(2)]
            for job_id in ids:
                await at.until(job_id, lambda job: bool(job.progress))
            assert len(at.supervisor.children) == 2

    asyncio.run(story())


def test_a_database_that_is_restarted_in_the_middle_of_a_job_loses_nothing(
    tmp_path: Path, postgres: str | None
) -> None:
    shared = replace(PLENTY, database_url=fresh_postgres(postgres))

    async def story() -> tuple[Job, list[Event]]:
        async with house(tmp_path, shared, home="here") as at:
            job_id = await at.add(always="checkpoints", count=40)
            await at.until(job_id, lambda job: bool(job.progress))
            with stopped(shared.database_url), pytest.raises(DatabaseAway, match="DATABASE_URL"):
                await at.job(job_id)
            done = await at.until(job_id)
            return done, await at.queue.ask(lambda queue: queue.events(job_id))

    done, events = asyncio.run(story())
    assert done.state is State.SUCCEEDED
    assert [event.data["state"] for event in events if event.type == "state"][-1] == "succeeded"
    assert [event.id for event in events] == list(range(1, len(events) + 1))


def test_machines_take_from_each_other_only_what_nobody_holds(tmp_path: Path, postgres: str | None) -> None:
    """What another machine runs goes on there; what an earlier process with this home ran is queued at once."""
    shared = replace(PLENTY, database_url=fresh_postgres(postgres))

    async def story() -> tuple[Job, Job, Job]:
        with JobQueue(shared.database_url) as queue:
            ids = [queue.create("reps", {"url": "http://a/b"}, {}, place=place)[0].id for place in ("", "", "there")]
            queue.claim(ids[0], "a machine:1:there:server")
            queue.claim(ids[1], "this machine:1:here:server")
        async with house(tmp_path, shared, home="here") as at:
            taken = await at.until(ids[1])
            return await at.job(ids[0]), taken, await at.job(ids[2])

    theirs, taken, bound = asyncio.run(story())
    assert (theirs.state, theirs.owner) == (State.RUNNING, "a machine:1:there:server")
    assert (taken.state, [failure["detail"] for failure in taken.failures]) == (State.SUCCEEDED, [RESTARTED])
    assert bound.state is State.QUEUED


def test_a_machine_among_many_beats_seldom_and_hears_of_a_cancellation_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats, looks = list[str](), list[str]()
    beat, is_held = JobQueue.beat, JobQueue.is_held

    def beating(self: JobQueue, job_id: str, *rest: Any) -> bool:
        beats.append(job_id)
        return beat(self, job_id, *rest)

    def looking(self: JobQueue, job_id: str, attempt: int) -> bool:
        looks.append(job_id)
        return is_held(self, job_id, attempt)

    monkeypatch.setattr(JobQueue, "beat", beating)
    monkeypatch.setattr(JobQueue, "is_held", looking)
    monkeypatch.setattr("halfgig.jobs.supervisor.BEAT", 10_000.0)

    async def story() -> None:
        async with house(tmp_path, home="here") as at:
            job_id = await at.add(first="hang")
            async with asyncio.timeout(PATIENCE):
                while not looks:
                    await asyncio.sleep(0.01)
            await at.queue.ask(lambda queue: queue.cancel(job_id))  # as another machine does: nobody rings
            async with asyncio.timeout(PATIENCE):
                while job_id not in at.ended:
                    await asyncio.sleep(0.01)

    asyncio.run(story())
    assert beats == []
    monkeypatch.setattr("halfgig.jobs.supervisor.BEAT", 0.0)
    looks.clear()
    asyncio.run(story_of_beats(tmp_path, beats))
    assert looks == []


async def story_of_beats(folder: Path, beats: list[str]) -> None:
    async with house(folder, home="here") as at:
        job_id = await at.add(first="hang")
        async with asyncio.timeout(PATIENCE):
            while job_id not in beats:
                await asyncio.sleep(0.01)


HUNGRY = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from dataclasses import replace
from test_supervisor import PLENTY, house

async def story():
    async with house(Path(sys.argv[1]), replace(PLENTY, memory_limit_mb=None), room=10**9) as at:
        done = await at.until(await at.add("reps", first="hungry"))
        print(json.dumps({"state": done.state, "failures": done.failures, "less": done.result["less"]}))

asyncio.run(story())
"""


@pytest.mark.cgroup
def test_a_child_without_bounds_is_killed_alone_and_the_reason_is_told(
    tmp_path: Path, run_in_cgroup: Callable[..., Run]
) -> None:
    ran = run_in_cgroup(
        [sys.executable, "-c", HUNGRY, str(tmp_path), str(WORKER.parent)], 300 * MIB, timeout=180, env=os.environ
    )
    assert ran.ok, ran.stderr
    told = json.loads(ran.stdout)
    assert ran.oom_killed
    assert (told["state"], told["less"]) == ("succeeded", 1)
    [failure] = told["failures"]
    assert failure["reason"] == "out_of_memory"
    assert "memory ran out" in failure["detail"]
