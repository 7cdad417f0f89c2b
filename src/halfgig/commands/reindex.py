"""`halfgig reindex`: the index made anew with another embedding model, while the old one is searched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from halfgig.commands.models import PullProgress
from halfgig.commands.standard import tell
from halfgig.progress import Paced, bar, minutes

if TYPE_CHECKING:
    import argparse

    from halfgig.records import Seconds
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

    paced = Paced()
    try:
        done = renew(arguments.model, settings=settings, watch=Count(paced), report=PullProgress(sys.stderr))
    finally:
        paced.wipe()
    print(f"{done.passages} passages are embedded with {done.model}; {done.embedded} of them now.")
    if not agrees(done.model, model_name(settings)):
        tell(f"Set EMBEDDING_MODEL={arguments.model}, so that what is indexed from now on has the same model.")
    return 0


class Count:
    """How many passages are done, on one line of a terminal, with the rate and the time left."""

    def __init__(self, paced: Paced) -> None:
        self._paced = paced
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """So many passages of so many have a vector."""
        first = self._first = done if self._first is None else self._first
        self._paced.draw(lambda elapsed: describe(done, total, elapsed, first))


def describe(done: int, total: int, elapsed: Seconds, first: int = 0) -> str:
    """`[#####---------------]  25%  300/1200 passages  30 a second  00:30 left`; `first` were done at the beginning."""
    rate = (done - first) / elapsed if elapsed > 0 else 0.0
    left = f"  {rate:.0f} a second  {minutes((total - done) / rate)} left" if rate > 0 else ""
    return f"{bar(done / total if total else 1.0)}  {done}/{total} passages{left}"
