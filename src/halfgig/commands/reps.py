"""`halfgig reps`: the exercise repetitions of one video, for a person, as JSON or as CSV."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halfgig.commands.models import PullProgress
from halfgig.commands.remote import add_server, asked, connect, see_through, submit
from halfgig.commands.report import describe_report
from halfgig.commands.standard import given, tell
from halfgig.errors import BadRequest, LibraryError, SourceError
from halfgig.motion.table import csv_rows
from halfgig.progress import Progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from halfgig.operations.counting import Counting
    from halfgig.operations.drawings import Wanted
    from halfgig.settings import Settings


DRAWINGS = ("plot", "overlay", "landmarks")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `reps` to the command line."""
    parser = subparsers.add_parser("reps", help="count the exercise repetitions in a video")
    parser.add_argument("source", metavar="VIDEO", help="a path, a URL, or - for standard input")
    parser.add_argument("--exercise", default="auto", metavar="NAME", help="squat, push-up, ... (default: auto)")
    parser.add_argument("--tag", action="append", default=[], metavar="TAG", help="to search by; may be given again")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--csv", action="store_true", help="print a row for each repetition")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the angle over time, with repetitions and sets")
    parser.add_argument("--overlay", metavar="FILE.mp4", help="write the video with skeleton, angle and count")
    parser.add_argument("--landmarks", metavar="FILE", help="write every landmark of every moment, as .csv or .parquet")
    add_server(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Count and print; a video without exercise is 0 repetitions, not an error."""
    work = _count_here if arguments.server is None else _count_remotely
    report = work(arguments, settings)
    if arguments.json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    elif arguments.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(csv_rows(report))
        tell(*report["notes"])
    else:
        print("\n".join(describe_report(report)))
    return 0


def _count_here(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    from halfgig.motion.report import as_json
    from halfgig.operations.counting import prepare_count
    from halfgig.operations.drawings import Drawings

    progress, wanted = Progress(), _wanted(arguments)
    counting = prepare_count(
        given(arguments.source),
        exercise=arguments.exercise,
        settings=settings,
        watch=progress.move,
        report=PullProgress(sys.stderr),
    )
    progress.total = counting.info.duration
    drawings = Drawings(wanted)
    counting.see = drawings.hear
    try:
        counted = counting.run()
        drawings.finish(counting, counted, progress.move)
        report = as_json(counted)
    finally:
        drawings.close()
        progress.clear()
    if arguments.source != "-":
        tell(_file(counting, report, arguments.tag, settings))
    return report


def _wanted(arguments: argparse.Namespace) -> Wanted:
    from halfgig.operations.drawings import Wanted

    named = {name: getattr(arguments, name) for name in DRAWINGS}
    wanted = Wanted(**{name: Path(file) if file else None for name, file in named.items()})
    wanted.check(again=arguments.source != "-")
    return wanted


def _file(counting: Counting, report: dict[str, Any], tags: Sequence[str], settings: Settings) -> str:
    """Make the repetitions searchable; what is counted is told all the same where that fails, and why."""
    from halfgig.operations.counting import file_counted

    try:
        file_counted(counting, report, settings, tags)
    except (LibraryError, SourceError) as error:
        return f"These repetitions cannot be searched: {error}"
    return ""


def _count_remotely(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    if any(getattr(arguments, name) for name in DRAWINGS):
        raise BadRequest(
            "What is drawn is not fetched from a server.",
            "Leave --server out; or POST /sources/ID/drawings/plot.png has it draw what it counted with keep_source.",
        )
    client = connect(arguments.server, settings)
    job = submit(client, "reps", arguments.source, asked(exercise=arguments.exercise, tags=arguments.tag))
    return client.result_json(see_through(client, job).id)
