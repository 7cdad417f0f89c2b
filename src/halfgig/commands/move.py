"""`halfgig db move`: the library and the jobs of this machine's files brought into the database of DATABASE_URL."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from halfgig.errors import LibraryError
from halfgig.progress import Paced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.jobs import moving as jobs
    from halfgig.jobs.handing import Handing
    from halfgig.operations import moving as library
    from halfgig.settings import Settings
    from halfgig.store.carrying import Carried

AGAIN = "Stop the server of this folder, and run the same command again for them."


def move(settings: Settings) -> int:
    """Move, and tell what came of it. LibraryError where what was moved is not the same on both sides.

    BadRequest, before anything is moved, where the storage of BLOB_URL belongs to a third queue.
    """
    from halfgig.jobs.moving import move_jobs
    from halfgig.operations.moving import move_library

    line = Paced()
    with alone(settings) as unfinished:
        storage = _storage(settings)
        try:
            sources = move_library(settings, unfinished=unfinished, watch=lambda far: line.draw(lambda _: _far(far)))
            uploads = None if storage is None else storage.carry(lambda far: line.draw(lambda _: _far(far)))
            _refuse_broken(uploads.broken if uploads else [])  # before any job that needs them
            files = 0 if storage is None else storage.carry_belongings(lambda: None)
            done = move_jobs(settings, unfinished=unfinished, watch=lambda far: line.draw(lambda _: _far(far)))
            handed = storage is None or storage.hand_over(alone=unfinished)
        finally:
            line.wipe()
    _tell(sources, done)
    if files:
        print(f"Moved {_count(files, 'file')} of pictures, poses and drawings to BLOB_URL.")
    _tell_uploads(uploads, handed=handed)
    _refuse_broken([*sources.broken, *done.broken])
    return 0


def _storage(settings: Settings) -> Handing | None:
    from halfgig.jobs.handing import Handing

    return Handing(settings) if settings.blob_url else None


def _refuse_broken(broken: list[str]) -> None:
    if broken:
        raise LibraryError(
            f"{_count(len(broken), 'thing')} moved {'is' if len(broken) == 1 else 'are'} not the same there: "
            f"{', '.join(broken[:5])}.",
            "Remove there what is named, and run the same command again.",
        )


@contextmanager
def alone(settings: Settings) -> Iterator[bool]:
    """Whether no server runs on the data folder; then none can be started inside the block."""
    from halfgig.jobs.sole import sole_server

    with ExitStack() as held:
        try:
            held.enter_context(sole_server(settings.data_dir))
        except LibraryError:
            yield False
        else:
            yield True


def _far(far: library.Moved | jobs.Moved | Carried) -> str:
    return f"{far.moved} moved  {far.known} there already"


def _tell(sources: library.Moved, done: jobs.Moved) -> None:
    passages = _count(sources.passages, "passage")
    print(f"Moved {_count(sources.moved, 'source')} ({passages}) and {_count(done.moved, 'job')}.")
    if sources.known or done.known:
        print(f"{_count(sources.known, 'source')} and {_count(done.known, 'job')} were there already.")
    if other := [*sources.other, *done.other]:
        print(f"Left as they are there, though they are not as here: {', '.join(other)}", file=sys.stderr)
    if sources.waiting or done.waiting:
        waiting = f"{_count(sources.waiting, 'source')} and {_count(done.waiting, 'job')}"
        print(f"{waiting} are being worked on, or owe a webhook, and were not moved. {AGAIN}", file=sys.stderr)


def _tell_uploads(far: Carried | None, *, handed: bool) -> None:
    if far is None:
        return
    if far.moved or far.known:
        there = f" {_count(far.known, 'upload')} were there already." if far.known else ""
        print(f"Moved {_count(far.moved, 'upload')} to BLOB_URL.{there}")
    if far.other:
        print(f"Left as they are there, though they are not as here: {', '.join(far.other)}", file=sys.stderr)
    if far.arriving:
        print(
            f"Not complete, and not moved: {_count(far.arriving, 'upload')}. Send the rest here, or it anew there.",
            file=sys.stderr,
        )
    if not handed:
        print(f"What is at BLOB_URL is still the server's of this folder. {AGAIN}", file=sys.stderr)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
