"""What this process may hold: the smallest of the limits that the system and the user have set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.errors import MIB
from halfgig.memory.cgroup import ROOT, own_groups, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.records import Bytes
    from halfgig.settings import Settings

PHYSICAL = "physical memory"
FILES = {1: ("memory.limit_in_bytes",), 2: ("memory.max", "memory.high")}
INHERITED = ("hierarchical_memory_limit", "hierarchical_memsw_limit")


@dataclass(frozen=True, slots=True)
class Limit:
    """`bytes` that may be held, and where the figure comes from, in words for a person.

    `group` is the control group that sets the limit, None where none does.
    """

    bytes: Bytes
    origin: str
    group: Path | None = None


def process_limits() -> Iterator[Limit]:
    """What `ulimit -v` and `ulimit -d` allow, where they are set; memory can never pass either."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows has no such limits
        return
    for name, kind in (("RLIMIT_AS", resource.RLIMIT_AS), ("RLIMIT_DATA", resource.RLIMIT_DATA)):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            yield Limit(soft, name)


def memory_limit(
    settings: Settings,
    root: Path = ROOT,
    process_limits: Callable[[], Iterator[Limit]] = process_limits,
) -> Limit:
    """The smallest of: every control group from our own to the top, MEMORY_LIMIT_MB, ulimit, physical memory.

    Version 1 says "unlimited" by a number of exabytes, which is never the smallest. `root` is where the file
    system starts, so that a test can bring its own tree.
    """
    return min(all_limits(settings, root, process_limits), key=lambda limit: limit.bytes)


def all_limits(
    settings: Settings,
    root: Path = ROOT,
    process_limits: Callable[[], Iterator[Limit]] = process_limits,
) -> Iterator[Limit]:
    """Every limit that holds for this process, in no order: a larger one may have less left than the smallest."""
    yield Limit(physical_memory(root), PHYSICAL)
    yield from group_limits(root)
    yield from process_limits()
    if settings.memory_limit_mb is not None:
        yield Limit(settings.memory_limit_mb * MIB, "MEMORY_LIMIT_MB")


def group_limits(root: Path = ROOT) -> Iterator[Limit]:
    """Every memory limit of our control group and of those above it that can be read, in no order."""
    for version, folder in own_groups("memory", root):
        for name in FILES[version]:
            text = read(folder / name).strip()
            if text.isdigit():
                yield Limit(int(text), f"cgroup v{version} {name}", folder)
        if version == 1:
            yield from _inherited(folder)


def _inherited(folder: Path) -> Iterator[Limit]:
    """Version 1 tells the limits of groups above that a container cannot open."""
    for line in read(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name in INHERITED and value.isdigit():
            yield Limit(int(value), f"cgroup v1 {name}", folder)


def physical_memory(root: Path = ROOT) -> Bytes:
    """Bytes of memory that the machine has."""
    total = _meminfo("MemTotal", root)
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if total is None else total


def available_memory(root: Path = ROOT) -> Bytes | None:
    """Bytes that the machine could give without swapping; None where it does not tell."""
    return _meminfo("MemAvailable", root)


def _meminfo(wanted: str, root: Path) -> Bytes | None:
    for line in read(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == wanted and value.split():
            return int(value.split()[0]) * 1024
    return None
