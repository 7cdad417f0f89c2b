"""A report's JSON, put in order, and its table of reps and attempts. Pure, and without numpy, for the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

COLUMNS = ("number", "side", "start", "turn", "end", "seconds", "lowest", "highest", "range", "partial")

REPORT = ("exercise", "count", "sides", "duration", "frames_analyzed", "frames_with_pose", "notes", "reps", "attempts")
REP = ("number", "start", "turn", "end", "lowest", "highest", "side", "partial", "seconds", "range")


def arranged(report: Mapping[str, Any]) -> dict[str, Any]:
    """The same report with its members in the order in which `as_json` gives them; what it lacks is left out."""
    lists = {name: [_named(row, REP) for row in report[name]] for name in ("reps", "attempts") if name in report}
    return _named({**report, **lists}, REPORT)


def csv_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The header, then a row for each rep and attempt in order of time. `report` is what `as_json` gives."""
    yield COLUMNS
    for row in sorted((*report.get("reps", ()), *report.get("attempts", ())), key=lambda row: row["start"]):
        yield tuple(str(row[name]).lower() if name == "partial" else str(row[name]) for name in COLUMNS)


def _named(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    known = {name: values[name] for name in names if name in values}
    return {**known, **values}
