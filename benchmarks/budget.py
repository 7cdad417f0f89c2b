"""`python -m benchmarks.budget [--hold]`: what each row of the memory budget and of the paces is in truth.

Prints a row for each kind and variant: the peak measured, the peak that `halfgig plan` predicts, and the seconds of one
core, measured and predicted. With `--hold`, each runs under a hard limit of what admission asks for, and must live.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.recordings import SHARED_DATA
from halfgig.errors import MIB
from halfgig.memory.jail import run_limited
from halfgig.operations import pace
from halfgig.operations.calibration import machine_speed
from halfgig.operations.planning import foresee
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from halfgig.memory.jail import Run
    from halfgig.operations.planning import Forecast

SPEECH = SHARED_DATA / "speech" / "long10_multispk.flac"
REPS = SHARED_DATA / "reps"
PLENTY = 4096 * MIB


@dataclass(frozen=True, slots=True)
class Case:
    """One command on one source, with settings beside the user's own by their environment names."""

    kind: str
    source: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Kind, source and settings."""
        return " ".join([self.kind, self.source.name, *self.settings.values()])


CASES = (
    Case("transcribe", SPEECH, {"WHISPER_LANGUAGE": "en"}),
    Case("transcribe", SPEECH),
    Case("transcribe", SPEECH, {"WHISPER_LANGUAGE": "en", "WHISPER_MODEL": "base"}),
    Case("index", SPEECH, {"WHISPER_LANGUAGE": "en"}),
    Case("reps", REPS / "deadlift_apkallc_1.mp4"),
    Case("reps", REPS / "deadlift_apkallc_1.mp4", {"POSE_MODEL": "lite"}),
    Case("reps", REPS / "leg_press_venkatnarayana_1.mp4"),
    Case("reps", REPS / "lunge_venkatnarayana_1.mp4"),
    Case("reps", REPS / "bicep_curl_suyogkhanal5_1.mp4"),
)


def environment(case: Case, library: Path) -> dict[str, str]:
    """One thread, so that processor seconds are comparable, and a library of its own."""
    return {"THREADS": "1", "OMP_NUM_THREADS": "1", "LIBRARY_PATH": str(library), **case.settings}


def predicted(case: Case) -> Forecast:
    """What `halfgig plan` says of a case on one thread."""
    from halfgig.media.source import inspect, open_source

    settings = Settings.from_environment({**os.environ, "THREADS": "1", **case.settings})
    info = inspect(open_source(case.source, settings), settings)
    machine = pace.Machine(machine_speed(settings.data_dir), threads=1, cores=1)
    return next(each for each in foresee(info, settings, PLENTY, machine) if each.kind == case.kind)


def carry_out(case: Case, limit: int | None = None) -> Run:
    """Run a case in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "halfgig", case.kind, str(case.source)]
        return run_limited(command, limit, env=environment(case, Path(folder) / "library.db"))


def rows(*, hold: bool) -> Iterator[str]:
    """The table, line by line."""
    heads = ("limit", "peak", "plan", "error", "CPU s", "plan", "ratio")
    yield f"{'':<60}" + "".join(f"{head:>8}" for head in heads)
    for case in CASES:
        forecast = predicted(case)
        run = carry_out(case, forecast.needs if hold else None)
        seconds = forecast.seconds or 0.0
        figures = (
            f"{forecast.needs // MIB if hold else '-'}",
            f"{run.peak_held / MIB:.0f}",
            f"{forecast.peak / MIB:.0f}",
            f"{forecast.peak / run.peak_held - 1:+.0%}",
            f"{run.cpu_seconds:.1f}",
            f"{seconds:.1f}",
            f"{seconds / run.cpu_seconds:.2f}",
        )
        state = "" if run.ok else f"  exit {run.exit_code}{', out of memory' if run.oom_killed else ''}"
        yield f"{case.name:<60}" + "".join(f"{figure:>8}" for figure in figures) + state


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.budget", description=__doc__)
    parser.add_argument("--hold", action="store_true", help="run each under a hard limit of what it is said to need")
    for line in rows(hold=parser.parse_args().hold):
        print(line, flush=True)


if __name__ == "__main__":
    main()
