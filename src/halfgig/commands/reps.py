"""`halfgig reps`: the exercise repetitions of one video, for a person, as JSON or as CSV."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING

from halfgig.commands.models import PullProgress
from halfgig.commands.standard import given, tell
from halfgig.progress import Progress, minutes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from halfgig.records import Rep, Report
    from halfgig.settings import Settings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `reps` to the command line."""
    parser = subparsers.add_parser("reps", help="count the exercise repetitions in a video")
    parser.add_argument("source", metavar="VIDEO", help="a path, a URL, or - for standard input")
    parser.add_argument("--exercise", default="auto", metavar="NAME", help="squat, push-up, ... (default: auto)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--csv", action="store_true", help="print a row for each repetition")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Count and print; a video without exercise is 0 repetitions, not an error."""
    from halfgig.motion.report import as_csv_rows, as_json
    from halfgig.operations.counting import prepare_count

    progress = Progress()
    counting = prepare_count(
        given(arguments.source),
        exercise=arguments.exercise,
        settings=settings,
        watch=progress.move,
        report=PullProgress(sys.stderr),
    )
    progress.total = counting.info.duration
    try:
        report = counting.run()
    finally:
        progress.clear()
    if arguments.json:
        print(json.dumps(as_json(report), ensure_ascii=False, indent=2))
    elif arguments.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(as_csv_rows(report))
    else:
        print("\n".join(describe_report(report)))
    if arguments.csv:
        tell(*report.notes)
    return 0


def describe_report(report: Report) -> Iterator[str]:
    """The report for a person: a heading, a line for each repetition, and the notes."""
    attempts = f", {len(report.attempts)} partial" if report.attempts else ""
    yield f"{report.exercise}: {report.count} repetition{'' if report.count == 1 else 's'}{attempts}"
    yield from map(_line, report.reps)
    yield from (f"{note}" for note in report.notes)


def _line(rep: Rep) -> str:
    side = "" if rep.side == "both" else f"  {rep.side}"
    times = f"{minutes(rep.start)} to {minutes(rep.end)}, {rep.end - rep.start:.1f} s"
    return f"  {rep.number:3d}  {times}, {rep.lowest:.0f} to {rep.highest:.0f} degrees{side}"
