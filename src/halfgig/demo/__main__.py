"""`python -m halfgig.demo`: draws a talk and an athlete, runs the real commands on them, and checks the answers."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.demo import athlete, talk
from halfgig.demo.steps import ATHLETE, LIMIT, STEPS, TALK, WORKOUT, Step, perform, table, verdict
from halfgig.errors import MIB
from halfgig.models.manifest import DEFAULT_MODELS
from halfgig.models.store import ModelStore
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.memory.jail import Run

WALLS = """\
Each command ran by itself under a hard limit of {limit} MB without swap ({meter}). The peak is what counts towards
the limit; RSS also counts libraries that were in memory already."""
WATCH = """\
Each command ran by itself and was watched: it would have been stopped when seen above {limit} MB ({meter}). Run as root
on Linux, the demo sets a hard limit."""
CLOSING = """\
The videos are in {folder}. Now yours:

  halfgig index VIDEO && halfgig search "words"
  halfgig reps VIDEO
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 where every answer was right, 1 where one was not."""
    settings = Settings.from_environment()
    folder = _parse(arguments).output.resolve()
    if not set(DEFAULT_MODELS) <= set(ModelStore(settings.models_dir).installed()):
        subprocess.run([sys.executable, "-m", "halfgig", "models", "pull"], check=True)
    print("Drawing a talk with synthetic speech, and an athlete ...", flush=True)
    draw(folder)
    with tempfile.TemporaryDirectory(prefix="halfgig-demo-") as library:
        environment = {
            "HALFGIG_DATA": str(settings.data_dir.resolve()),
            "LIBRARY_PATH": str(Path(library) / "library.db"),
        }
        runs = [(step, _show(step, perform(step, folder, environment))) for step in STEPS]
    print(f"\n{table(runs)}")
    meter = runs[0][1].meter
    print((WALLS if meter.startswith("cgroup") else WATCH).format(limit=LIMIT // MIB, meter=meter))
    print(CLOSING.format(folder=folder))
    wrong = [f"{step.name}: {text}" for step, run in runs if (text := verdict(step, run))]
    print("\n".join(f"WRONG {text}" for text in wrong) or "Every answer was checked and is right.")
    return 1 if wrong else 0


def draw(folder: Path) -> None:
    """Draw both videos, and the truth about the athlete, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    talk.write(folder / TALK)
    athlete.write(WORKOUT, folder / ATHLETE, folder / Path(ATHLETE).with_suffix(".json"))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m halfgig.demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo-output"), metavar="DIR", help="where videos go")
    return parser.parse_args(arguments)


def _show(step: Step, run: Run) -> Run:
    words = " ".join(f'"{word}"' if " " in word else word for word in step.command)
    print(f"\n$ halfgig {words}")
    print(textwrap.indent(run.stdout.rstrip(), "  "), flush=True)
    if not run.ok:
        print(textwrap.indent(run.stderr.rstrip(), "  "), file=sys.stderr)
    return run


if __name__ == "__main__":
    sys.exit(main())
