"""`python -m benchmarks.camera [--seconds N] [--minutes N]`: live counting as a camera meets it.

The drawn athlete squats in pictures of 480 x 360, ten a second, for some seconds, with the exercise told, and once more
recognised: how soon each is answered, and what the child and the server hold. Then landmarks of an hour are sent as
fast as they are answered, and what the child holds is read every ten minutes of them. `--json FILE` keeps the figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import time
from io import BytesIO
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from PIL import Image

from benchmarks.line import opened
from benchmarks.live import LiveServer
from halfgig.demo.athlete import render, steady
from halfgig.errors import MIB
from halfgig.memory.meter import rss, tree_anonymous
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.line import Line
    from halfgig.records import Seconds

RATE = 10  # pictures a second
WARM = 5  # pictures that are not timed: the first one loads the model
QUALITY = 70
REPS = 8
HOUR_RATE = 10  # moments of landmarks in each second of their own time


def pictures() -> list[bytes]:
    """Some squats, as a browser would send them."""
    return [jpeg(frame.pixels) for frame in render(steady("squat", REPS, fps=RATE, width=480, height=360))]


def jpeg(pixels: Any) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def watch(line: Line, shown: list[bytes], seconds: Seconds) -> Iterator[tuple[Seconds, dict[str, Any]]]:
    """How long each answer took, and the answer; a picture is due every tenth of a second."""
    began = time.perf_counter()
    for number, picture in zip(range(round(seconds * RATE)), itertools.cycle(shown), strict=False):
        due = began + number / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        sent = time.perf_counter()
        line.send_picture(number / RATE, picture)
        told = line.hear()
        yield time.perf_counter() - sent, told


def time_pictures(server: LiveServer, exercise: str, seconds: Seconds) -> dict[str, Any]:
    assert server.process is not None
    shown = pictures()
    with opened(f"http://127.0.0.1:{server.port}", exercise) as line:
        line.hear()
        taken, held, told = [], 0, dict[str, Any]()
        for took, answer in watch(line, shown, seconds):
            told = answer
            taken.append(1000 * took)
            held = max(held, *map(tree_anonymous, server.children()))
        twentieths, work = quantiles(taken[WARM:], n=20), 1000 * sum(map(processor_seconds, server.children()))
        return {
            **{"exercise": exercise, "told": told["exercise"], "count": told["count"], "pictures": len(taken)},
            **{"bytes": len(shown[0]), "first_ms": taken[0], "p50_ms": twentieths[9], "p95_ms": twentieths[18]},
            **{
                "most_ms": max(taken[WARM:]),
                "cpu_ms": work / len(taken),
                "child_mib": held / MIB,
                "server_mib": rss(server.process.pid) / MIB,
            },
        }


def processor_seconds(pid: int) -> Seconds:
    """What a process has taken so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def send_an_hour(server: LiveServer, exercise: str, minutes: int) -> dict[str, Any]:
    """What the child holds after every ten minutes of landmarks, and how many it answers in a second."""
    rows = landmarks(server)
    holds, began, told = [], time.perf_counter(), {"count": 0}
    with opened(f"http://127.0.0.1:{server.port}", exercise) as line:
        line.hear()
        for number in range(minutes * 60 * HOUR_RATE):
            line.send({"time": number / HOUR_RATE, "landmarks": rows[number % len(rows)], "size": [480, 360]})
            told = line.hear()
            if (number + 1) % (600 * HOUR_RATE) == 0:
                holds.append(round(tree_anonymous(server.children()[0]) / MIB, 1))
    rate = minutes * 60 * HOUR_RATE / (time.perf_counter() - began)
    return {"exercise": exercise, "minutes": minutes, "count": told["count"], "child_mib": holds, "a_second": rate}


def landmarks(server: LiveServer) -> list[Any]:
    """What the server sees of the squats: landmarks to send back; those of two dimensions have no depth."""
    with opened(f"http://127.0.0.1:{server.port}", "squat") as line:
        line.hear()
        seen = []
        for number, picture in enumerate(pictures()):
            line.send_picture(number / RATE, picture)
            seen.append(line.hear()["landmarks"])
    return [[[x, y, 0.0, visible] for x, y, visible in pose] for pose in seen if pose]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = str(Settings.from_environment().models_dir.expanduser())
        data = Path(folder) / "data"
        data.mkdir()
        server = LiveServer(data, Path(folder) / "log", {"MODELS_PATH": models, "HALFGIG_OFFLINE": "1"})
        server.start()
        try:
            assert server.process is not None
            figures: dict[str, Any] = {"cores": os.cpu_count(), "idle_mib": rss(server.process.pid) / MIB}
            figures["pictures"] = [time_pictures(server, exercise, wanted.seconds) for exercise in ("squat", "auto")]
            figures["landmarks"] = [send_an_hour(server, exercise, wanted.minutes) for exercise in ("squat", "auto")]
        finally:
            server.stop()
    text = json.dumps(figures, indent=1)
    print(text)
    if wanted.json:
        wanted.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
