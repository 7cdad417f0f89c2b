"""What commands share that have a server do their work: which server, sending a source, and waiting for the job."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from halfgig.commands.standard import tell
from halfgig.commands.watching import describe_progress, describe_sending
from halfgig.errors import BadRequest, HalfgigError, ServerTrouble
from halfgig.progress import EVERY, StatusLine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from halfgig.client.client import Client
    from halfgig.client.job import RemoteJob
    from halfgig.records import Bytes
    from halfgig.settings import Settings


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add `--server`; it may stand without a URL, and is None where it was not given."""
    parser.add_argument(
        "--server", nargs="?", const="", metavar="URL", help="have this server do it (without URL: HALFGIG_SERVER)"
    )


def connect(given: str | None, settings: Settings) -> Client:
    """The client of the server that was given, or of HALFGIG_SERVER; nothing is asked yet."""
    from halfgig.client.address import read_address
    from halfgig.client.client import Client

    return Client(read_address(given or settings.server), settings.api_key)


def asked(**options: Any) -> dict[str, Any]:
    """The options that were given; the server's settings decide about the others."""
    return {name: value for name, value in options.items() if value not in (None, False, [])}


def submit(client: Client, kind: str, source: str, options: dict[str, Any]) -> RemoteJob:
    """Send a path, or the URL of what the server is to fetch, and what to do with it."""
    if source == "-":
        raise BadRequest("Standard input is not sent to a server.", "Write it to a file, and give its path.")
    if source.lower().startswith(("http://", "https://")):
        return client.submit_url(kind, source, options)
    line = StatusLine()
    try:
        return client.submit_file(kind, _path(source), options, _sending(line))
    finally:
        line.wipe()


def see_through(client: Client, job: RemoteJob) -> RemoteJob:
    """Wait for the job with a line of progress, and tell its notes. Raises the error for which it failed.

    Whoever is interrupted leaves the job to the server, and tells how to come back to it.
    """
    line = StatusLine()
    with leaving(client, job.id, line):
        for event in client.follow(job.id):
            if event.type in ("progress", "state"):
                line.draw(describe_progress(event.data))
        done = client.job(job.id)
    refuse_unfinished(done)
    tell(*done.notes)
    return done


@contextmanager
def leaving(client: Client, job_id: str, line: StatusLine) -> Iterator[None]:
    """A block in which a job is watched; where it ends too soon, how to come back is told."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, ServerTrouble):
        line.wipe()
        print(how_to_come_back(client, job_id), file=sys.stderr)
        raise
    finally:
        line.wipe()


def how_to_come_back(client: Client, job_id: str) -> str:
    """What to do about a job that nobody waits for any more."""
    rest = f"{job_id} --server {client.address}"
    return f"The job goes on. Watch it:  halfgig jobs watch {rest}\n       or give it up:  halfgig jobs cancel {rest}"


def refuse_unfinished(job: RemoteJob) -> None:
    """Raise the error for which a job has no result."""
    from halfgig.client.problems import job_problem

    if job.state == "failed":
        raise job_problem(job.shown.get("problem") or {})
    if job.state != "succeeded":
        raise HalfgigError(f"The job is {job.state}.", f"halfgig jobs retry {job.id} queues a cancelled one again.")


def _path(source: str) -> Path:
    return Path(unquote(urlsplit(source).path)) if source[:5].lower() == "file:" else Path(source)


def _sending(line: StatusLine) -> Callable[[Bytes, Bytes], None]:
    """What hears how many bytes of how many are sent, and draws it a few times a second."""
    begun = drawn = time.monotonic()

    def watch(sent: Bytes, size: Bytes) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - drawn >= EVERY:
            drawn = now
            line.draw(describe_sending(sent, size, now - begun))

    return watch
