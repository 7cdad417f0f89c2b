"""A report's JSON, put in order, and its table of reps and attempts. Pure, and without numpy, for the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

QUALITY = ("eccentric", "pause", "concentric", "depth", "symmetry", "velocity", "score", "confidence", "reasons")
MEASURED = ("number", "side", "start", "turn", "end", "seconds", "lowest", "highest", "range", "partial")
COLUMNS = (*MEASURED, "set", *QUALITY)

REPORT = (
    *(
        "exercise",
        "family",
        "count",
        "sides",
        "duration",
        "frames_analyzed",
        "frames_with_pose",
        "notes",
        "signal",
        "unit",
    ),
    *("work", "view", "error", "target", "tempo", "time_under_tension", "score", "cues", "sets", "holds", "reps"),
    "attempts",
)
REP = (
    *("number", "start", "turn", "end", "lowest", "highest", "side", "partial", "seconds", "range", "set", *QUALITY),
)
SET = (
    *("number", "start", "end", "count", "attempts", "sides", "range", "velocity_loss", "tempo", "time_under_tension"),
    *("score", "cues"),
)
TEMPO = ("eccentric", "pause", "concentric")
HOLD = ("number", "start", "end", "seconds")


def arranged(report: Mapping[str, Any]) -> dict[str, Any]:
    """The same report with its members in the order in which `as_json` gives them; what it lacks is left out."""
    rows = {"reps": REP, "attempts": REP, "sets": SET, "holds": HOLD}
    lists = {name: [_within(row, names) for row in report[name]] for name, names in rows.items() if name in report}
    return _within({**report, **lists}, REPORT)


def _within(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The members in the order of `names`, and those that have members of their own in order, too."""
    inner = {"tempo": TEMPO, "target": ("rest", "full")}
    told = {name: _named(values[name], order) for name, order in inner.items() if values.get(name)}
    return _named({**values, **told}, names)


def csv_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The header, then a row for each rep and attempt in order of time. `report` is what `as_json` gives."""
    yield COLUMNS
    for row in sorted((*report.get("reps", ()), *report.get("attempts", ())), key=lambda row: row["start"]):
        yield tuple(_cell(row.get(name)) for name in COLUMNS)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return "; ".join(value) if isinstance(value, list) else str(value)


def _named(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    known = {name: values[name] for name in names if name in values}
    return {**known, **values}
