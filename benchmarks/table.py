"""The benchmark's rows, as one table for a person and one JSON file for a machine."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from halfgig.errors import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from halfgig.memory.jail import Run

COLUMNS = (
    "what",
    "seconds",
    "CPU s",
    "x real time",
    "per s",
    "peak MiB",
    "held MiB",
    "usage MiB",
    "RSS MiB",
    "WER %",
    "note",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `None` means that the figure has no sense here, or that the run failed (see `note`).

    `cpu` is processor seconds; `speed` is seconds of source for each second of work; `rate` is things a second
    (poses, passages). In MiB, as `Run` says: `peak` the working set, `held` without any page cache, `usage` the
    kernel's mark with all of it, `rss` with all library pages. `wer` is in per cent.
    """

    section: str
    what: str
    seconds: float | None = None
    cpu: float | None = None
    speed: float | None = None
    rate: float | None = None
    peak: float | None = None
    held: float | None = None
    usage: float | None = None
    rss: float | None = None
    wer: float | None = None
    note: str = ""


def measured(section: str, what: str, run: Run, *, duration: float | None = None, wer: float | None = None) -> Row:
    """The row of one run of a source that lasts `duration` seconds."""
    speed = duration / run.seconds if duration and run.ok else None
    return Row(
        section,
        what,
        seconds=run.seconds,
        cpu=run.cpu_seconds,
        speed=speed,
        peak=run.peak / MIB,
        held=run.peak_held / MIB,
        usage=run.peak_usage / MIB,
        rss=run.peak_rss / MIB,
        wer=wer,
        note=outcome(run),
    )


def lacking(section: str, what: str) -> Row:
    """The row of a section that cannot be measured here: it says what for."""
    return Row(section, "not measured", note=f"lacks {what}")


def outcome(run: Run) -> str:
    """Why a run failed, in a few words; empty where it did not."""
    if run.oom_killed:
        return "killed: out of memory"
    if run.timed_out:
        return "stopped: too slow"
    return "" if run.ok else f"exit {run.exit_code}: {last_line(run.stderr)}"


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:80] if lines else ""


def printed(rows: Iterable[Row]) -> str:
    """All rows as one table, a heading for each section."""
    lines, section = [line(COLUMNS)], ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", section]
        figures = (row.seconds, row.cpu, row.speed, row.rate, row.peak, row.held, row.usage, row.rss, row.wer)
        lines.append(line([f"  {row.what}", *map(figure, figures), row.note]))
    return "\n".join(lines)


def line(cells: Sequence[str]) -> str:
    what, *figures, note = cells
    return f"{what:<46}" + "".join(f"{cell:>11}" for cell in figures) + (f"  {note}" if note else "")


def figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def write(rows: Sequence[Row], folder: Path, *, threads: int) -> Path:
    """Write the rows and where they were measured to a new file of `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    machine = {"system": platform.platform(), "python": platform.python_version(), "threads": threads}
    path.write_text(json.dumps({**machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    return path
