"""Commands that are read, interrupted and killed while they run."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Command = subprocess.Popen[str]

# A test run in the background of a shell ignores Ctrl-C, and so would what it starts.
INTERRUPTIBLE = """import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from halfgig.cli import main
sys.exit(main())"""


@contextmanager
def starting() -> Iterator[Callable[..., Command]]:
    """start(environment, *arguments): a command that runs; it is ended with the block."""
    children: list[Command] = []

    def start(environment: Mapping[str, str], *arguments: object) -> Command:
        command, pipe = [sys.executable, "-c", INTERRUPTIBLE, *map(str, arguments)], subprocess.PIPE
        children.append(subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return children[-1]

    try:
        yield start
    finally:
        for child in children:
            child.kill()
            child.communicate()


def read_until(stream: IO[str] | None, words: str) -> None:
    """Read lines until one holds `words`."""
    assert stream
    while words not in (line := stream.readline()):
        assert line, f"it ended before it said {words}"
