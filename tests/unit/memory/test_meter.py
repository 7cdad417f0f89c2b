from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import MIB
from halfgig.memory.limit import PHYSICAL, Limit
from halfgig.memory.meter import (
    KERNEL,
    group_anonymous,
    headroom,
    held,
    peak_rss,
    rss,
    tree_anonymous,
    tree_pss,
    working_set,
)

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's own files")


def process(pid: int, parent: int, pss: int, name: str = "python") -> dict[str, str]:
    return {
        f"proc/{pid}/stat": f"{pid} ({name}) S {parent} 1 1 0\n",
        f"proc/{pid}/smaps_rollup": f"55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 999 kB\nPss: {pss} kB\n",
    }


def test_v2_working_set_leaves_out_inactive_page_cache(tree: Any) -> None:
    files = {"app/memory.current": f"{300 * MIB}\n", "app/memory.stat": f"anon 1\ninactive_file {100 * MIB}\n"}
    assert working_set(tree.v2("/app", files)) == 200 * MIB


def test_v1_working_set_counts_groups_below(tree: Any) -> None:
    stat = f"inactive_file 0\ntotal_inactive_file {50 * MIB}\n"
    files = {"memory/app/memory.usage_in_bytes": str(300 * MIB), "memory/app/memory.stat": stat}
    assert working_set(tree.v1("/app", files)) == 250 * MIB


def test_working_set_is_never_negative(tree: Any) -> None:
    files = {"app/memory.current": "5\n", "app/memory.stat": "inactive_file 10\n"}
    assert working_set(tree.v2("/app", files)) == 0


def test_no_working_set_without_a_group(tree: Any) -> None:
    assert working_set(tree.root) is None


def test_tree_pss_sums_all_descendants_and_nobody_else(tree: Any) -> None:
    family = {**process(10, 1, 100), **process(11, 10, 20, "a (b) c"), **process(12, 11, 3), **process(13, 1, 5000)}
    (tree.root / "proc/self").mkdir()
    assert tree_pss(10, tree.plant(family)) == 123 * 1024


def test_tree_pss_without_smaps_takes_resident_memory(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    files = {"proc/10/stat": "10 (x) S 1 1\n", "proc/10/status": "Name: x\nVmRSS:\t 77 kB\n"}
    assert tree_pss(10, tree.plant(files)) == 77 * 1024


def test_a_process_that_has_gone_holds_nothing(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    assert tree_pss(10, tree.root) == 0


def test_a_process_that_goes_while_it_is_read_holds_nothing(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    (tree.root / "proc/11").mkdir()  # its files have gone before its folder
    assert tree_pss(10, tree.plant(process(10, 1, 7))) == 7 * 1024


def test_held_is_the_account_of_the_group_that_sets_the_limit(tree: Any) -> None:
    files = {"memory.current": str(400 * MIB), "app/memory.current": str(100 * MIB)}
    root = tree.v2("/app", files)
    assert held(Limit(1, "", root / "sys/fs/cgroup"), root) == 400 * MIB


def test_held_without_a_group_is_our_process_tree(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    root = tree.plant(process(os.getpid(), 1, 42))
    assert held(Limit(1, "physical memory"), root) == 42 * 1024


@linux
def test_own_figures_are_alike() -> None:
    assert 4 * MIB < rss() <= peak_rss() + MIB
    assert 4 * MIB < tree_pss(os.getpid()) < 4096 * MIB


def test_a_process_that_has_gone_is_not_resident(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    assert rss(10, tree.root) == peak_rss(10, tree.root) == 0


@linux
def test_a_child_counts() -> None:
    code = "b = bytearray(50 << 20); print('held', flush=True); input()"
    before = tree_pss(os.getpid())
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        grown = tree_pss(os.getpid()) - before
        child.communicate(b"\n")
    assert 45 * MIB < grown < 90 * MIB


def test_without_proc_the_figures_come_from_rusage(tmp_path: Path) -> None:
    assert rss(root=tmp_path) == peak_rss(root=tmp_path) > 4 * MIB
    assert tree_pss(os.getpid(), tmp_path) > 4 * MIB


def test_rusage_is_in_bytes_on_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_kib = rss(root=tmp_path)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert rss(root=tmp_path) == pytest.approx(in_kib / 1024, rel=0.5)


def status(pid: int, parent: int, anonymous: int, shared: int = 0) -> dict[str, str]:
    return {
        f"proc/{pid}/stat": f"{pid} (python) S {parent} 1 1 0\n",
        f"proc/{pid}/status": f"VmRSS: 9999 kB\nRssAnon:\t {anonymous} kB\nRssFile: 5000 kB\nRssShmem: {shared} kB\n",
    }


def test_anonymous_memory_of_a_tree_leaves_out_files(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    assert tree_anonymous(10, tree.plant({**status(10, 1, 100, 7), **status(11, 10, 20)})) == 127 * 1024


def test_page_cache_of_a_group_can_be_dropped(tree: Any) -> None:
    stat = f"inactive_file {50 * MIB}\nactive_file {70 * MIB}\n"
    root = tree.v2("/app", {"app/memory.current": str(300 * MIB), "app/memory.stat": stat})
    assert group_anonymous(2, root / "sys/fs/cgroup/app") == 180 * MIB
    assert group_anonymous(2, root / "sys/fs/cgroup/none") is None


def test_headroom_leaves_out_what_others_hold_under_the_same_limit(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    tree.plant(status(os.getpid(), 1, 30 * 1024))
    stat = f"total_inactive_file {50 * MIB}\ntotal_active_file {20 * MIB}\n"
    files = {"memory/app/memory.usage_in_bytes": str(200 * MIB), "memory/app/memory.stat": stat}
    group = tree.v1("/app", files) / "sys/fs/cgroup/memory/app"
    assert headroom(Limit(512 * MIB, "cgroup", group), tree.root) == (512 - 100) * MIB + KERNEL
    assert headroom(Limit(64 * MIB, "cgroup", group), tree.root) == 0


def test_alone_in_a_group_all_of_it_is_ours(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    tree.plant(status(os.getpid(), 1, 30 * 1024))
    files = {"app/memory.current": str(32 * MIB), "app/memory.stat": "inactive_file 0\n"}
    group = tree.v2("/app", files) / "sys/fs/cgroup/app"
    assert headroom(Limit(512 * MIB, "cgroup", group), tree.root) == 512 * MIB


def test_a_group_that_tells_nothing_holds_only_us(tree: Any) -> None:
    assert headroom(Limit(512 * MIB, "cgroup", tree.root / "gone"), tree.root) == 512 * MIB


def test_a_laptop_with_a_gigabyte_free_has_that_and_what_we_hold(tree: Any) -> None:
    (tree.root / "proc/self").mkdir()
    tree.plant(status(os.getpid(), 1, 30 * 1024))
    tree.plant({"proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 1048576 kB\n"})
    physical = Limit(16_000_000 * 1024, PHYSICAL)
    assert headroom(physical, tree.root) == 1024 * MIB + 30 * MIB
    assert headroom(Limit(512 * MIB, "MEMORY_LIMIT_MB"), tree.root) == 512 * MIB


def test_a_machine_that_tells_nothing_of_what_is_free_is_taken_whole(tree: Any) -> None:
    assert headroom(Limit(8 * MIB, PHYSICAL), tree.root) == 8 * MIB
