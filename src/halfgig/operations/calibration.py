"""How fast one core of this machine is, beside the one on which the paces of work were measured.

Models multiply matrices and read weights from memory, so a short run of each tells. It is done once for a processor and
a version of halfgig, in a process of its own: the libraries that multiply take their number of threads when they load.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig import __version__
from halfgig.memory.cgroup import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Seconds

NOTE = "speed.json"
REFERENCE: Seconds = 0.000474  # what `trial` took on the machine of `pace.py`
TRIALS = 40
PATIENCE: Seconds = 60
SIDE, STRETCH = 384, 8 * 1024 * 1024  # of the matrices; bytes that are read
LEAST, MOST = 0.05, 20.0  # times as fast; what is past them is a mistake
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def machine_speed(data_dir: Path) -> float:
    """Times as fast as the reference, by the note in `data_dir` or else by a trial of a second; 1 where none works."""
    speed = noted_speed(data_dir)
    if speed is None:
        speed = measure()
        write_note(data_dir / NOTE, this_machine(), speed)
    return speed


def noted_speed(data_dir: Path) -> float | None:
    """The same by the note alone, at no cost; None where there is none for this machine."""
    return read_note(data_dir / NOTE, this_machine())


def this_machine() -> str:
    """What a note is good for: the processor, and the version of halfgig."""
    return f"{processor()}, halfgig {__version__}"


def processor(root: Path = Path("/")) -> str:
    """The processor's name as the system tells it."""
    for line in read(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model", "Hardware"} and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()


def read_note(note: Path, machine: str) -> float | None:
    """The speed noted for this machine; None where there is no sound note."""
    try:
        row = json.loads(note.read_text(encoding="utf-8"))
        speed = float(row["speed"]) if row["machine"] == machine else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return speed if speed is not None and LEAST <= speed <= MOST else None


def write_note(note: Path, machine: str, speed: float) -> None:
    """Keep the speed for the next time, where the folder can be written."""
    draft = note.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({"machine": machine, "speed": round(speed, 3)}) + "\n", encoding="utf-8")
        draft.replace(note)


def measure() -> float:
    """Times as fast as the reference, by a trial in a process of its own; 1 where that fails."""
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        speed = REFERENCE / float(done.stdout)
    except (OSError, ValueError, ZeroDivisionError, subprocess.SubprocessError):
        return 1.0
    return min(max(speed, LEAST), MOST)


def trial() -> Seconds:
    """Processor seconds for a product of matrices and a walk through memory, their geometric mean."""
    import numpy as np

    matrix = np.ones((SIDE, SIDE), np.float32)
    stretch = np.ones(STRETCH // 8)
    return math.sqrt(_fastest(lambda: matrix @ matrix) * _fastest(stretch.sum))


def _fastest(work: Callable[[], object]) -> Seconds:
    """The least processor time of many runs: what others do on the machine only ever adds."""
    times = []
    for _ in range(TRIALS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


if __name__ == "__main__":
    sys.stdout.write(f"{trial()}\n")
