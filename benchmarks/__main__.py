"""`python -m benchmarks [SECTION ...] [--hours 10]`: measure, print one table, write one JSON file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.sections import HOUR, SECTIONS, Plan
from benchmarks.table import Row, printed, write
from halfgig.memory.cores import granted_cores
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).parent / "results"


def arguments() -> argparse.Namespace:
    settings = Settings.from_environment()
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"any of: {', '.join(SECTIONS)}; all if none")
    parser.add_argument("--weights", type=Path, default=settings.models_dir / "tiny.en", help="folder of tiny.en")
    parser.add_argument("--folder", type=Path, default=settings.data_dir / "benchmarks", help="where long sources go")
    parser.add_argument("--threads", type=int, default=granted_cores(), help="threads for every tool")
    parser.add_argument("--hours", type=float, default=1.0, help="length of the longest sound; 10 takes a long time")
    return parser.parse_args()


def rows(plan: Plan, wanted: list[str]) -> Iterator[Row]:
    """Every row, told on standard error as it is there."""
    for name in wanted:
        for row in SECTIONS[name](plan):
            print(printed([row]).splitlines()[-1], file=sys.stderr, flush=True)
            yield row


def main() -> None:
    given = arguments()
    unknown = set(given.sections) - set(SECTIONS)
    if unknown:
        sys.exit(f"no section called {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    plan = Plan(given.weights, given.folder.expanduser(), given.threads, given.hours * HOUR)
    measured = list(rows(plan, given.sections or list(SECTIONS)))
    print(printed(measured))
    print(f"\nwritten to {write(measured, RESULTS, threads=plan.threads)}")


if __name__ == "__main__":
    main()
