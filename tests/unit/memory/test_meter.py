from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import MIB
from halfgig.memory.limit import Limit
from halfgig.memory.meter import held, peak_rss, rss, tree_pss, working_set

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
