"""`python -m benchmarks.soak [--minutes 30] [--limit 512]`: the whole service under mixed load in one control group.

Server, workers and query embedder share a hard limit of memory without swap, while two clients send sources of 5 to 300
MB as forms, by tus, and as URLs of servers with ranges and without, watch their jobs, and a third searches. Nothing may
be killed or fail, and the server must answer throughout.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import file_server
from benchmarks.live import GONE, Client, Content, LiveServer
from benchmarks.material import Material, material, other_content
from benchmarks.service import SERVER_SETTINGS, housed
from benchmarks.table import Row
from benchmarks.watch import Gauge, Pulse, Seeker, watching
from halfgig.client.address import Address
from halfgig.client.client import Client as Watching
from halfgig.errors import MIB, HalfgigError
from halfgig.memory.meter import rss
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.records import Bytes, Seconds

WAYS = ("form", "tus", "ranges", "whole")  # the last two are URLs
TUS_PIECE = 16 * MIB
CLIENTS = 2
ASK: Seconds = 2.0  # between two searches
QUESTIONS = (
    "who went to the river",
    "the old house on the hill",
    "what did he say about money",
    "a ship at sea",
    "how does it end",
    '"of the"',
)
SETTINGS = {**SERVER_SETTINGS, "ALLOWED_HOSTS": "127.0.0.1"}
LEAST_MADE: Bytes = 200  # of a transcript's text, or a table of reps
LONGEST: Seconds = 600.0  # that one job may take, waiting included
SLOW: Seconds = 5.0  # an answer to /healthz that is later counts as none


@dataclass(frozen=True, slots=True)
class Wish:
    """A job to be done: `number` makes its content another than that of every other wish."""

    number: int
    source: Material
    kind: str
    way: str
    options: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.number} {self.kind} of {self.source.path.name} by {self.way}"


def wishes(sources: Sequence[Material], ways: Sequence[str], seed: int) -> Iterator[Wish]:
    """Without end: every source in every way and kind once in each round, in an order that the seed gives."""
    chance, number = random.Random(seed), 0
    kinds = {"talk": ("transcript", "index"), "clip": ("reps",)}
    every = [(source, kind, way) for source in sources for kind in kinds[source.kind] for way in ways]
    while True:
        for source, kind, way in chance.sample(every, len(every)):
            yield Wish(number, source, kind, way, options_of(kind, number))
            number += 1


def options_of(kind: str, number: int) -> dict[str, Any]:
    """The exercise told or not, the language told or not."""
    if kind == "reps":
        return {"exercise": "squat"} if number % 2 else {}
    return {"language": "en"} if number % 2 else {}


@dataclass
class Done:
    """What became of a wish, and how long it took from the first byte on."""

    wish: Wish
    job: dict[str, Any]
    seconds: Seconds
    faults: list[str] = field(default_factory=list)


@dataclass
class Load:
    """The clients: each takes the next wish, sends it, watches it to its end, and looks at what was made."""

    server: LiveServer
    files: str
    todo: Iterator[Wish]
    until: float
    done: list[Done] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """One client, until the time is over; the job that is in work then is seen to its end."""
        client = Client(self.server)
        watch = Watching(Address("http", "127.0.0.1", self.server.port))
        while time.monotonic() < self.until:
            with self._lock:
                wish = next(self.todo)
            try:
                done = self.fulfil(client, watch, wish)
            except (HalfgigError, RuntimeError, LookupError, *GONE) as error:
                self.faults.append(f"{wish.name}: {type(error).__name__}: {error}")
                continue
            self.done.append(done)
            print(told(done), file=sys.stderr, flush=True)

    def fulfil(self, client: Client, watch: Watching, wish: Wish) -> Done:
        """Have one job done."""
        began = time.monotonic()
        job_id = self.send(client, wish)
        last = ""
        for event in watch.follow(job_id):
            last = str(event.data.get("state", "")) if event.type == "state" else last
            if time.monotonic() - began > LONGEST:
                raise RuntimeError(f"not ended after {LONGEST:.0f} s: {client.server.json(f'/jobs/{job_id}')}")
        job, seconds = client.server.json(f"/jobs/{job_id}"), time.monotonic() - began
        form = "csv" if wish.kind == "reps" else "txt"
        _, _, made = client.server.request("GET", f"/jobs/{job_id}/result?format={form}")
        return Done(wish, job, seconds, list(faults_of(wish, job, last, made)))

    def send(self, client: Client, wish: Wish) -> str:
        """The id of the job."""
        content = Content(wish.source.path, other_content(wish.number))
        if wish.way == "form":
            return client.send_form(content, wish.kind, wish.options)
        if wish.way == "tus":
            return client.send_by_tus(content, wish.kind, wish.options, TUS_PIECE)
        return client.send_url(
            f"{self.files}/{wish.way}/{wish.number}/{wish.source.path.name}", wish.kind, wish.options
        )


def faults_of(wish: Wish, job: dict[str, Any], last: str, made: bytes) -> Iterator[str]:
    """What is wrong with a job that has ended, a sentence each. `last` is the state that its events ended with."""
    if job["state"] != "succeeded":
        yield f"{wish.name} {job['state']}: {job['problem']}"
        return
    if last != job["state"]:
        yield f"{wish.name}: the stream of events ended with {last or 'nothing'}"
    for failure in job["failures"]:
        yield f"{wish.name}: attempt {failure['attempt']} failed: {failure['detail']}"
    if wish.kind == "reps" and job["result"]["count"] != wish.source.reps:
        yield f"{wish.name}: {job['result']['count']} repetitions, and {wish.source.reps} were drawn"
    if len(made) < LEAST_MADE:
        yield f"{wish.name}: its result is {made!r}"


def told(done: Done) -> str:
    """A job as one line."""
    job = done.job
    spent = " ".join(f"{name} {seconds:.1f}" for name, seconds in job["timings"].items())
    given_up = "; ".join(job["degraded"])
    peak = (job["peak_bytes"] or 0) >> 20
    return f"{done.wish.name}: {job['state']}, {done.seconds:.1f} s ({spent}), {peak} MB {given_up}"


@dataclass
class Soak:
    """What one run has shown."""

    limit: Bytes
    seconds: Seconds
    killed: bool
    exit_code: int
    usage: Bytes
    at_first: Bytes
    at_last: Bytes
    gauge: Gauge
    pulse: Pulse
    seeker: Seeker
    load: Load

    def faults(self) -> Iterator[str]:
        """Everything that must not be, a sentence each."""
        if self.killed:
            yield "the kernel killed a process for want of memory"
        if self.exit_code:
            yield f"the server ended with exit code {self.exit_code}"
        if self.pulse.missed:
            yield f"{self.pulse.missed} of {self.pulse.asked} questions to /healthz were not answered"
        if late := sum(seconds > SLOW for seconds in self.pulse.times):
            yield f"{late} answers of /healthz took more than {SLOW:.0f} s"
        yield from self.seeker.faults
        yield from self.load.faults
        for done in self.load.done:
            yield from done.faults
        if not self.load.done:
            yield "no job was done"

    def rows(self) -> Iterator[tuple[str, str]]:
        """The table."""
        done, pulse, seeker = self.load.done, self.pulse, self.seeker
        kinds, ways = Counter(one.wish.kind for one in done), Counter(one.wish.way for one in done)
        yield "hard limit, without swap", mib(self.limit)
        yield "load", f"{self.seconds / 60:.0f} min, {CLIENTS} clients"
        yield "killed for want of memory", "yes" if self.killed else "no"
        yield "jobs done", f"{len(done)}: {counted(kinds)}; {counted(ways)}"
        yield "failed attempts", str(sum(len(one.job["failures"]) for one in done))
        yield "jobs done with less", str(sum(bool(one.job["degraded"]) for one in done))
        yield "sent or fetched", f"{sum(one.wish.source.path.stat().st_size for one in done) / 1e9:.1f} GB"
        yield "peak working set", mib(self.gauge.working)
        yield "most held, without page cache", mib(self.gauge.held)
        yield "most used, with all page cache", mib(self.usage)
        yield (
            "server's RSS: at first, most, last",
            ", ".join(map(mib, (self.at_first, self.gauge.resident, self.at_last))),
        )
        yield "/healthz", f"{pulse.asked} asked, {pulse.missed} missed; {spread(pulse.times)}"
        answers = f"{seeker.by_meaning} by meaning, {seeker.by_keyword} by keyword, {len(seeker.faults)} failed"
        yield "searches", f"{answers}; {spread(seeker.times)}"


def counted(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counter.items()))


def mib(count: Bytes) -> str:
    return f"{count / MIB:.0f} MiB"


def spread(times: Sequence[Seconds]) -> str:
    """Median and longest."""
    return f"median {median(times) * 1000:.0f} ms, longest {max(times):.2f} s" if times else "never"


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run: sources in `files`, the server in `folder`; with `fresh` its libraries have been read by nobody."""

    folder: Path
    files: Path
    limit: Bytes
    seconds: Seconds
    fresh: bool = False


def soak(plan: Plan, todo: Iterator[Wish]) -> Soak:
    """One run: load for so many seconds, and then until what was begun has ended."""
    with (
        file_server.serving(plan.files) as files,
        housed(plan.folder, plan.limit, SETTINGS, fresh=plan.fresh) as house,
    ):
        server, at_first, began = house.server, rss(house.pid), time.monotonic()
        gauge = Gauge(house.group, house.pid, plan.folder / "trace.jsonl")
        pulse, seeker = Pulse(server.port), Seeker(server.port, QUESTIONS, ASK)
        load = Load(server, files, todo, began + plan.seconds)
        with watching(gauge, pulse, seeker):
            _run_clients(load)
        pulse.close()
        took, at_last = time.monotonic() - began, rss(house.pid)
        code, killed, usage = server.stop(), house.group.killed(), house.group.peak()
        return Soak(plan.limit, took, killed, code, usage, at_first, at_last, gauge, pulse, seeker, load)


def _run_clients(load: Load) -> None:
    clients = [threading.Thread(target=load.run, name=f"client-{number}") for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def soaked(files: Path, limit: Bytes, seconds: Seconds) -> Row:
    """A short run as a row of the benchmarks' table."""
    todo = wishes(material(files), WAYS, seed=1)
    with tempfile.TemporaryDirectory(prefix="halfgig-soak-") as folder:
        run = soak(Plan(Path(folder), files, limit, seconds), todo)
    faults = list(run.faults())
    return Row(
        "server",
        f"mixed load, {limit // MIB} MiB",
        seconds=run.seconds,
        rate=len(run.load.done) / run.seconds,
        peak=run.gauge.working / MIB,
        held=run.gauge.held / MIB,
        usage=run.usage / MIB,
        rss=run.gauge.resident / MIB,
        note=faults[0] if faults else f"{len(run.load.done)} jobs, no fault",
    )


def main() -> None:
    """Run it, and print what was found; exit code 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--limit", type=int, default=512, help="MB")
    parser.add_argument("--ways", default=",".join(WAYS), help="how sources come: any of form, tus, ranges, whole")
    parser.add_argument("--seed", type=int, default=1)
    settings = Settings.from_environment()
    parser.add_argument("--folder", type=Path, default=settings.data_dir / "benchmarks" / "soak", help="of the sources")
    parser.add_argument("--keep", type=Path, help="folder for the log of the server and a trace of its memory")
    parser.add_argument("--fresh", action="store_true", help="with libraries and models that nobody has read before")
    given = parser.parse_args()
    files = given.folder.expanduser()
    todo = wishes(material(files), given.ways.split(","), given.seed)
    with tempfile.TemporaryDirectory(prefix="halfgig-soak-") as name:
        plan = Plan(given.keep or Path(name), files, given.limit * MIB, given.minutes * 60, given.fresh)
        run = soak(plan, todo)
    for what, figure in run.rows():
        print(f"{what:<36} {figure}")
    for note, times in run.seeker.why.items():
        print(f"  {times} times: {note}")
    faults = list(run.faults())
    print("\n".join(faults) or "Nothing was killed, nothing failed, and the server answered throughout.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
