"""Steps: the commands that the demo runs, each under a hard memory limit, and what their answers must be."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.demo.athlete import Beat, Script, truth
from halfgig.demo.talk import slides
from halfgig.errors import MIB
from halfgig.memory.jail import run_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from halfgig.memory.jail import Run
    from halfgig.records import Seconds

    Check = Callable[[str], str]

LIMIT = 320 * MIB
PATIENCE: Seconds = 600
TALK, ATHLETE = "talk.mp4", "athlete.mp4"
HEARD = ("gigabyte", "rings", "apollo", "bucket", "river")  # a word of each slide
QUESTION, ANSWERED_BY = "why does a chip need to be refreshed?", "LEAKING BUCKETS"
SLACK: Seconds = 4  # that a hit may start before its slide: a passage begins with the end of the one before

REP = Beat(0.9, 0.2, 0.9, 0.4)
BREATHER = Beat(0.9, 0.2, 0.9, 2.5)
HALF_HEARTED = Beat(0.6, 0.1, 0.6, 0.8, depth=0.35)
WORKOUT = Script("squat", (REP, REP, REP, BREATHER, HALF_HEARTED, REP, REP, REP, REP), view="oblique")


@dataclass(frozen=True, slots=True)
class Step:
    """One command: what follows `halfgig`, and a check that says what is wrong with its output, if anything."""

    name: str
    command: tuple[str, ...]
    check: Check


def perform(step: Step, folder: Path, environment: Mapping[str, str]) -> Run:
    """Run one command in `folder`, held to 320 MB without swap."""
    command = [sys.executable, "-m", "halfgig", *step.command]
    return run_limited(command, LIMIT, env=environment, cwd=folder, timeout=PATIENCE)


def verdict(step: Step, run: Run) -> str:
    """What is wrong with a run; empty where nothing is."""
    if run.oom_killed:
        return f"it needs more than {LIMIT // MIB} MB"
    if run.timed_out:
        return f"it took more than {PATIENCE:.0f} seconds"
    return step.check(run.stdout) if run.ok else f"exit code {run.exit_code}"


def check_words(output: str) -> str:
    """Whether a word of each slide was heard."""
    missing = [word for word in HEARD if word not in output.lower()]
    return f"not heard: {', '.join(missing)}" if missing else ""


def check_indexed(output: str) -> str:
    """Whether there are passages to search."""
    return "" if re.search(r"[1-9]\d* passages?", output) else "no passages"


def check_hit(output: str) -> str:
    """Whether the first hit opens the video at the slide that answers the question."""
    slide = next(slide for slide in slides() if slide.title == ANSWERED_BY)
    found = re.search(r"#t=([\d.]+)", output)
    if not found:
        return "no hit"
    second = float(found[1])
    right = slide.start - SLACK <= second < slide.end
    return "" if right else f"second {second:.0f} is not within {slide.start:.0f} to {slide.end:.0f}"


def check_count(output: str) -> str:
    """Whether the squats were counted, and the half-hearted one was not."""
    expected = truth(WORKOUT)["count"]
    return "" if output.startswith(f"squat: {expected} repetitions") else f"the athlete does {expected} squats"


STEPS = (
    Step("transcribe", ("transcribe", TALK, "--language", "en"), check_words),
    Step("index", ("index", TALK, "--language", "en"), check_indexed),
    Step("search", ("search", QUESTION, "-k", "1"), check_hit),
    Step("count reps", ("reps", ATHLETE), check_count),
)


def table(rows: Iterable[tuple[Step, Run]]) -> str:
    """Seconds, and peaks without and with libraries, of each step."""
    lines = [f"{'step':<12}{'seconds':>9}{'peak MB':>9}{'RSS MB':>9}"]
    lines += [
        f"{step.name:<12}{run.seconds:>9.1f}{run.peak / MIB:>9.0f}{run.peak_rss / MIB:>9.0f}" for step, run in rows
    ]
    return "\n".join(lines)
