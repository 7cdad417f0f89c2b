"""Fake file systems: the kernel's files as containers and machines of several kinds show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = "35 31 0:32 {shown} /sys/fs/cgroup/memory rw,relatime shared:9 master:2 - cgroup cgroup rw,memory\n"
CPU = "36 31 0:33 {shown} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
UNIFIED = "30 23 0:26 {shown} {folder} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
PROC = "22 28 0:20 / /proc rw,relatime - proc proc rw\n"
MEMINFO = "MemTotal:        8000000 kB\nMemFree:          123456 kB\n"


@dataclass(frozen=True)
class Tree:
    """A root folder with physical memory of 8,000,000 KiB and the kernel files that a test asks for."""

    root: Path

    def plant(self, files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = self.root / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self.root

    def v2(self, group: str, files: dict[str, str], *, shown: str = "/", folder: str = "/sys/fs/cgroup") -> Path:
        mounts = PROC + UNIFIED.format(shown=shown, folder=folder.replace(" ", "\\040"))
        self.plant({"proc/self/mountinfo": mounts, "proc/self/cgroup": f"0::{group}\n"})
        return self.plant({f"{folder}/{name}": text for name, text in files.items()})

    def v1(self, group: str, files: dict[str, str], *, shown: str = "/") -> Path:
        mounts = PROC + MEMORY.format(shown=shown) + CPU.format(shown=shown)
        groups = f"12:pids:{group}\n4:memory:{group}\n3:cpu,cpuacct:{group}\n"
        self.plant({"proc/self/mountinfo": mounts, "proc/self/cgroup": groups})
        return self.plant({f"sys/fs/cgroup/{name}": text for name, text in files.items()})


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    made = Tree(tmp_path)
    made.plant({"proc/meminfo": MEMINFO})
    return made
