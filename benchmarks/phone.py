"""`python -m benchmarks.phone [--repeats 3]`: a phone's minute, counted.

Real clips are joined, enlarged to 1080p, upright and level, and coded as H.264 of 3.4 Mbit/s, 25 MB in all. Told are
the seconds of the clock and of the processor of `halfgig reps`, its peak, and, stage after stage on one thread, the
processor seconds of decoding (with scaling) and of poses by themselves; of several runs the least.
"""

from __future__ import annotations

import argparse
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from benchmarks.recordings import SHARED_DATA, Recording
from halfgig.errors import MIB
from halfgig.media.frames import decode_frames
from halfgig.media.source import open_source
from halfgig.memory.jail import run_limited
from halfgig.motion.poses import PoseTracker
from halfgig.pipelines import FRAME_RATE, FRAME_WIDTH
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.memory.jail import Run
    from halfgig.records import Pixels, Seconds

RATE = 30  # frames a second
SECONDS = 60.0
BIT_RATE = 3_400_000
UPRIGHT = (
    "lunge_venkatnarayana_1",
    "leg_press_venkatnarayana_1",
    "side_lunge_michpapadum_1",
    "squat_dillonloh_2",
)
LEVEL = ("pushup_djeyranesophie_1", "jump_squat_adityav1810_1", "deadlift_momokap_1", "pushup_tayyababdullah_2")
SHAPES = {"upright": (UPRIGHT, 1080, 1920), "level": (LEVEL, 1920, 1080)}


def phone_video(shape: str, folder: Path) -> Recording | None:
    """A minute of people who exercise, `upright` or `level`; None where the clips are not there.

    One that was made before is taken as it is.
    """
    names, width, height = SHAPES[shape]
    clips = [SHARED_DATA / "reps" / f"{name}.mp4" for name in names]
    if not all(clip.exists() for clip in clips):
        return None
    path = folder / f"phone-{shape}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"unfinished-{path.name}")
        _write(_rounds(clips), draft, width, height)
        draft.replace(path)
    return Recording(path, SECONDS, "")


def _rounds(clips: list[Path]) -> Iterator[Pixels]:
    """The clips' pictures again and again, `RATE` of them a second."""
    settings = Settings()
    while True:
        for clip in clips:
            shown = 0
            source = open_source(clip, settings)
            for frame in decode_frames(source, rate=RATE, width=None, log=DecodeLog(), settings=settings):
                while shown <= frame.time * RATE:
                    shown += 1
                    yield frame.pixels


def _write(pictures: Iterator[Pixels], path: Path, width: int, height: int) -> None:
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=RATE, pix_fmt="yuv420p", options={"preset": "medium"})
        stream.width, stream.height = width, height
        stream.codec_context.bit_rate = BIT_RATE
        for number in range(round(SECONDS * RATE)):
            picture = av.VideoFrame.from_ndarray(next(pictures), format="rgb24").reformat(width, height, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def apart(clip: Path, tracker: PoseTracker) -> tuple[Seconds, Seconds]:
    """Processor seconds of decoding and of poses, one after the other on one thread."""
    settings, decoding, posing = Settings(), 0.0, 0.0
    tracker.forget()
    frames = decode_frames(
        open_source(clip, settings), rate=FRAME_RATE, width=FRAME_WIDTH, log=DecodeLog(), settings=settings
    )
    begun = time.process_time()
    for frame in frames:
        decoded = time.process_time()
        tracker.track(frame.pixels)
        posed = time.process_time()
        decoding, posing, begun = decoding + decoded - begun, posing + posed - decoded, posed
    return decoding, posing


def counted(clip: Path) -> Run:
    """The command, in a process of its own."""
    return run_limited([sys.executable, "-m", "halfgig", "reps", str(clip)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.phone", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    given, settings = parser.parse_args(), Settings.from_environment()
    tracker = PoseTracker(settings.models_dir / "blazepose-full")
    heads = ("seconds", "CPU s", "peak MiB", "decoding", "poses")
    print(f"{'':<10}" + "".join(f"{head:>10}" for head in heads))
    for shape in SHAPES:
        made = phone_video(shape, settings.data_dir / "benchmarks")
        if made is None:
            sys.exit("the clips that it is made of are not here")
        runs = [counted(made.path) for _ in range(given.repeats)]
        stages = [apart(made.path, tracker) for _ in range(given.repeats)]
        figures = (
            min(run.seconds for run in runs),
            min(run.cpu_seconds for run in runs),
            max(run.peak for run in runs) / MIB,
            *(min(column) for column in zip(*stages, strict=True)),
        )
        print(f"{shape:<10}" + "".join(f"{figure:>10.1f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
