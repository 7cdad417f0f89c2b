from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.memory.oom import oom_kills

if TYPE_CHECKING:
    from pathlib import Path


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_version_1_counts_in_oom_control(tmp_path: Path) -> None:
    files = {
        "proc/self/mountinfo": "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        "proc/self/cgroup": "9:memory:/a/b\n",
        "sys/fs/cgroup/memory/a/b/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
        "sys/fs/cgroup/memory/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    }
    assert oom_kills(tree(tmp_path, files)) == 3  # those of the group above are others'


def test_version_2_counts_in_events(tmp_path: Path) -> None:
    files = {
        "proc/self/mountinfo": "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "proc/self/cgroup": "0::/a\n",
        "sys/fs/cgroup/a/memory.events": "low 0\nhigh 7\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n",
    }
    assert oom_kills(tree(tmp_path, files)) == 2


def test_without_groups_the_machine_tells(tmp_path: Path) -> None:
    assert oom_kills(tree(tmp_path, {"proc/vmstat": "nr_free_pages 5\noom_kill 6\n"})) == 6
    assert oom_kills(tmp_path / "nothing") is None
