"""A report of repetitions in words for a person, from its JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from halfgig.progress import minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def describe_report(report: Mapping[str, Any]) -> Iterator[str]:
    """A heading, a line for each repetition, and the notes."""
    attempts = f", {len(report['attempts'])} partial" if report["attempts"] else ""
    yield f"{report['exercise']}: {report['count']} repetition{'' if report['count'] == 1 else 's'}{attempts}"
    yield from map(describe_rep, report["reps"])
    yield from report["notes"]


def describe_rep(rep: Mapping[str, Any]) -> str:
    """One repetition on one line."""
    side = "" if rep["side"] == "both" else f"  {rep['side']}"
    times = f"{minutes(rep['start'])} to {minutes(rep['end'])}, {rep['seconds']:.1f} s"
    return f"  {rep['number']:3d}  {times}, {rep['lowest']:.0f} to {rep['highest']:.0f} degrees{side}"
