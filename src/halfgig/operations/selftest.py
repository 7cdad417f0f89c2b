"""The self-test: each pipeline, run by its own command as a process, on the packaged talk and a drawn squat."""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.memory.jail import run_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.memory.jail import Run
    from halfgig.records import Bytes, Seconds
    from halfgig.settings import Settings

TALK, CLIP = "talk.opus", "squat.mp4"
PATIENCE: Seconds = 300
# Drawing takes memory too, so it has a process of its own.
DRAW = """
import sys
from pathlib import Path
from halfgig.demo.athlete import encode, render, steady
script = steady("squat", 1)
encode(render(script), Path(sys.argv[1]), script.fps)
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One command: what follows `halfgig`, and what its output must hold, as a regular expression."""

    kind: str
    command: tuple[str, ...]
    expected: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial took: seconds, and its peak in bytes by the account that `meter` names; `fault` is empty where it
    did what it should.
    """

    kind: str
    seconds: Seconds
    peak: Bytes
    meter: str
    fault: str = ""


TRIALS = (
    Trial("transcribe", ("transcribe", TALK, "--language", "en"), "(?i)gigabyte"),
    Trial("index", ("index", TALK, "--language", "en"), r"[1-9]\d* passages?"),
    Trial("search", ("search", "memory"), "(?i)memory"),
    Trial("reps", ("reps", CLIP, "--exercise", "squat"), "squat: 1 repetition"),
)


def run_trials(settings: Settings, limit: Bytes | None, run: Callable[..., Run] = run_limited) -> Iterator[Outcome]:
    """Run each trial under a hard limit, in a folder and with a library that are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="halfgig-selftest-") as name:
        folder = Path(name)
        environment = _environment(settings, folder)
        (folder / TALK).write_bytes(files("halfgig.demo").joinpath(TALK).read_bytes())
        drawn = run([sys.executable, "-c", DRAW, CLIP], limit, env=environment, cwd=folder, timeout=PATIENCE)
        if not drawn.ok:
            yield Outcome("drawing", drawn.seconds, drawn.peak, drawn.meter, fault(drawn, ""))
        for trial in TRIALS:
            command = [sys.executable, "-m", "halfgig", *trial.command]
            done = run(command, limit, env=environment, cwd=folder, timeout=PATIENCE)
            yield Outcome(trial.kind, done.seconds, done.peak, done.meter, fault(done, trial.expected))


def fault(run: Run, expected: str) -> str:
    """What is wrong with a run, in a few words; empty where nothing is."""
    if run.oom_killed:
        return "it ran out of memory"
    if run.timed_out:
        return f"it took more than {PATIENCE:.0f} s"
    if not run.ok:
        lines = run.stderr.strip().splitlines()
        return lines[-1] if lines else f"exit code {run.exit_code}"
    return "" if re.search(expected, run.stdout) else "its answer is wrong"


def _environment(settings: Settings, folder: Path) -> dict[str, str]:
    """A library of its own; the models are those that are there."""
    return {
        "HALFGIG_DATA": str(settings.data_dir.absolute()),
        "LIBRARY_PATH": str(folder / "library.db"),
        "HALFGIG_OFFLINE": "1",
    }
