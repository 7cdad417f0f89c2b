"""How many processes the kernel has killed for want of memory, where it keeps count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.memory.cgroup import ROOT, own_groups, read

if TYPE_CHECKING:
    from pathlib import Path


COUNTS = {1: "memory.oom_control", 2: "memory.events"}


def oom_kills(root: Path = ROOT) -> int | None:
    """Kills in our control group and those above it; of the whole machine where there is no group; None if untold.

    Only a change of the figure means something: version 2 counts a kill in each group above it once more.
    """
    texts = [read(folder / COUNTS[version]) for version, folder in own_groups("memory", root)]
    counts = [count for count in map(_count, texts or [read(root / "proc/vmstat")]) if count is not None]
    return sum(counts) if counts else None


def _count(text: str) -> int | None:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdigit():
            return int(value)
    return None
