"""Whether memory is short, whatever the sums say: stalls (PSI), and how often `memory.high` was passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.memory.cgroup import ROOT, own_groups, read
from halfgig.memory.limit import group_limits

if TYPE_CHECKING:
    from pathlib import Path

STALLED = 10.0  # per cent of the last ten seconds in which something waited for memory


@dataclass(frozen=True, slots=True)
class Pressure:
    """`stalled` is the share of the last 10 s, in per cent, in which a process waited for memory; None where unknown.

    `throttled` counts how often the kernel has slowed us for passing `memory.high`, since our group was made.
    """

    stalled: float | None
    throttled: int = 0


def pressure(root: Path = ROOT) -> Pressure:
    """What the kernel tells now."""
    folders = [folder for version, folder in own_groups("memory", root) if version == 2]
    throttled = sum(_figure(read(folder / "memory.events"), "high") for folder in folders)
    return Pressure(_stalled(folders, root), throttled)


def is_pressed(before: Pressure, now: Pressure) -> bool:
    """Whether memory is short: much waiting, or `memory.high` passed since the reading before."""
    return (now.stalled or 0.0) >= STALLED or now.throttled > before.throttled


def _stalled(folders: list[Path], root: Path) -> float | None:
    """Of our own group; of the machine only where nothing but the machine limits us: its others are not our concern."""
    for folder in folders[:1]:
        share = _some(read(folder / "memory.pressure"))
        if share is not None:
            return share
    return None if any(group_limits(root)) else _some(read(root / "proc/pressure/memory"))


def _some(text: str) -> float | None:
    """The `some avg10` of a file as `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["some"] and words[1:] and words[1].startswith("avg10="):
            return float(words[1].removeprefix("avg10="))
    return None


def _figure(text: str, name: str) -> int:
    return next((int(value) for key, _, value in map(_parted, text.splitlines()) if key == name), 0)


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(" ")
