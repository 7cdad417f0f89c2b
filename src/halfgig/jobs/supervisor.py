"""The supervisor: claims jobs when memory allows, gives each to a child, and sees to it that every one ends.

It runs in the event loop of its server. A child that dies is told apart by how it died; its job comes back from the
last checkpoint, with less where memory ran out.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from halfgig.errors import MIB, DoesNotFit, HalfgigError
from halfgig.jobs.bell import ELSEWHERE, ENDS, QUEUE
from halfgig.jobs.child import child_command
from halfgig.jobs.demand import candidates, spare
from halfgig.jobs.failures import Death, of_death, of_error
from halfgig.jobs.hunger import Hunger
from halfgig.jobs.job import Failure, Reason, State, read_bounds
from halfgig.jobs.live import KIND as LIVE
from halfgig.jobs.process import Child, start_child
from halfgig.jobs.queue import LEASE
from halfgig.jobs.staff import Staff
from halfgig.jobs.surely import surely
from halfgig.jobs.teaching import Teaching
from halfgig.jobs.wire import LASTING, Order, read_failure
from halfgig.memory import budget
from halfgig.memory.cores import granted_cores
from halfgig.memory.limit import memory_limit
from halfgig.memory.pressure import is_pressed, pressure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from halfgig.jobs.bell import Bell
    from halfgig.jobs.job import Job
    from halfgig.jobs.queue import JobQueue
    from halfgig.memory.budget import Cost
    from halfgig.memory.governor import Governor, Lease
    from halfgig.records import Bytes, Seconds
    from halfgig.settings import Settings

log = logging.getLogger("halfgig")

T = TypeVar("T")

SAMPLE: Seconds = 0.25  # between two readings of what children hold
PAUSE: Seconds = 1.0  # between two looks at the queue when nobody rings
BEAT: Seconds = 5.0  # between two heartbeats of a job where machines share the queue; elsewhere each look is one
TIDY: Seconds = 60.0  # between two tidyings of the queue's file
WORTH_TELLING: Seconds = 30.0  # of waiting for memory, after which the job tells it
GRACE: Seconds = 10.0  # that running jobs have, when the server stops, to end or to reach a checkpoint
SERVER = 60 * MIB  # bytes of the server itself, when it is reckoned what workers may have
RESTARTED = "The server was stopped or killed, and started again."
STOPPED = "The server was stopped."


class Ask(Protocol):
    """Runs a short function of the queue on the thread that owns it."""

    def __call__(self, question: Callable[[JobQueue], T]) -> Awaitable[T]:
        """The function's answer."""
        ...


def worker_command(kind: str) -> list[str]:
    """The command that starts a worker of this kind."""
    return child_command("halfgig.jobs.worker", kind)


async def leave(_: Job) -> None:
    """Do nothing about a job that has ended."""


class Supervisor:
    """Runs the jobs of one queue, at most `most` at a time, in children that hold what `governor` grants them.

    `relief` is called where memory is wanted that something else could give back; `ended` hears each job that has
    ended for good. `command` makes the command of a worker, for tests. Where machines share the queue, `home` tells
    this one from others, and `part` the programs that use it: what others do is theirs, and what only they can read is
    left to them.
    """

    def __init__(
        self,
        settings: Settings,
        ask: Ask,
        bell: Bell,
        governor: Governor,
        *,
        teaching: Teaching | None = None,
        command: Callable[[str], list[str]] = worker_command,
        relief: Callable[[], Awaitable[object]] | None = None,
        ended: Callable[[Job], Awaitable[None]] = leave,
        home: str = "",
        part: str = "server",
        grace: Seconds = GRACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._home, self._mark = home, f":{home}:{part}" if home else ""
        self.owner = f"{os.uname().nodename}:{os.getpid()}{self._mark}"
        self.restarts: dict[str, int] = {}  # failed attempts by reason, since the start
        self.most = settings.workers or default_workers(settings)
        self._bounds = read_bounds(settings.jobs_at_once)
        self._ask, self._bell, self._governor = ask, bell, governor
        self._teaching = teaching or Teaching(settings.data_dir)
        self._command, self._ended, self._clock = command, ended, clock
        self._staff = Staff(governor, relief, clock)
        self._hunger = Hunger(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._grace = grace
        self._stopping = self._took_over = False
        self._pressure = pressure()
        self._limit = memory_limit(settings).bytes
        self._waiting: tuple[str, Seconds] = ("", 0.0)  # the job that waits for memory, and since when
        self._tidied_at: Seconds = float("-inf")

    @property
    def children(self) -> tuple[Child, ...]:
        """The workers that are alive."""
        return self._staff.children

    @property
    def leases(self) -> tuple[Lease, ...]:
        """The leases of memory that are out."""
        return self._governor.leases

    async def run(self, stopping: asyncio.Event) -> None:
        """Take over what an earlier server left, and serve until `stopping` is set.

        Then nothing more is started; running jobs have a grace to come to their end or to a checkpoint, and when this
        returns every child has ended and every job that has not is queued.
        """
        sampler = asyncio.create_task(self._sample())
        try:
            while not stopping.is_set():
                await self._round(stopping)
                others = [ELSEWHERE] if self._staff.busy < self.most else []  # who has no hands free needs no news
                await self._bell.wait(QUEUE, PAUSE, *others)
        finally:
            await self._wind_down()
            sampler.cancel()
            with suppress(asyncio.CancelledError):
                await sampler

    async def _wind_down(self) -> None:
        self._stopping = True
        for child in self.children:
            if child.is_idle:
                child.dismiss(self._clock())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._grace)
        for child in self.children:
            child.kill()
        if self._tasks:
            await asyncio.wait(self._tasks)
        with suppress(HalfgigError):  # whoever starts next does it
            await self._ask(lambda queue: queue.release_all(STOPPED, lambda owner: owner == self.owner))

    @asynccontextmanager
    async def lend(self, kind: str, costs: Sequence[Cost]) -> AsyncIterator[Lease | None]:
        """A lease for work that is no job, the best of `costs` that fits, until its block ends; None where none does.

        What idles gives way, as for a job; jobs that do not fit beside it wait. DoesNotFit where none ever fits.
        """
        if costs[-1].needs > self._ever():
            raise DoesNotFit("Counting live", costs[-1].needs, max(0, self._ever()))
        _, lease = await self._staff.lease(kind, costs)
        try:
            yield lease
        finally:
            if lease is not None:
                self._governor.release(lease)
                self._bell.ring(QUEUE)

    # --- one round

    async def _round(self, stopping: asyncio.Event) -> None:
        """One look at everything; what goes wrong in it is logged, and does not end the supervisor."""
        try:
            await self._take_over()
            self._feel_pressure()
            await self._beat()
            await self._ask(lambda queue: queue.release_expired())
            await self._start_what_fits(stopping)
            self._staff.dismiss_idle(self.settings.worker_idle_seconds)
            await self._tidy()
        except HalfgigError as error:  # the disk is full, say: the next round may do better
            log.warning("the supervisor could not go on: %s", error)
        except Exception:
            log.exception("the supervisor met an unforeseen error")

    async def _take_over(self) -> None:
        """Once: queue again what an earlier server with this home was doing."""
        if not self._took_over:
            for job in await self._ask(lambda queue: queue.release_all(RESTARTED, self._is_ours)):
                log.info("job %s goes on after a restart", job.id)
            self._took_over = True

    def _is_ours(self, owner: str) -> bool:
        """Whether this is an owner that ran in our place before us: as long as we run, it does not."""
        return owner.endswith(self._mark)

    def _feel_pressure(self) -> None:
        now = pressure()
        if is_pressed(self._pressure, now):
            self._governor.press(self._clock())
        self._pressure = now

    async def _beat(self) -> None:
        """Keep the leases of running jobs, and end what hangs or was taken away."""
        for child in self.children:
            if child.job is None or child.unwanted:
                continue
            silence = self._clock() - child.heard_at
            if silence > self.settings.worker_stall_seconds:
                child.silent = silence
                child.kill()
            elif not await self._keeps(child, child.job):
                child.unwanted = True
                child.kill()

    async def _keeps(self, child: Child, job: Job) -> bool:
        """Whether the attempt has its job, which is told now and then that it lives. One that has just ended it has."""
        if await self._beats(child, job):
            return True
        now = await self._ask(lambda queue: queue.get(job.id))
        return child.job is not job or (now is not None and now.state is State.SUCCEEDED)

    async def _beats(self, child: Child, job: Job) -> bool:
        if self._home and self._clock() - child.beaten_at < BEAT:
            return await self._ask(lambda queue: queue.is_held(job.id, job.attempt))
        child.beaten_at = self._clock()
        progress, peak = child.progress, child.peak
        return await self._ask(lambda queue: queue.beat(job.id, job.attempt, progress, peak))

    async def _tidy(self) -> None:
        if self._clock() - self._tidied_at >= TIDY:
            self._tidied_at = self._clock()
            expiry = self.settings.upload_expiry_seconds
            await self._ask(lambda queue: queue.drop_old_work(queue.clock() - expiry))

    async def _start_what_fits(self, stopping: asyncio.Event) -> None:
        """Serve the queue in its order: where the first does not fit, the ones behind it wait with it."""
        while not stopping.is_set() and self._staff.busy < self.most:
            job = await self._ask(lambda queue: queue.foremost(self._home, self._bounds))
            if job is None or not await self._start(job):
                return

    async def _start(self, job: Job) -> bool:
        """Give the job to a child; False where there is no memory for it now."""
        try:
            costs = candidates(job, self.settings, self._teaching.learned, time.time(), self._ever())
        except (HalfgigError, OSError) as error:  # no such model, no such folder
            return await self._refuse(job, of_error(error))
        if costs[-1].needs > self._ever():
            return await self._refuse(job, self._too_large(job, costs[-1]))
        child, lease = await self._staff.lease(job.kind, costs, spare(job))
        if lease is None:
            await self._tell_waiting(job, costs)
            return False
        self._waiting = ("", 0.0)
        await self._claim(job, child, lease)
        return True

    async def _claim(self, job: Job, child: Child | None, lease: Lease) -> None:
        """Make the job ours and give it to the child; whatever goes wrong, the lease is not lost."""
        claimed = None
        try:
            most = self._bounds.get(job.kind)
            claimed = await self._ask(lambda queue: queue.claim(job.id, self.owner, most=most))
            if claimed is not None:
                await self._give(claimed, child, lease)
                return
        except OSError as error:  # no process can be started: the system has no more of them, or of open files
            assert claimed is not None
            failure = Failure(Reason.INTERRUPTED, f"No worker could be started: {error.strerror or error}.")
            await self._fail(claimed, failure)
        except HalfgigError:
            self._staff.give_back(child, lease)
            raise
        self._staff.give_back(child, lease)

    async def _refuse(self, job: Job, failure: Failure) -> bool:
        """End a job that cannot be done here at all."""
        claimed = await self._ask(lambda queue: queue.claim(job.id, self.owner))
        if claimed is not None:
            await self._fail(claimed, failure)
        return True

    def _ever(self) -> Bytes:
        """Bytes that a child could have if it were alone with the server."""
        return self._limit - SERVER - self._governor.reserve

    def _too_large(self, job: Job, least: Cost) -> Failure:
        error = DoesNotFit(f"A {job.kind} job", least.needs, max(0, self._ever()))
        return Failure(Reason.REFUSED, error.detail, error.remedy, error.status, needs=error.needs)

    async def _tell_waiting(self, job: Job, costs: Sequence[Cost]) -> None:
        """Log that a job waits for memory; after a while, where nothing of ours holds it, say so in the job too."""
        now, needs = self._clock(), costs[-1].needs // MIB
        left = max(0, self._governor.headroom()) // MIB
        name, since = self._waiting
        if name != job.id:
            self._waiting = (job.id, now)
            log.info("job %s waits for memory: it needs %d MB, and %d are left", job.id, needs, left)
        elif now - since > WORTH_TELLING and not self._staff.busy:
            self._waiting = (job.id, float("inf"))
            why = "memory is under pressure" if self._governor.is_pressed(now) else f"{left} MB are free"
            who = "somebody who is counted live holds" if self._counts_live else "others hold"
            text = f"It waits for {needs} MB of memory; {why}, and {who} the rest."
            await self._ask(lambda queue: queue.note(job.id, text))
            self._bell.ring(job.id)

    @property
    def _counts_live(self) -> bool:
        return any(lease.kind == LIVE for lease in self.leases)

    async def _give(self, job: Job, child: Child | None, lease: Lease) -> None:
        """Start a child where none is idle, and tell it the job."""
        if child is None:
            command = self._command(job.kind)
            child = await start_child(command, job.kind, lease, self._environment(), self._clock())
            self._staff.add(child)
            self._keep(self._watch(child))
        child.begin(job, self._clock())
        granted, left = lease.granted // MIB, self._governor.headroom() // MIB
        log.info("job %s: attempt %d by worker %d, %d MB; %d left", job.id, job.attempt, child.pid, granted, left)
        self._bell.ring(job.id)
        await child.send(asdict(Order(job.id, job.attempt, lease.granted, job.less)))

    def _environment(self) -> dict[str, str]:
        threads = self.settings.threads or max(1, granted_cores() // self.most)
        return {**self.settings.as_environment(), "THREADS": str(threads), "MALLOC_ARENA_MAX": "1"}

    # --- a child's life

    def _keep(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, child: Child) -> None:
        """Hear a child out, until it ends; then see to its job."""
        errors = asyncio.create_task(child.listen_to_errors())
        try:
            async for message in child.messages():
                await self._hear(child, message)
        except (HalfgigError, ValueError) as error:
            log.warning("worker %d is ended: %s", child.pid, error)
        finally:
            child.kill()
            code = await child.process.wait()
            starved = self._hunger.killed_lately()
            await errors
            self._staff.remove(child)
        try:
            if child.job is not None:
                await self._bury(child, child.job, code, starved)
        except HalfgigError as error:  # its lease will run out
            log.warning("the end of worker %d is not written down: %s", child.pid, error)
        self._bell.ring(QUEUE)

    async def _hear(self, child: Child, message: dict[str, Any]) -> None:
        now = child.heard_at = self._clock()
        job = child.job
        if job is None:
            return
        match message:
            case {"progress": dict(progress)}:
                child.progress = progress
                child.enter(str(progress.get("stage")), now)
            case {"checkpoint": _} if self._stopping:
                child.kill()
            case {"admitted": {"variant": str(variant), "needs": int(needs), "peak": int(peak)}}:
                child.variant, child.expected = variant, peak
                self._governor.shrink(child.lease, needs)
            case {"failure": dict(failure)}:
                await self._failed(child, job, read_failure(failure))
            case {"done": str(how)}:
                await self._done(child, job, how)
        self._bell.ring(job.id)

    async def _done(self, child: Child, job: Job, how: str) -> None:
        if how == "succeeded":
            self._teaching.learn(job.kind, child.variant, child.peak, child.expected)
        await self._rest(child, job)
        await self._tell_end(job.id)

    async def _failed(self, child: Child, job: Job, failure: Failure) -> None:
        """A worker tells that its attempt failed; the job's row is still its own."""
        child.unwanted = failure.reason not in LASTING  # then it ends itself
        placed = self._placed(child, job, failure)
        await self._rest(child, job)
        await self._fail(job, placed)

    async def _rest(self, child: Child, job: Job) -> None:
        """The child has no job any more, from this moment on; write down what the attempt took."""
        child.sample()
        self._staff.rest(child)
        await self._settle(child, job)
        self._bell.ring(QUEUE)

    async def _settle(self, child: Child, job: Job) -> None:
        peak, stages = child.peak, {name: round(seconds, 3) for name, seconds in child.stages.items()}
        await self._surely(lambda queue: queue.note_timings(job.id, job.attempt, peak, stages))

    async def _bury(self, child: Child, job: Job, code: int, starved: bool | None) -> None:  # noqa: FBT001 - as Death has it
        """A child has died in the middle of a job: find out why, and queue the job again."""
        child.enter("", self._clock())
        await self._settle(child, job)
        if child.unwanted:  # its job was cancelled
            await self._tell_end(job.id)
        elif self._stopping:
            await self._fail(job, Failure(Reason.INTERRUPTED, STOPPED))
        else:
            words = "\n".join(child.last_words)
            death = Death(code, starved, child.peak, self._limit, words, child.silent)
            await self._fail(job, of_death(death))

    async def _fail(self, job: Job, failure: Failure) -> None:
        log.warning("job %s, attempt %d: %s", job.id, job.attempt, failure.detail)
        self.restarts[failure.reason] = self.restarts.get(failure.reason, 0) + 1
        await self._surely(lambda queue: queue.fail(job.id, job.attempt, failure))
        await self._tell_end(job.id)

    def _placed(self, child: Child, job: Job, failure: Failure) -> Failure:
        """The failure with what the child held. What does not fit into its lease waits for a larger one, unless this
        machine can never give that.
        """
        failure = replace(failure, peak=child.peak)
        if failure.reason is not Reason.DOES_NOT_FIT or failure.needs is None or failure.needs <= self._ever():
            return failure
        return self._too_large(job, budget.Cost(child.kind, "", failure.needs - budget.CODE))

    async def _tell_end(self, job_id: str) -> None:
        """Ring for the job, and have its end seen to where it has come."""
        self._bell.ring(job_id, QUEUE, ENDS)
        job = await self._surely(lambda queue: queue.get(job_id))
        if job is not None and job.state.final:
            log.info("job %s %s after %d attempt(s), %d MB", job.id, job.state, job.attempt, (job.peak or 0) // MIB)
            await self._ended(job)

    async def _surely(self, question: Callable[[JobQueue], T]) -> T:
        """The answer, waited for while the database is away: what has happened is not forgotten for that."""
        until = self._clock() + LEASE
        return await surely(lambda: self._ask(question), lambda: self._clock() < until and not self._stopping)

    async def _sample(self) -> None:
        while True:
            busy = [child for child in self.children if child.job is not None]
            for child in busy:
                child.sample()
            if busy:
                self._hunger.look()
            await asyncio.sleep(SAMPLE)


def default_workers(settings: Settings) -> int:
    """As many as there are cores, and as fit side by side with the largest of the known costs."""
    largest = max(cost.needs for cost in budget.TABLE)
    room = (memory_limit(settings).bytes - SERVER) // largest
    return max(1, min(granted_cores(), room))
