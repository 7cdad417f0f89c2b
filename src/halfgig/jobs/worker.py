"""The worker: a child that does jobs of one kind, one after another, and keeps its models between them.

What it is told and tells is in `wire`. What it makes it writes itself, fenced by the attempt.
"""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from halfgig.errors import MIB, HalfgigError, SourceError
from halfgig.jobs.attempt import Attempt, Fenced
from halfgig.jobs.child import become_child
from halfgig.jobs.failures import of_error
from halfgig.jobs.fetching import Fetching
from halfgig.jobs.job import DRAWING, REINDEX, Reason
from halfgig.jobs.queue import LEASE
from halfgig.jobs.table import JobTable
from halfgig.jobs.telling import Telling
from halfgig.jobs.wire import LASTING, Order
from halfgig.media.obtain import obtain
from halfgig.media.shown import kept_url, told_text
from halfgig.media.source import fingerprint, open_source
from halfgig.operations.stills import keep_stills
from halfgig.settings import Settings
from halfgig.store.place import open_belongings, upload_shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.jobs.child import Wire
    from halfgig.jobs.job import Job
    from halfgig.records import Bytes, Source

log = logging.getLogger("halfgig")

FILED = frozenset({"index", "reps"})  # kinds whose sources come into the library
CHANGED = "The content at the address has changed since an earlier attempt, and the work has begun anew."


class Worker:
    """Does jobs from an open table with the settings of this process; `wire` hears how it goes."""

    def __init__(self, table: JobTable, settings: Settings, wire: Wire) -> None:
        from halfgig.jobs.work import Tools

        self._table, self._settings, self._wire = table, settings, wire
        self._telling = Telling(wire.send)
        self._tools = Tools(settings, self._telling.beat)

    def take(self, order: Order) -> bool:
        """Do one job, and say how it ended. False where this process should do no more."""
        job = self._table.get(order.job)
        self._telling.begin()
        try:
            if job is None or job.attempt != order.attempt:
                raise Fenced(f"Job {order.job} is not here for attempt {order.attempt}.")
            self._do(Attempt(self._table, job), order)
        except Fenced:
            log.info("job %s was taken away", order.job)
            self._wire.send({"done": "fenced"})
        except Exception as error:
            return self._failed(order, error)
        else:
            self._wire.send({"done": "succeeded"})
        return True

    def _failed(self, order: Order, error: Exception) -> bool:
        failure = of_error(error)
        if failure.reason is Reason.UNEXPECTED:
            log.exception("job %s met an unforeseen error", order.job)
        self._wire.send({"failure": asdict(failure)})
        return failure.reason in LASTING

    def _do(self, attempt: Attempt, order: Order) -> None:
        from halfgig.jobs.work import Work, do, do_reindex, with_less

        settings = replace(self._settings, memory_limit_mb=max(1, order.lease // MIB))
        settings = with_less(settings, order.less)
        if attempt.job.kind == REINDEX:
            do_reindex(attempt, settings, self._telling)
            return
        if attempt.job.kind == DRAWING:
            self._draw(attempt, settings)
            return
        self._telling.enter("fetching")
        with obtained(attempt.job, settings, self._telling.beat) as (source, captions):
            content = recognize(attempt, source, self._telling.beat)
            if attempt.job.kind in FILED:
                keep_stills(source, content, open_belongings(settings).stills, self._telling.beat)
            if self._was_done_before(attempt, content):
                return
            self._telling.enter("loading")
            address = address_of(attempt.job, source)
            admitted = self._admitted
            do(Work(attempt, source, address, content, settings, self._telling, self._tools, admitted, captions))

    def _draw(self, attempt: Attempt, settings: Settings) -> None:
        """Only what is drawn on the video itself comes with one."""
        from halfgig.jobs.drawing import do_drawing

        with ExitStack() as stack:
            source = None
            if "upload" in attempt.job.source:
                source, _ = stack.enter_context(obtained(attempt.job, settings, self._telling.beat))
            do_drawing(attempt, source, settings, self._telling, self._admitted)

    def _was_done_before(self, attempt: Attempt, content: str) -> bool:
        """End the attempt with the result of a job that did the same; False where there is none that still holds."""
        from halfgig.jobs.work import still_holds

        twin, keep = attempt.twin(content), attempt.job.keep_source
        if twin is None or not still_holds(twin, content, self._settings, keep=keep):
            return False
        return attempt.adopt(twin) is not None

    def _admitted(self, variant: str, needs: Bytes, peak: Bytes) -> None:
        self._wire.send({"admitted": {"variant": variant, "needs": needs, "peak": peak}})


def recognize(attempt: Attempt, source: Source, beat: Callable[..., None]) -> str:
    """The fingerprint of the source, recorded; `beat` is called while it is read.

    An upload is what it was. What is behind a URL may be other content than an earlier attempt has seen: then what was
    made of that is dropped. Where the server tells no version, no other job's content is taken for the same.
    """
    job = attempt.job
    known = job.source.get("sha256") or (job.fingerprint if "upload" in job.source else None)
    content: str = known or fingerprint(source, beat, doubt=job.id)
    if job.fingerprint not in (None, content):
        attempt.start_over(content, CHANGED)
    else:
        attempt.describe(fingerprint=content)
    return content


@contextmanager
def obtained(job: Job, settings: Settings, beat: Callable[..., None]) -> Iterator[tuple[Source, Path | None]]:
    """The job's source for the length of the block, with the captions that came with it where they were asked for;
    what was fetched is removed afterwards.

    `beat` is called while it is fetched. Errors: as of `obtain`, and StorageFull past the room for what is fetched.
    """
    if "upload" in job.source:
        with uploaded(job, settings, beat) as source:
            yield source, None
        return
    folder = settings.fetched_dir / job.id
    wanted = "motion" if job.kind == "reps" else "speech"
    settings = replace(settings, language=job.options.get("language") or settings.language)
    asked = bool(job.options.get("captions"))
    watch = Fetching(settings, folder, beat)
    with obtain(job.source["url"], folder, wanted, settings, watch, captions=asked) as obtained:
        source = obtained.source
        yield replace(source, title=job.source.get("title") or source.title), obtained.captions


@contextmanager
def uploaded(job: Job, settings: Settings, beat: Callable[..., None]) -> Iterator[Source]:
    """What was uploaded for the job: a file, or a stream from shared storage, of which `beat` hears."""
    title = job.source.get("title") or "the upload"
    try:
        kept = upload_shelf(settings).bytes_of(job.source["upload"])
    except FileNotFoundError:
        raise SourceError("What was uploaded is no longer here.", "Upload it again.") from None
    if isinstance(kept, Path):
        yield open_source(kept, settings, title=title)
        return
    with kept.open(beat) as stream:
        yield open_source(cast("IO[bytes]", stream), settings, title=title)


def address_of(job: Job, source: Source) -> str:
    """Where the source can be found after the job, without what lets in only its owner; empty where it is not kept."""
    if "url" in job.source:
        return kept_url(job.source["url"])
    return source.address if job.keep_source else ""


class Discreet(logging.Formatter):
    """Leaves out of URLs what only their owner knows, also in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one text."""
        return told_text(super().format(record))


def log_discreetly() -> None:
    """Log to standard error, which the supervisor reads."""
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def main() -> None:
    """Serve the parent until it closes the wire."""
    wire = become_child(int(sys.argv[1]))
    log_discreetly()
    try:
        settings = Settings.from_environment()
        with JobTable(settings.jobs_at, patience=LEASE) as table:
            worker = Worker(table, settings, wire)
            for message in wire.messages():
                if not worker.take(Order(**message)):
                    return
    except (HalfgigError, BrokenPipeError) as error:
        log.error("%s", error)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
