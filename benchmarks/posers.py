"""Poses of the same frames by halfgig and by MediaPipe's package, each in an environment of its own.

`PYTHON posers.py TOOL FOLDER` runs there, on one core, and prints JSON. FOLDER holds a file for each clip, `NAME.npy`,
(n, height, width, 3) uint8; where the landmarks are goes beside it, `NAME.TOOL`, (n, 33, 2) in shares of the frame,
NaN where nobody was found.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Poser = Callable[[Any], Any]


class MediaPipe:
    """The solution that MediaPipe's documentation starts with: full landmarks, a video, no smoothing unless asked."""

    smooth = False

    def __init__(self) -> None:
        from mediapipe.python.solutions import pose

        self._solution: Any = pose.Pose
        self._pose: Any = None

    def clip(self) -> Poser:
        """What finds the landmarks of one clip, frame by frame."""
        if self._pose:
            self._pose.close()
        self._pose = pose = self._solution(model_complexity=1, smooth_landmarks=self.smooth)

        def look(pixels: Any) -> Any:
            found = pose.process(pixels).pose_landmarks
            return None if found is None else [(point.x, point.y) for point in found.landmark]

        return look


class MediaPipeSmooth(MediaPipe):
    """As it comes: with smoothing."""

    smooth = True


class Halfgig:
    """Full landmarks, one thread."""

    def __init__(self) -> None:
        from halfgig.motion.poses import PoseTracker
        from halfgig.settings import Settings

        self._tracker = PoseTracker(Settings.from_environment().models_dir / "blazepose-full")

    def clip(self) -> Poser:
        """What finds the landmarks of one clip, frame by frame."""
        self._tracker.forget()

        def look(pixels: Any) -> Any:
            pose = self._tracker.track(pixels)
            return None if pose is None else pose.landmarks[:, :2] / (pixels.shape[1], pixels.shape[0])

        return look


TOOLS = {"mediapipe": MediaPipe, "mediapipe-smooth": MediaPipeSmooth, "halfgig": Halfgig}


def watch(tool: Any, path: Path, name: str) -> tuple[int, float, float]:
    """Find the poses of a clip and write them: frames, seconds of the clock and of the processor for them."""
    frames = np.load(path, mmap_mode="r")
    places = np.full((len(frames), 33, 2), np.nan, np.float32)
    look, wall, busy = tool.clip(), 0.0, 0.0
    for number, frame in enumerate(frames):
        pixels = np.array(frame)
        begun, worked = time.perf_counter(), time.process_time()
        found = look(pixels)
        if number:  # the first one opens MediaPipe's graph
            wall, busy = wall + time.perf_counter() - begun, busy + time.process_time() - worked
        if found is not None:
            places[number] = found
    with path.with_suffix(f".{name}").open("wb") as file:
        np.save(file, places)
    return len(frames) - 1, wall, busy


def main() -> None:
    """All clips of the folder, and the peak."""
    name, folder = sys.argv[1:]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tool = TOOLS[name]()
    timed = [watch(tool, path, name) for path in sorted(Path(folder).glob("*.npy"))]
    frames, wall, busy = (sum(column) for column in zip(*timed, strict=True))
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"frames": frames, "seconds": wall, "cpu_seconds": busy, "peak_mib": peak}))


if __name__ == "__main__":
    main()
