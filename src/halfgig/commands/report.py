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
    yield from map(describe_hold, report.get("holds", ()))
    yield from map(describe_set, report.get("sets", ()))
    yield from (f"  {cue}" for cue in report.get("cues", ()))
    yield from report["notes"]


def describe_rep(rep: Mapping[str, Any]) -> str:
    """One repetition on one line."""
    side = "" if rep["side"] == "both" else f"  {rep['side']}"
    times = f"{minutes(rep['start'])} to {minutes(rep['end'])}, {rep['seconds']:.1f} s"
    said = "".join(f"; {reason}" for reason in rep.get("reasons", ()))
    return f"  {rep['number']:3d}  {times}, {rep['lowest']:.0f} to {rep['highest']:.0f} degrees{side}{said}"


def describe_hold(hold: Mapping[str, Any]) -> str:
    """One posture that was held, on one line."""
    return f"  held from {minutes(hold['start'])} to {minutes(hold['end'])}, {hold['seconds']:.0f} s"


def describe_set(one: Mapping[str, Any]) -> str:
    """One set on one line."""
    tempo = one.get("tempo")
    way = f", {tempo['eccentric']:.1f} s down, {tempo['concentric']:.1f} s up" if tempo else ""
    loss = f", {100 * one['velocity_loss']:.0f} % slower at the end" if one.get("velocity_loss") else ""
    score = f", score {one['score']}" if one.get("score") is not None else ""
    return f"  set {one['number']}: {one['count']}{way}, {one['time_under_tension']:.0f} s of work{loss}{score}"
