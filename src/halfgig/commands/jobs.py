"""`halfgig jobs`: the jobs of a running server: listed, shown, watched, fetched, cancelled, retried, deleted."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halfgig.commands.remote import connect, leaving, refuse_unfinished
from halfgig.commands.standard import open_output, tell
from halfgig.commands.transcribe import FORMS, fetch_transcript
from halfgig.commands.watching import describe_event, describe_job, describe_progress, describe_state, describe_whole
from halfgig.errors import BadRequest
from halfgig.motion.table import csv_rows
from halfgig.progress import StatusLine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from halfgig.client.client import Client
    from halfgig.client.events import JobEvent
    from halfgig.client.job import RemoteJob
    from halfgig.settings import Settings

STATES = ("queued", "running", "succeeded", "failed", "cancelled")
KINDS = ("transcript", "index", "reps", "reindex", "drawing")
RESULTS = (*FORMS, "csv")
MOST_LISTED = 200


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `jobs` to the command line."""
    parser = subparsers.add_parser("jobs", help="list, watch or end the jobs of a running server")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _add(actions, "list", run_list, "list them, newest first")
    listing.add_argument("--state", choices=STATES, help="only those in this state")
    listing.add_argument("--kind", choices=KINDS, help="only those of this kind")
    listing.add_argument("-n", type=int, default=20, metavar="N", help="jobs at most (default: %(default)s)")
    _add_one(actions, "show", run_show, "tell all about one")
    _add_one(actions, "watch", run_watch, "follow one to its end; exit code 1 where it does not succeed")
    result = _add_one(actions, "result", run_result, "print what one has made")
    result.add_argument("--format", choices=RESULTS, help="default: by the ending of FILE, else txt, or json for reps")
    result.add_argument("-o", "--output", metavar="FILE", help="write here instead of to standard output")
    _add_one(actions, "cancel", run_cancel, "give one up; what it has made so far is kept")
    _add_one(actions, "retry", run_retry, "queue one again that failed or was cancelled")
    _add_one(actions, "delete", run_delete, "forget one that has ended, and what it has made")


def run_list(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print some jobs, newest first."""
    if not 1 <= arguments.n <= MOST_LISTED:
        raise BadRequest(f"-n {arguments.n} is not from 1 to {MOST_LISTED}.", "Choose fewer with --state and --kind.")
    client = connect(arguments.server, settings)
    found = client.jobs(state=arguments.state, kind=arguments.kind, limit=arguments.n)
    if arguments.json:
        _print_json([job.shown for job in found])
    else:
        print("\n".join(map(describe_job, found)) or "There are no such jobs.")
    return 0


def run_show(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print everything about one job."""
    job = connect(arguments.server, settings).find(arguments.job)
    if arguments.json:
        _print_json(job.shown)
    else:
        print("\n".join(describe_whole(job)))
    return 0


def run_watch(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print segments and reps as they come, until the job has ended; 0 where it has succeeded, else 1."""
    client = connect(arguments.server, settings)
    job = client.find(arguments.job)
    line = StatusLine()
    show = _show_json if arguments.json else _shower(line)
    with leaving(client, job.id, line):
        for event in client.follow(job.id):
            show(event)
        done = client.job(job.id)
    return 0 if done.state == "succeeded" else 1


def run_result(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what a job has made, in a format, or write it to a file that is whole or not there."""
    client = connect(arguments.server, settings)
    job = client.find(arguments.job)
    refuse_unfinished(job)
    ending = Path(arguments.output).suffix[1:].lower() if arguments.output else ""
    form = "json" if arguments.json else arguments.format or (ending if ending in RESULTS else "")
    pieces = _reps(client, job, form or "json") if job.kind == "reps" else _speech(client, job, form or "txt")
    with open_output(arguments.output) as write:
        for piece in pieces:
            write(piece)
    return 0


def run_cancel(arguments: argparse.Namespace, settings: Settings) -> int:
    """Give a job up."""
    return _move(arguments, settings, lambda client, job: client.cancel(job.id))


def run_retry(arguments: argparse.Namespace, settings: Settings) -> int:
    """Queue a job again."""
    return _move(arguments, settings, lambda client, job: client.retry(job.id))


def run_delete(arguments: argparse.Namespace, settings: Settings) -> int:
    """Forget a job."""
    client = connect(arguments.server, settings)
    job = client.find(arguments.job)
    client.delete(job.id)
    if arguments.json:
        _print_json({"id": job.id, "deleted": True})
    else:
        print(f"Deleted {job.id}.")
    return 0


def _add(actions: Any, name: str, run: Callable[..., int], help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help)
    parser.add_argument("--server", metavar="URL", help="the server (default: HALFGIG_SERVER)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _add_one(actions: Any, name: str, run: Callable[..., int], help: str) -> argparse.ArgumentParser:
    parser = _add(actions, name, run, help)
    parser.add_argument("job", metavar="ID", help="the id of a job, or the beginning of it")
    return parser


def _move(arguments: argparse.Namespace, settings: Settings, move: Callable[[Client, RemoteJob], RemoteJob]) -> int:
    client = connect(arguments.server, settings)
    job = move(client, client.find(arguments.job))
    if arguments.json:
        _print_json(job.shown)
    else:
        print(describe_job(job))
    return 0


def _shower(line: StatusLine) -> Callable[[JobEvent], None]:
    """What shows an event: text on standard output, states and notes beside it, progress on the status line."""

    def show(event: JobEvent) -> None:
        if event.type == "progress":
            line.draw(describe_progress(event.data))
            return
        line.wipe()
        if event.type == "state":
            print(describe_state(event.data), file=sys.stderr)
        elif event.type == "note":
            tell(str(event.data.get("text", "")))
        elif told := describe_event(event):
            print(told, flush=True)

    return show


def _show_json(event: JobEvent) -> None:
    numbered = {} if event.id is None else {"id": event.id}
    print(json.dumps({**numbered, "type": event.type, "data": event.data}, ensure_ascii=False), flush=True)


def _speech(client: Client, job: RemoteJob, form: str) -> Iterator[str]:
    if form not in FORMS:
        raise BadRequest(f"A transcript cannot be had as {form}.", f"Choose one of these: {', '.join(FORMS)}.")
    return fetch_transcript(client, job.id, form)


def _reps(client: Client, job: RemoteJob, form: str) -> Iterator[str]:
    if form not in ("json", "csv"):
        raise BadRequest(f"A report of repetitions cannot be had as {form}.", "Choose json or csv.")
    report = client.result_json(job.id)
    if form == "json":
        yield json.dumps(report, ensure_ascii=False, indent=2) + "\n"
    else:
        yield from (_row(row) for row in csv_rows(report))


def _row(row: tuple[str, ...]) -> str:
    from io import StringIO

    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
