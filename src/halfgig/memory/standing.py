"""What every limit of the whole service leaves: the readings that the governor reckons with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from halfgig.memory.cgroup import ROOT
from halfgig.memory.governor import Standing
from halfgig.memory.limit import PHYSICAL, all_limits, available_memory
from halfgig.memory.meter import USAGE, group_anonymous, tree_anonymous

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.memory.limit import Limit
    from halfgig.records import Bytes
    from halfgig.settings import Settings


def standings(settings: Settings, root: Path = ROOT) -> Iterator[Standing]:
    """Every limit that holds for this process and its children together, with what is held under it.

    `ulimit` is not among them: it speaks of each process alone.
    """
    for limit in all_limits(settings, root, process_limits=lambda: iter(())):
        yield Standing(limit.bytes, undroppable(limit, root))


def undroppable(limit: Limit, root: Path = ROOT) -> Bytes:
    """Bytes under `limit` that the kernel cannot drop: of the whole group that sets it, of the machine, or ours."""
    if limit.group is not None:
        figures = (group_anonymous(version, limit.group) for version in USAGE)
        return next((figure for figure in figures if figure is not None), 0)
    available = available_memory(root) if limit.origin == PHYSICAL else None
    return tree_anonymous(os.getpid(), root) if available is None else max(0, limit.bytes - available)
