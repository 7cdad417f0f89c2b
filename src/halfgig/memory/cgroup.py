"""Finds this process's own control group, version 1, 2 or both at once, and the groups above it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted hierarchy: its folder, which group is shown there, 1 or 2, and version 1's controllers."""

    folder: Path
    shown: PurePosixPath
    version: int
    controllers: frozenset[str]


def mounts(root: Path = ROOT) -> Iterator[Mount]:
    """Every control group hierarchy that this process can see; none where the system has none."""
    for line in read(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in {"cgroup", "cgroup2"}:
            continue
        folder = root / _unescape(fields[4]).lstrip("/")
        controllers = frozenset(kind[2].split(",")) if kind[0] == "cgroup" else frozenset[str]()
        yield Mount(folder, PurePosixPath(_unescape(fields[3])), 2 if kind[0] == "cgroup2" else 1, controllers)


def own_groups(controller: str, root: Path = ROOT) -> Iterator[tuple[int, Path]]:
    """(version, folder) of this process's group for `controller`, then of each group above it that exists.

    A container sees its own group as the top of the hierarchy, whatever path the kernel reports for it; a
    reported path that is not below the mount therefore means the top.
    """
    paths = _own_paths(root)
    for mount in mounts(root):
        path = paths.get(controller if mount.version == 1 else "")
        if path is None or (mount.version == 1 and controller not in mount.controllers):
            continue
        for folder in _up(mount, path):
            if folder.is_dir():
                yield mount.version, folder


def _own_paths(root: Path) -> dict[str, PurePosixPath]:
    """The group by controller name as the kernel reports it; version 2 has the empty name."""
    paths = {}
    for line in read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        paths.update({name: PurePosixPath(path) for name in controllers.split(",")})
    return paths


def _up(mount: Mount, path: PurePosixPath) -> Iterator[Path]:
    below = PurePosixPath()
    if ".." not in path.parts:
        below = path.relative_to(mount.shown) if path.is_relative_to(mount.shown) else below
    yield mount.folder / below
    for parent in below.parents:
        yield mount.folder / parent


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)


def read(path: Path) -> str:
    """The text of a kernel file; empty where it cannot be read, as when a process or a group has just gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
