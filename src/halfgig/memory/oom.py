"""How many processes the kernel has killed for want of memory, where it keeps count."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from halfgig.memory.cgroup import ROOT, own_groups, read

if TYPE_CHECKING:
    from pathlib import Path


COUNTS = {1: "memory.oom_control", 2: "memory.events"}


def oom_kills(root: Path = ROOT) -> int | None:
    """Kills in our own control group, whichever limit led to them; of the whole machine where it keeps no count of its
    own; None where nobody tells.
    """
    texts = [read(folder / COUNTS[version]) for version, folder in islice(own_groups("memory", root), 1)]
    counts = map(_count, [*texts, read(root / "proc/vmstat")])
    return next((count for count in counts if count is not None), None)


def _count(text: str) -> int | None:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdigit():
            return int(value)
    return None
