"""`python -m benchmarks.originals [--limit 512]`: uploads of 10, 25 and 50 MB, as the backends before halfgig had them.

What the whole service holds meanwhile, and how long it takes from the first byte to the result.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.live import Client, Content
from benchmarks.material import make_clip, make_talk, once, other_content
from benchmarks.service import housed
from benchmarks.table import Row, printed, write
from benchmarks.watch import Gauge, watching
from halfgig.errors import MIB
from halfgig.memory.cores import granted_cores
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.service import House
    from halfgig.records import Bytes

SECTION = "upload to result, whole service"
BEFORE = {10: 180, 25: 220, 50: 260}  # MB of an upload: MB that the backends before held, in 2 to 5 s
OPTIONS = {"transcript": {"language": "en"}, "index": {"language": "en"}, "reps": {"exercise": "squat"}}


@dataclass(frozen=True, slots=True)
class Case:
    """A source of `size` MB, and what is made of it."""

    kind: str
    size: int

    def source(self, folder: Path) -> Path:
        """A clip of squats, or 50 s of speech with a picture."""
        name, make = ("clip", make_clip) if self.kind == "reps" else ("talk", make_talk)
        return once(folder / f"{name}-{self.size}.mp4", self.size * MIB, make)


CASES = tuple(Case(kind, size) for size in BEFORE for kind in OPTIONS)


def originals(folder: Path, limit: Bytes) -> Iterator[Row]:
    """Each case on a server that has just started, and then with a second source of the same size."""
    for case in CASES:
        path = case.source(folder)
        with tempfile.TemporaryDirectory() as data, housed(Path(data), limit) as house:
            for number, name in enumerate(("first", "next")):
                yield _measured(house, case, Content(path, other_content(number)), name)


def _measured(house: House, case: Case, content: Content, name: str) -> Row:
    gauge, client = Gauge(house.group, house.pid), Client(house.server)
    began = time.monotonic()
    with watching(gauge):
        job = client.ended(client.send_form(content, case.kind, OPTIONS[case.kind]))
    return Row(
        SECTION,
        f"{case.size} MB, {case.kind}, {name}",
        seconds=time.monotonic() - began,
        peak=gauge.working / MIB,
        held=gauge.held / MIB,
        note=f"before: {BEFORE[case.size]} MB{_trouble(job)}",
    )


def _trouble(job: dict[str, object]) -> str:
    return "" if job["state"] == "succeeded" else f"; {job['state']}: {job['problem']}"


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(prog="benchmarks.originals", description=__doc__)
    parser.add_argument("--limit", type=int, default=512, help="MB")
    settings = Settings.from_environment()
    parser.add_argument("--folder", type=Path, default=settings.data_dir / "benchmarks" / "soak", help="of the sources")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    measured = list(originals(given.folder, given.limit * MIB))
    print(printed(measured))
    print(f"\nwritten to {write(measured, Path(__file__).parent / 'results', threads=granted_cores())}")


if __name__ == "__main__":
    main()
