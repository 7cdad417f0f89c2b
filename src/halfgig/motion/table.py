"""A report's table: its reps and attempts as rows, from the report's JSON. Pure, and without numpy, for the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = ("number", "side", "start", "turn", "end", "seconds", "lowest", "highest", "range", "partial")


def csv_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The header, then a row for each rep and attempt in order of time. `report` is what `as_json` gives."""
    yield COLUMNS
    for row in sorted((*report.get("reps", ()), *report.get("attempts", ())), key=lambda row: row["start"]):
        yield tuple(str(row[name]).lower() if name == "partial" else str(row[name]) for name in COLUMNS)
