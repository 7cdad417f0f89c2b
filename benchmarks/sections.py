"""What is measured, one function a section; each yields its rows as they come, so that a long run can be watched."""

from __future__ import annotations

import json
import sys
import sysconfig
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import cluster
from benchmarks.accuracy import word_error_rate
from benchmarks.fanout import fanned_out
from benchmarks.fleet import LOAD, PRICE, SIZES, Fleet, offered, predicted
from benchmarks.machines import is_installed
from benchmarks.originals import originals
from benchmarks.queueing import measured_queue
from benchmarks.recordings import SHARED_DATA, Recording, english_utterances, joined, looped
from benchmarks.service import idle
from benchmarks.soak import soaked
from benchmarks.table import Row, lacking, measured
from halfgig.errors import MIB
from halfgig.memory.jail import can_make_cgroups, run_limited

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.memory.jail import Run

HALF_A_GIG = 512 * MIB
MINUTE, HOUR = 60.0, 3600.0
HALFGIG = str(Path(sysconfig.get_path("scripts")) / "halfgig")
CLIP = Path("reps") / "squat_michpapadum_1.mp4"  # of the shared data
MIXED = Path("speech") / "long10_multispk.flac"
CGROUPS = "the right to make cgroups, which root has on most systems"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the whole benchmark shares: the tiny.en weights, a folder for long sources, threads, hours of audio."""

    weights: Path
    folder: Path
    threads: int
    longest: float

    @property
    def environment(self) -> dict[str, str]:
        """The same number of threads for every tool."""
        return {"OMP_NUM_THREADS": str(self.threads), "THREADS": str(self.threads)}


def run(plan: Plan, command: Sequence[str], limit: int | None = None) -> Run:
    return run_limited(command, limit, env=plan.environment)


def transcribe(plan: Plan, recording: Recording, limit: int | None = None) -> Run:
    """`halfgig transcribe` on the plan's weights; the text is the run's output."""
    command = [HALFGIG, "transcribe", str(recording.path), "--model", str(plan.weights), "--format", "txt"]
    return run(plan, [*command, "--language", "en"], limit)


def rival(plan: Plan, recording: Recording, way: str, limit: int | None = None) -> Run:
    """faster-whisper on the same weights; the text is the run's output."""
    command = [sys.executable, "-m", "benchmarks.rival", str(plan.weights), str(recording.path), way]
    return run(plan, [*command, str(plan.threads)], limit)


def heard(section: str, what: str, run: Run, recording: Recording) -> Row:
    """The row of a transcription, with its word error rate where there is text."""
    wer = word_error_rate(recording.text, run.stdout) if run.ok else None
    return measured(section, what, run, duration=recording.seconds, wer=wer)


def mixed_speakers(path: Path) -> Recording:
    """Ten minutes of many readers, as recorded."""
    return Recording(path, 600.0, path.with_suffix(".ref.txt").read_text())


def speech(plan: Plan) -> Iterator[Row]:
    """Speed, memory and accuracy of transcription beside faster-whisper's."""
    section, path = "10 min of mixed speakers, tiny.en int8", SHARED_DATA / MIXED
    if not path.exists():
        yield lacking(section, str(path))
        return
    recording = mixed_speakers(path)
    yield heard(section, "halfgig transcribe", transcribe(plan, recording), recording)
    for way in ("sequential", "batched"):
        yield heard(section, f"faster-whisper {way}, beam 1", rival(plan, recording, way), recording)


def length(plan: Plan) -> Iterator[Row]:
    """Whether memory grows with the length of the sound, under a hard limit of half a gigabyte."""
    utterances = english_utterances(SHARED_DATA)
    section = "joined utterances under a hard limit of 512 MiB"
    if not utterances:
        yield lacking(section, str(SHARED_DATA / "speech" / "manifest.csv"))
        return
    for seconds in sorted({10 * MINUTE, HOUR, plan.longest}):
        suffix = ".flac" if seconds <= HOUR else ".ogg"
        recording = joined(utterances, seconds, plan.folder / f"speech-{seconds:.0f}{suffix}")
        what = f"{seconds / MINUTE:.0f} min"
        yield heard(section, f"halfgig transcribe, {what}", transcribe(plan, recording, HALF_A_GIG), recording)
        run = rival(plan, recording, "sequential", HALF_A_GIG)
        yield heard(section, f"faster-whisper sequential, {what}", run, recording)


def motion(plan: Plan) -> Iterator[Row]:
    """Poses a second, and whether memory grows with the length of the picture."""
    section, clip = "a clip of squats again and again, 512 MiB", SHARED_DATA / CLIP
    if not clip.exists():
        yield lacking(section, str(clip))
        return
    for seconds in (MINUTE, HOUR):
        recording = looped(clip, seconds, plan.folder / f"{clip.stem}-{seconds:.0f}{clip.suffix}")
        done = run(plan, [HALFGIG, "reps", str(recording.path), "--json"], HALF_A_GIG)
        row = measured(section, f"halfgig reps, {seconds / MINUTE:.0f} min", done)
        if done.ok:
            poses = json.loads(done.stdout)["frames_analyzed"]
            row = replace(row, speed=recording.seconds / done.seconds, rate=poses / done.seconds)
        yield row


def passages(plan: Plan) -> Iterator[Row]:
    """Passages embedded a second."""
    done = run(plan, [sys.executable, "-m", "benchmarks.embedding"])
    row = measured("search", "passages of 80 words embedded", done)
    yield replace(row, rate=json.loads(done.stdout)["embedded_per_second"] if done.ok else None)


def starting(plan: Plan) -> Iterator[Row]:
    """How long it takes until anything can happen: the fastest of five, and its memory."""
    commands = {
        "python, for comparison": [sys.executable, "-c", "pass"],
        "import halfgig": [sys.executable, "-c", "import halfgig"],
        "halfgig --help": [HALFGIG, "--help"],
        "import faster_whisper": [sys.executable, "-c", "import faster_whisper"],
    }
    for what, command in commands.items():
        runs = [run(plan, command) for _ in range(5)]
        yield measured("start", what, min(runs, key=lambda each: each.seconds))


def idling(_: Plan) -> Iterator[Row]:
    """How soon the server is ready, and what it holds then."""
    yield from idle()


def earlier(plan: Plan) -> Iterator[Row]:
    """Uploads of the sizes that earlier backends were measured with, and the whole service meanwhile."""
    if not can_make_cgroups():
        yield lacking("upload to result, whole service", CGROUPS)
        return
    yield from originals(plan.folder, HALF_A_GIG)


def soaking(plan: Plan) -> Iterator[Row]:
    """Two minutes of mixed load on the whole service in half a gigabyte; `python -m benchmarks.soak` takes longer."""
    if not can_make_cgroups():
        yield lacking("mixed load on the whole service", CGROUPS)
        return
    yield soaked(plan.folder, HALF_A_GIG, 2 * MINUTE)


def queue(_: Plan) -> Iterator[Row]:
    """The queue on a Postgres, beside procrastinate where it is there."""
    yield from measured_queue()


def many(_: Plan) -> Iterator[Row]:
    """A short run of many machines under havoc; `python -m benchmarks.cluster` takes longer."""
    if not can_make_cgroups():
        yield lacking(cluster.SECTION, CGROUPS)
    elif not is_installed():
        yield lacking(cluster.SECTION, "halfgig[dev]")
    else:
        yield from cluster.small()


def fanning_out(plan: Plan) -> Iterator[Row]:
    """The longest recording, by one worker and by two."""
    yield from fanned_out(plan.folder, plan.longest)


def simulating(_: Plan) -> Iterator[Row]:
    """What 10 to 10,000 machines would do; `python -m benchmarks.fleet` takes other figures."""
    yield from predicted((offered(size, LOAD, Fleet(1, 1.0)) for size in SIZES), PRICE)


SECTIONS = {
    "starting": starting,
    "speech": speech,
    "length": length,
    "motion": motion,
    "passages": passages,
    "idle": idling,
    "originals": earlier,
    "soak": soaking,
    "queue": queue,
    "cluster": many,
    "fanout": fanning_out,
    "simulate": simulating,
}
