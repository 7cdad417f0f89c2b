"""`halfgig serve` with workers that are fakes: `python fake_server.py [OPTION ...]`, with the options of serve."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from halfgig.api import supervision
from halfgig.cli import main
from halfgig.jobs.supervisor import Supervisor

WORKER = Path(__file__).with_name("fake_worker.py")


def command(kind: str) -> list[str]:
    return [sys.executable, str(WORKER), str(os.getpid()), kind]


if __name__ == "__main__":
    supervision.Supervisor = partial(Supervisor, command=command)  # type: ignore[assignment,attr-defined]
    sys.exit(main(["serve", *sys.argv[1:]]))
