"""`python -m benchmarks.pose [--clips NAME ...]`: poses beside those of MediaPipe's package, on the same frames.

`make rivals` makes an environment for MediaPipe. Told are frames a second of one core, its milliseconds for a frame and
the process's peak; and, for each clip, how far our landmarks are from MediaPipe's in % of the body's height, which is
from the eyes to the ankles in the picture: the median over frames and landmarks, and what nine in ten are within.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.recordings import SHARED_DATA
from halfgig.media.frames import decode_frames
from halfgig.media.source import open_source
from halfgig.pipelines import FRAME_RATE, FRAME_WIDTH
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Places = NDArray[np.float32]

ROOT = Path(__file__).parents[1]
PYTHONS = {
    "mediapipe": ROOT / ".venv-mediapipe" / "bin" / "python",
    "mediapipe-smooth": ROOT / ".venv-mediapipe" / "bin" / "python",
    "halfgig": Path(sys.executable),
}
CLIPS = (
    "squat_michpapadum_1",
    "squat_dillonloh_1",
    "lunge_venkatnarayana_1",
    "pushup_djeyranesophie_1",
    "jumping_jack_healthserv_1",
    "deadlift_momokap_1",
    "bicep_curl_rounikc_1",
    "shoulder_press_rohitkeshav27_1",
)
MOST = 100  # frames of a clip
EYES, ANKLES = (2, 5), (27, 28)


def lay_out(clip: Path, path: Path) -> None:
    """Write the frames of a clip that would be looked at."""
    settings = Settings()
    source = open_source(clip, settings)
    frames = decode_frames(source, rate=FRAME_RATE, width=FRAME_WIDTH, log=DecodeLog(), settings=settings)
    np.save(path, np.stack([frame.pixels for frame, _ in zip(frames, range(MOST), strict=False)]))


def apart(ours: Places, theirs: Places, shape: tuple[int, ...]) -> Places:
    """% of the body's height between (n, 33, 2) landmarks of the same frames, those where both found somebody."""
    sides = np.array([shape[2], shape[1]], np.float32)
    ours, theirs = ours * sides, theirs * sides
    height = np.linalg.norm(theirs[:, EYES].mean(axis=1) - theirs[:, ANKLES].mean(axis=1), axis=1)
    far: Places = 100 * np.linalg.norm(ours - theirs, axis=2) / height[:, None]
    return far[~np.isnan(far).any(axis=1)]


def measured(tool: str, folder: Path) -> dict[str, Any]:
    """One tool on all clips, in a process of its own."""
    command = [str(PYTHONS[tool]), str(Path(__file__).with_name("posers.py")), tool, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def rows(folder: Path, repeats: int) -> Iterator[str]:
    """The tables, line by line; of several runs of a tool, one after another in turn, the fastest."""
    tools = [tool for tool, python in PYTHONS.items() if python.exists()]
    runs = [{tool: measured(tool, folder) for tool in tools} for _ in range(repeats)]
    yield f"{'':<34}{'frames/s':>10}{'CPU ms':>10}{'peak MiB':>10}"
    for tool in tools:
        best = min((run[tool] for run in runs), key=lambda told: told["cpu_seconds"])
        speed, work = best["frames"] / best["seconds"], 1000 * best["cpu_seconds"] / best["frames"]
        yield f"{tool:<34}{speed:>10.1f}{work:>10.1f}{best['peak_mib']:>10.0f}"
    for rival in tools[:-1]:
        yield f"\nfrom {rival:<29}{'frames':>10}{'median %':>10}{'9 in 10 %':>10}{'found':>10}{'by it':>10}"
        yield from _distances(folder, rival)


def _distances(folder: Path, rival: str) -> Iterator[str]:
    everything = []
    for path in sorted(folder.glob("*.npy")):
        ours, theirs = (np.load(path.with_suffix(f".{tool}")) for tool in ("halfgig", rival))
        far = apart(ours, theirs, np.load(path, mmap_mode="r").shape)
        everything.append(far.ravel())
        found = [int((~np.isnan(places[:, 0, 0])).sum()) for places in (ours, theirs)]
        yield f"{path.stem:<34}{len(far):>10}{_two(far)}{found[0]:>10}{found[1]:>10}"
    yield f"{'all':<44}{_two(np.concatenate(everything))}"


def _two(far: Places) -> str:
    return f"{np.median(far):>10.2f}{np.quantile(far, 0.9):>10.2f}" if far.size else f"{'-':>10}{'-':>10}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.pose", description=__doc__)
    parser.add_argument("--clips", nargs="+", default=list(CLIPS), metavar="NAME", help="of the shared recordings")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip in given.clips:
            lay_out(SHARED_DATA / "reps" / f"{clip}.mp4", folder / f"{clip}.npy")
        for line in rows(folder, given.repeats):
            print(line, flush=True)


if __name__ == "__main__":
    main()
