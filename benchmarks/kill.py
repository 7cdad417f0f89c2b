"""`python -m benchmarks.kill [--jobs 40] [--kills 100]`: kill -9 at random moments, and look what became of every job.

Server (which is the supervisor too) and workers are killed, during uploads as well. Then every accepted job must have
ended once, with the same result as in a run that nobody disturbed, and no attempt may have done more than one
checkpoint's work again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import wave
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.live import Client, Content, LiveServer
from benchmarks.traced import FILING, POSE, TRACE, WINDOW, Effort, read_efforts
from halfgig.jobs.work import BATCH
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.records import Seconds

ONE_THREAD = {"THREADS": "1", "WORKERS": "1", "HALFGIG_OFFLINE": "1"}
LEAST_PAUSE, MOST_PAUSE = 0.3, 4.0  # seconds between two kills
TALK = Path(__file__).parents[1] / "src" / "halfgig" / "demo" / "talk.opus"
KINDS = ("transcript", "reps", "transcript", "index")
CHECKPOINT = {WINDOW: 2, POSE: BATCH, FILING: 1}  # units at work at a time: two windows are heard side by side


@dataclass(frozen=True)
class Wish:
    """A job to be done: its source on disk, what to do, and how it is sent."""

    source: Path
    kind: str
    options: dict[str, Any]
    by_tus: bool


@dataclass
class Outcome:
    """What is known of one wish after a run."""

    wish: Wish
    job: dict[str, Any]
    result: bytes
    successes: int
    effort: Effort

    def repeated(self, calm: Outcome) -> dict[str, int]:
        """Units of work that were begun more than once, by unit."""
        return {unit: self.effort.begun[unit] - calm.effort.begun[unit] for unit in CHECKPOINT}


@dataclass
class Killer:
    """Kills the server, or one of its children, `kills` times at random moments, and starts the server again."""

    server: LiveServer
    kills: int
    chance: random.Random
    most_pause: Seconds = MOST_PAUSE
    done: threading.Event = field(default_factory=threading.Event)
    killed: dict[str, int] = field(default_factory=lambda: {"server": 0, "worker": 0})
    longest: Seconds = 0.0

    def run(self) -> None:
        """Until all kills are spent, or all jobs have ended."""
        while sum(self.killed.values()) < self.kills and not self.done.wait(
            self.chance.uniform(LEAST_PAUSE, self.most_pause)
        ):
            if self._worker_is_next():
                children = self.server.children()
                with suppress(ProcessLookupError, IndexError):  # there is none now: another time
                    os.kill(self.chance.choice(children), signal.SIGKILL)
                    self.killed["worker"] += 1
            else:
                self.server.kill()
                self.killed["server"] += 1
                began = time.monotonic()
                self.server.start()
                self.longest = max(self.longest, time.monotonic() - began)

    def _worker_is_next(self) -> bool:
        """By chance, but so that neither gets more than one ahead."""
        ahead = self.killed["worker"] - self.killed["server"]
        return ahead < 0 or (ahead == 0 and self.chance.random() < 0.5)


def make_wishes(folder: Path, count: int, *, seconds: Seconds = 40.0, squats: int = 6) -> list[Wish]:
    """As many different jobs: stretches of the talk as recordings, of `seconds` and a few more, and drawn athletes."""
    sound = decoded(TALK)
    clip = _clip(folder / "squats.mp4", squats)
    wishes = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        if kind == "reps":
            copy = folder / f"squats-{number}.mp4"
            copy.write_bytes(clip.read_bytes() + b"\0" * number)  # other content, the same picture
            wishes.append(Wish(copy, kind, {"exercise": "squat"}, by_tus=number % 8 < 4))
            continue
        start, length = number * 1.3 % 40, seconds + number % 7
        piece = sound[round(start * 16_000) * 2 :][: round(length * 16_000) * 2]
        wishes.append(Wish(recording(folder / f"talk-{number}.wav", piece), kind, {"language": "en"}, number % 8 < 4))
    return wishes


def run(
    wishes: Sequence[Wish], folder: Path, kills: int, seed: int, *, longest: Seconds = MOST_PAUSE
) -> tuple[list[Outcome], Killer]:
    """Have every wish done by a server on a fresh folder, killing as told, with pauses of up to `longest`."""
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "models").symlink_to(Settings.from_environment().models_dir)
    trace = folder / "trace"
    server = LiveServer(data, folder / "server.log", {**ONE_THREAD, TRACE: str(trace)}, module="benchmarks.traced")
    server.start()
    killer = Killer(server, kills, random.Random(seed), longest)
    thread = threading.Thread(target=killer.run)
    thread.start()
    try:
        client = Client(server)
        ids = [send(client, wish) for wish in wishes]
        jobs = [client.ended(job_id) for job_id in ids]
    finally:
        killer.done.set()
        thread.join()
    efforts = read_efforts(trace)
    outcomes = [outcome(client, wish, job, efforts[job["id"]]) for wish, job in zip(wishes, jobs, strict=True)]
    everything = server.json("/jobs?limit=200")["jobs"]
    assert {job["id"] for job in everything} == set(ids), "jobs were lost, or made twice"
    assert server.stop() == 0
    return outcomes, killer


def send(client: Client, wish: Wish) -> str:
    """The id of the job that does the wish."""
    way = client.send_by_tus if wish.by_tus else client.send_form
    return way(Content(wish.source), wish.kind, wish.options)


def outcome(client: Client, wish: Wish, job: dict[str, Any], effort: Effort) -> Outcome:
    """What has become of the wish, as the server tells it."""
    form = "json" if wish.kind == "reps" else "verbose_json"
    _, _, result = client.insist("GET", f"/jobs/{job['id']}/result?format={form}")
    _, _, stream = client.insist("GET", f"/jobs/{job['id']}/events")
    told = [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: ")]
    successes = sum(one.get("state") == "succeeded" for one in told)
    return Outcome(wish, job, result, successes, effort)


def compare(calm: Sequence[Outcome], disturbed: Sequence[Outcome]) -> list[str]:
    """What is wrong, a sentence each; nothing where all is well."""
    faults = []
    for one, other in zip(calm, disturbed, strict=True):
        name = f"{other.wish.kind} of {other.wish.source.name}"
        if other.job["state"] != "succeeded":
            faults.append(f"{name} {other.job['state']}: {other.job.get('problem')} {other.job.get('failures')}")
        if other.successes != 1:
            faults.append(f"{name} succeeded {other.successes} times")
        if one.result != other.result:
            faults.append(f"{name} differs: {one.result[:200]!r} and {other.result[:200]!r}")
        interruptions = len(other.effort.attempts) - 1
        for unit, count in other.repeated(one).items():
            if not 0 <= count <= interruptions * CHECKPOINT[unit]:
                faults.append(f"{name} began {count} {unit}s again in {interruptions} interruptions")
    return faults


def total_repeated(calm: Sequence[Outcome], disturbed: Sequence[Outcome]) -> str:
    """How much work was done again in all, beside how much there was."""
    told = []
    for unit in CHECKPOINT:
        again = sum(other.repeated(one)[unit] for one, other in zip(calm, disturbed, strict=True))
        told.append(f"{again} of {sum(one.effort.begun[unit] for one in calm)} {unit}s")
    return ", ".join(told)


def decoded(path: Path) -> bytes:
    """Samples of 16 bits, 16,000 a second."""
    import numpy as np

    from halfgig.media.audio import decode_audio
    from halfgig.media.source import open_source
    from halfgig.records import DecodeLog

    settings = Settings()
    blocks = decode_audio(open_source(path, settings), log=DecodeLog(), settings=settings)
    return b"".join((np.clip(block, -1, 1) * 32_767).astype("<i2").tobytes() for block in blocks)


def recording(path: Path, samples: bytes) -> Path:
    """Write such samples as WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples)
    return path


def _clip(path: Path, squats: int) -> Path:
    from halfgig.demo.athlete import encode, render, steady

    script = steady("squat", squats)
    encode(render(script), path, script.fps)
    return path


def main() -> None:
    """Run both, and print what was found; exit code 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.kill", description=__doc__)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="halfgig-kill-") as name:
        folder = Path(name)
        wishes = make_wishes(folder, given.jobs)
        began = time.monotonic()
        calm, _ = run(wishes, folder / "calm", 0, given.seed)
        between = time.monotonic()
        disturbed, killer = run(wishes, folder / "disturbed", given.kills, given.seed)
        ended = time.monotonic()
    faults = compare(calm, disturbed)
    attempts = sum(one.job["attempt"] for one in disturbed)
    print(f"{len(disturbed)} jobs, {killer.killed['server']} kills of the server, {killer.killed['worker']} of workers")
    print(f"{attempts} attempts; undisturbed {between - began:.0f} s, disturbed {ended - between:.0f} s")
    print(f"begun again: {total_repeated(calm, disturbed)}")
    print(f"longest restart until ready {killer.longest:.1f} s")
    print("\n".join(faults) or "Nothing was lost, nothing ended twice, and every result is the same.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
