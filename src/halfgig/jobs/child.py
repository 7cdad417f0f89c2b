"""What a child process is before it works: the first to die of hunger, dead with its parent, and sure of its wire.

The parent starts it by `child_command`, with pipes on stdin and stdout, and they exchange one JSON object a line.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from halfgig.memory.allocator import use_one_arena

if TYPE_CHECKING:
    from collections.abc import Iterator

PR_SET_PDEATHSIG = 1
FIRST_TO_DIE = "1000"  # of oom_score_adj: the kernel takes the child and leaves the server
ORPHAN = 75  # exit code, EX_TEMPFAIL: the parent had gone before the child could tie itself to it
SCORE = Path("/proc/self/oom_score_adj")


@dataclass(frozen=True, slots=True)
class Wire:
    """The two ends that a child speaks by: what it is asked, and what it answers. Any thread may send."""

    inbox: IO[bytes]
    outbox: IO[bytes]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield each message of the parent; ends when the parent closes its end, or has gone."""
        for line in self.inbox:
            yield json.loads(line)

    def send(self, message: dict[str, Any]) -> None:
        """Hand one message to the parent. BrokenPipeError where it has gone."""
        with self._lock:
            self.outbox.write(line_of(message))
            self.outbox.flush()


def line_of(message: dict[str, Any]) -> bytes:
    """The message as it crosses the wire, in either direction."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def child_command(module: str, *arguments: str) -> list[str]:
    """The command that starts `module` as a child of this process: its first argument is the parent's id."""
    return [sys.executable, "-m", module, str(os.getpid()), *arguments]


def become_child(parent: int) -> Wire:
    """Make this process a child of `parent`, and return its wire. To be called before anything heavy is imported.

    It dies when the thread that started it ends, so the parent starts children from a thread that lives as long as it
    does itself. An interrupt from the keyboard reaches the whole group of processes: the child leaves it to its parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        SCORE.write_text(FIRST_TO_DIE)
    die_with(parent)
    use_one_arena()
    return take_wire()


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; exit at once where it has ended already.

    Where the system cannot (macOS), a child learns it from the end of its messages.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(ORPHAN)


def take_wire() -> Wire:
    """Keep stdin and stdout for the wire alone: who else reads gets nothing, and who prints does so on stderr."""
    inbox, outbox = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    return Wire(os.fdopen(inbox, "rb"), os.fdopen(outbox, "wb"))
