"""What we hold: by the control group's account, by process, and by a whole process tree."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from halfgig.errors import MIB
from halfgig.memory.cgroup import ROOT, own_groups, read
from halfgig.memory.limit import PHYSICAL, available_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.memory.limit import Limit
    from halfgig.records import Bytes

USAGE = {1: "memory.usage_in_bytes", 2: "memory.current"}
RECLAIMABLE = {1: "total_inactive_file", 2: "inactive_file"}
KERNEL = 4 * MIB  # that the kernel holds for us in our group: page tables, sockets, counters that lag behind
IN_USE = {1: "total_active_file", 2: "active_file"}  # page cache that was read twice; it can be dropped too


def held(limit: Limit, root: Path = ROOT) -> Bytes:
    """Bytes that count against `limit`: those of the group that sets it, else those of our process tree."""
    if limit.group is not None:
        for version in USAGE:
            figure = group_working_set(version, limit.group)
            if figure is not None:
                return figure
    return tree_pss(os.getpid(), root)


def headroom(limit: Limit, root: Path = ROOT) -> Bytes:
    """Bytes that our process tree may come to hold in all under `limit`: what others hold there is not for us.

    What others hold is what the kernel could not drop for us. Under physical memory that is what the machine itself
    calls unavailable; under MEMORY_LIMIT_MB and ulimit, which speak of us alone, there are no others.
    """
    own = tree_anonymous(os.getpid(), root)
    if limit.group is not None:
        figures = (group_anonymous(version, limit.group) for version in USAGE)
        held_there = next((figure for figure in figures if figure is not None), own)
        return max(0, limit.bytes - max(0, held_there - own - KERNEL))
    available = available_memory(root) if limit.origin == PHYSICAL else None
    return limit.bytes if available is None else min(limit.bytes, available + own)


def working_set(root: Path = ROOT) -> Bytes | None:
    """Bytes that our own control group holds and the kernel cannot simply drop; None without such a group."""
    for version, folder in own_groups("memory", root):
        figure = group_working_set(version, folder)
        if figure is not None:
            return figure
    return None


def group_working_set(version: int, folder: Path) -> Bytes | None:
    """One group's usage less its inactive page cache, as Kubernetes reckons it; None where it has no account."""
    usage = read(folder / USAGE[version]).strip()
    if not usage.isdigit():
        return None
    return max(0, int(usage) - _figure(folder / "memory.stat", RECLAIMABLE[version]))


def group_anonymous(version: int, folder: Path) -> Bytes | None:
    """One group's usage less all page cache of files: what no room can be made of; None where it has no account."""
    figure = group_working_set(version, folder)
    return None if figure is None else max(0, figure - _figure(folder / "memory.stat", IN_USE[version]))


def rss(pid: int | None = None, root: Path = ROOT) -> Bytes:
    """Resident bytes of a process, ours by default; 0 where it has gone; without /proc, the most we ever had."""
    return _resident("VmRSS:", pid, root)


def peak_rss(pid: int | None = None, root: Path = ROOT) -> Bytes:
    """The most resident bytes that a process, ours by default, ever had since it became its command."""
    return _resident("VmHWM:", pid, root)


def _resident(name: str, pid: int | None, root: Path) -> Bytes:
    if not (root / "proc/self").exists():
        return _peak_by_rusage()
    return 1024 * _figure(root / "proc" / str(pid or "self") / "status", name)


def tree_pss(pid: int, root: Path = ROOT) -> Bytes:
    """Proportional resident bytes of `pid` and all below it; what has vanished counts nothing.

    A page shared by n processes counts 1/n in each, so that a sum over the tree is what the tree holds.
    Without /proc, the most that this process and its largest finished child ever had.
    """
    if not (root / "proc/self").exists():
        return _peak_by_rusage()
    return sum(_pss(each, root) for each in tree(pid, root))


def tree_anonymous(pid: int, root: Path = ROOT) -> Bytes:
    """Bytes of `pid` and all below it that are no page of a file: stacks, heaps, shared memory.

    Without /proc, the most that this process and its largest finished child ever had.
    """
    if not (root / "proc/self").exists():
        return _peak_by_rusage()
    return sum(anonymous(each, root) for each in tree(pid, root))


def anonymous(pid: int, root: Path = ROOT) -> Bytes:
    """Bytes of one process that are no page of a file; 0 where it has gone, or there is no /proc."""
    status = root / "proc" / str(pid) / "status"
    return 1024 * sum(_figure(status, name) for name in ("RssAnon:", "RssShmem:"))


def tree(pid: int, root: Path = ROOT) -> Iterator[int]:
    """`pid` and the ids of all processes below it, parents first."""
    tells = (root / "proc" / str(pid) / "task" / str(pid) / "children").exists()
    children = _told_children if tells else _searched_children(root)
    waiting = [pid]
    while waiting:
        each = waiting.pop(0)
        yield each
        waiting += children(each, root)


def _told_children(pid: int, root: Path) -> list[int]:
    """What the kernel lists below each thread of a process; most kernels do."""
    lists = (root / "proc" / str(pid) / "task").glob("*/children")
    return [int(child) for path in lists for child in read(path).split()]


def _searched_children(root: Path) -> Callable[[int, Path], list[int]]:
    """By a look at every process that there is."""
    children = defaultdict(list)
    for folder in (root / "proc").glob("[0-9]*"):
        # "pid (name) state ppid ...", where the name may hold spaces and brackets
        fields = read(folder / "stat").rpartition(")")[2].split()
        if len(fields) > 1:
            children[int(fields[1])].append(int(folder.name))
    return lambda pid, _: children[pid]


def _pss(pid: int, root: Path) -> Bytes:
    folder = root / "proc" / str(pid)
    return 1024 * _figure(folder / "smaps_rollup", "Pss:") or rss(pid, root)


def _figure(path: Path, name: str) -> int:
    """The number after `name` in a file of one name and number a line; 0 where there is none."""
    for line in read(path).splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return 0


def _peak_by_rusage() -> Bytes:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
