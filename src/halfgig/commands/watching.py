"""What a server tells of a job, in words for a person."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from halfgig.commands.report import describe_rep
from halfgig.commands.standard import printable
from halfgig.errors import MIB
from halfgig.progress import bar, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from halfgig.client.events import JobEvent
    from halfgig.client.job import RemoteJob
    from halfgig.records import Bytes, Seconds

SHORT_ID = 14  # characters of an id that are shown: its time, and chance enough


def describe_progress(told: Mapping[str, Any]) -> str:
    """`recognizing  [#####---------------]  25%  02:30/10:00  21.4x  00:21 left`; what is not known is left out."""
    parts = [printable(str(told.get("stage") or told.get("state") or ""))]
    position, duration, fraction = (_number(told.get(name)) for name in ("position", "duration", "fraction"))
    if fraction is not None:
        parts.append(bar(fraction))
    if position:
        parts.append(minutes(position) if duration is None else f"{minutes(position)}/{minutes(duration)}")
    if speed := _number(told.get("speed")):
        parts.append(f"{speed:.1f}x")
    if remaining := _number(told.get("remaining")):
        parts.append(f"{minutes(remaining)} left")
    return "  ".join(parts)


def describe_sending(sent: Bytes, size: Bytes, elapsed: Seconds) -> str:
    """`sending  [#####---------------]  25%  120/480 MB  14.2 MB/s`."""
    speed = f"  {sent / MIB / elapsed:.1f} MB/s" if elapsed > 0 else ""
    return f"sending  {bar(sent / size if size else 1)}  {sent // MIB}/{size // MIB} MB{speed}"


def describe_event(event: JobEvent) -> str:
    """A line for an event of which the reader of a job's output wants to know: a segment or a rep; else nothing."""
    told = event.data
    if event.type == "segment":
        start, end = (_number(told.get(name)) or 0.0 for name in ("start", "end"))
        return f"[{minutes(start)}-{minutes(end)}] {printable(str(told.get('text', '')))}"
    if event.type == "rep":
        return describe_rep(told)
    return ""


def describe_state(told: Mapping[str, Any]) -> str:
    """A line for the state that a job has come to, and for why its last attempt failed."""
    state, attempt = printable(str(told.get("state", ""))), told.get("attempt")
    again = f", attempt {attempt}" if state == "running" and isinstance(attempt, int) and attempt > 1 else ""
    why = told.get("problem") or told.get("failure") or {}
    reasons = [why.get(name) for name in ("detail", "remedy")] if isinstance(why, dict) else []
    said = " ".join(printable(str(reason)) for reason in reasons if reason)
    return f"{state}{again}: {said}" if said else f"{state}{again}"


def describe_job(job: RemoteJob) -> str:
    """A job on one line: the beginning of its id, when it came, its state, kind and title."""
    fraction = (job.shown.get("progress") or {}).get("fraction")
    share = f"{fraction:4.0%}" if job.state == "running" and isinstance(fraction, int | float) else "    "
    came = _clock(job.shown.get("created_at"))
    return f"{job.id[:SHORT_ID]}  {came}  {job.state:<9} {share}  {job.kind:<10}  {printable(job.title)}"


def describe_whole(job: RemoteJob) -> Iterator[str]:
    """A job for a person: what it is, how far, what it cost, and what went wrong."""
    shown = job.shown
    yield f"{job.id}  {job.kind} of {printable(job.title)}"
    yield f"  state     {describe_state({**shown, 'problem': shown.get('problem')})}"
    if job.state == "running":
        yield f"  progress  {describe_progress(shown.get('progress') or {})}"
    for name in ("created_at", "started_at", "finished_at"):
        if shown.get(name):
            yield f"  {name.removesuffix('_at'):<9} {_clock(shown[name])}"
    if isinstance(shown.get("peak_bytes"), int):
        yield f"  peak      {shown['peak_bytes'] // MIB} MB"
    for name, told in (("options", shown.get("options")), ("result", job.result)):
        if told:
            yield f"  {name:<9} {printable(', '.join(f'{key} {value}' for key, value in told.items()))}"
    for failure in shown.get("failures") or ():
        yield f"  attempt {failure.get('attempt')} failed: {printable(str(failure.get('detail')))}"
    yield from (f"  note      {printable(note)}" for note in job.notes)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _clock(iso: object) -> str:
    """A time of the server as this machine's clock tells it."""
    try:
        return datetime.fromisoformat(str(iso)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return "-"
