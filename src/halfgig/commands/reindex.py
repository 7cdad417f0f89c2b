"""`halfgig reindex`: the index made anew with another embedding model, while the old one is searched."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from halfgig.commands.models import PullProgress
from halfgig.commands.standard import tell
from halfgig.progress import EVERY, StatusLine, bar, minutes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from halfgig.settings import Settings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `reindex` to the command line."""
    parser = subparsers.add_parser("reindex", help="embed what is indexed anew, with another model")
    parser.add_argument(
        "--model", default="", metavar="M", help="a name, hub id or folder (default: EMBEDDING_MODEL, minilm)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Embed everything, tell how far it is, and what to set afterwards."""
    from halfgig.operations.embedders import agrees, model_name
    from halfgig.operations.renewal import renew

    progress = Count()
    try:
        done = renew(arguments.model, settings=settings, watch=progress, report=PullProgress(sys.stderr))
    finally:
        progress.wipe()
    print(f"{done.passages} passages are embedded with {done.model}; {done.embedded} of them now.")
    if not agrees(done.model, model_name(settings)):
        tell(f"Set EMBEDDING_MODEL={arguments.model}, so that what is indexed from now on has the same model.")
    return 0


class Count:
    """How many passages are done, on one line of a terminal, with the rate and the time left."""

    def __init__(self, line: StatusLine | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._line, self._clock = line or StatusLine(), clock
        self._begun: tuple[float, int] | None = None
        self._drawn = -EVERY

    def __call__(self, done: int, total: int) -> None:
        """So many passages of so many have a vector."""
        now = self._clock()
        since, first = self._begun = self._begun or (now, done)
        if self._line.live and now - self._drawn >= EVERY:
            self._drawn = now
            rate = (done - first) / (now - since) if now > since else 0.0
            left = f"  {rate:.0f} a second  {minutes((total - done) / rate)} left" if rate > 0 else ""
            self._line.draw(f"{bar(done / total if total else 1.0)}  {done}/{total} passages{left}")

    def wipe(self) -> None:
        """Wipe the line."""
        self._line.wipe()
