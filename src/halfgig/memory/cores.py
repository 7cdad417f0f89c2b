"""The processor: how many of its cores this process is granted, and whose library multiplies on it."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from halfgig.memory.cgroup import ROOT, own_groups, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def granted_cores(root: Path = ROOT) -> int:
    """Cores worth a thread each, at least 1. A quota of 1.4 cores is 1 thread, of 1.6 it is 2."""
    return max(1, round(min([allowed_cores(), *quotas(root)])))


def allowed_cores() -> int:
    """Cores that the scheduler may put this process on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def multiplies_without_mkl(root: Path = ROOT) -> bool:
    """Whether CTranslate2 leaves Intel's MKL aside, as it does on AMD's processors; on others this is not known."""
    return "AuthenticAMD" in read(root / "proc/cpuinfo")


def quotas(root: Path = ROOT) -> Iterator[float]:
    """Every quota from our own group to the top, in cores."""
    for version, folder in own_groups("cpu", root):
        if version == 2:
            parts = read(folder / "cpu.max").split()
        else:
            parts = [read(folder / name).strip() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
        if len(parts) == 2 and all(part.isdigit() for part in parts) and int(parts[1]):
            yield int(parts[0]) / int(parts[1])
