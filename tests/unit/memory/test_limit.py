from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import MIB
from halfgig.memory.limit import Limit, memory_limit, physical_memory, process_limits
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PHYSICAL = 8_000_000 * 1024
UNLIMITED = "9223372036854771712\n"


def limit(root: Path, megabytes: int | None = None, *ulimits: Limit) -> Limit:
    return memory_limit(Settings(memory_limit_mb=megabytes), root, lambda: iter(ulimits))


def test_physical_memory_where_nothing_else_is_set(tree: Any) -> None:
    assert limit(tree.root) == Limit(PHYSICAL, "physical memory")


def test_v2_own_group(tree: Any) -> None:
    root = tree.v2("/app", {"app/memory.max": f"{512 * MIB}\n", "app/memory.high": "max\n"})
    assert limit(root) == Limit(512 * MIB, "cgroup v2 memory.max", root / "sys/fs/cgroup/app")


def test_v2_smallest_on_the_way_up_wins(tree: Any) -> None:
    files = {"pod/memory.max": str(300 * MIB), "pod/app/memory.max": str(512 * MIB), "pod/app/x/memory.max": "max"}
    root = tree.v2("/pod/app/x", files)
    assert limit(root) == Limit(300 * MIB, "cgroup v2 memory.max", root / "sys/fs/cgroup/pod")


def test_v2_soft_limit_counts_because_passing_it_stalls(tree: Any) -> None:
    root = tree.v2("/app", {"app/memory.max": str(512 * MIB), "app/memory.high": str(400 * MIB)})
    assert limit(root).origin == "cgroup v2 memory.high"
    assert limit(root).bytes == 400 * MIB


def test_a_neighbours_limit_is_not_ours(tree: Any) -> None:
    root = tree.v2("/app", {"app/memory.max": "max", "other/memory.max": str(64 * MIB)})
    assert limit(root).bytes == PHYSICAL


def test_v2_container_namespace_shows_a_slash(tree: Any) -> None:
    root = tree.v2("/", {"memory.max": str(512 * MIB)})
    assert limit(root).bytes == 512 * MIB


@pytest.mark.parametrize("group", ["/docker/0123abc", "/../../system.slice/x", "/.."])
def test_v2_path_of_the_host_that_the_container_cannot_see(tree: Any, group: str) -> None:
    assert limit(tree.v2(group, {"memory.max": str(512 * MIB)})).bytes == 512 * MIB


def test_v2_mount_that_shows_only_our_group(tree: Any) -> None:
    root = tree.v2("/docker/abc/child", {"child/memory.max": str(99 * MIB)}, shown="/docker/abc")
    assert limit(root).bytes == 99 * MIB


def test_v2_path_outside_of_what_the_mount_shows_means_its_top(tree: Any) -> None:
    root = tree.v2("/elsewhere/y", {"memory.max": str(99 * MIB)}, shown="/docker/abc")
    assert limit(root).bytes == 99 * MIB


def test_mount_point_is_found_wherever_it_is(tree: Any) -> None:
    root = tree.v2("/app", {"app/memory.max": str(128 * MIB)}, folder="/mnt/my groups")
    assert limit(root).bytes == 128 * MIB


def test_v1_own_group(tree: Any) -> None:
    root = tree.v1("/app", {"memory/app/memory.limit_in_bytes": str(512 * MIB)})
    assert limit(root) == Limit(512 * MIB, "cgroup v1 memory.limit_in_bytes", root / "sys/fs/cgroup/memory/app")


def test_v1_unlimited_is_a_huge_number(tree: Any) -> None:
    stat = f"cache 1\nhierarchical_memory_limit {UNLIMITED}hierarchical_memsw_limit {UNLIMITED}"
    files = {"memory/app/memory.limit_in_bytes": UNLIMITED, "memory/app/memory.stat": stat}
    assert limit(tree.v1("/app", files)) == Limit(PHYSICAL, "physical memory")


def test_v1_smallest_on_the_way_up_wins(tree: Any) -> None:
    files = {"memory/a/b/memory.limit_in_bytes": UNLIMITED, "memory/a/memory.limit_in_bytes": str(256 * MIB)}
    assert limit(tree.v1("/a/b", files)).bytes == 256 * MIB


@pytest.mark.parametrize("name", ["hierarchical_memory_limit", "hierarchical_memsw_limit"])
def test_v1_limit_inherited_from_above_the_container(tree: Any, name: str) -> None:
    stat = f"cache 20\n{name} {200 * MIB}\ntotal_cache 5\n"
    files = {"memory/memory.limit_in_bytes": UNLIMITED, "memory/memory.stat": stat}
    found = limit(tree.v1("/docker/abc", files, shown="/docker/abc"))
    assert (found.bytes, found.origin) == (200 * MIB, f"cgroup v1 {name}")


def test_v1_path_of_the_host_that_the_container_cannot_see(tree: Any) -> None:
    assert limit(tree.v1("/docker/abc", {"memory/memory.limit_in_bytes": str(77 * MIB)})).bytes == 77 * MIB


def test_hybrid_takes_the_smaller_of_both_versions(tree: Any) -> None:
    tree.v2("/unified", {"unified/memory.max": str(500 * MIB)}, folder="/sys/fs/cgroup/unified")
    unified = {name: (tree.root / "proc/self" / name).read_text() for name in ("mountinfo", "cgroup")}
    root = tree.v1("/app", {"memory/app/memory.limit_in_bytes": str(600 * MIB)})
    for name, text in unified.items():
        path = root / "proc/self" / name
        path.write_text(path.read_text() + text)
    assert limit(root).bytes == 500 * MIB


def test_controller_is_told_from_a_mount_option(tree: Any) -> None:
    """A v1 mount of another controller, whose folder happens to hold a memory file, says nothing."""
    root = tree.v1("/app", {"cpu,cpuacct/app/memory.limit_in_bytes": str(MIB)})
    assert limit(root).bytes == PHYSICAL


@pytest.mark.parametrize("text", ["", "\n", "max\n", "-1\n", "garbage\n", "12 34\n", "\x00\n", "0x10"])
def test_unreadable_figures_are_no_limit(tree: Any, text: str) -> None:
    assert limit(tree.v2("/app", {"app/memory.max": text})).bytes == PHYSICAL


@pytest.mark.parametrize("text", ["", "garbage", "1 2 3", "30 23 0:26 / /x rw -", "\n\n - cgroup2 cgroup2 rw\n"])
def test_damaged_mount_table_is_no_limit(tree: Any, text: str) -> None:
    root = tree.plant({"proc/self/mountinfo": text, "proc/self/cgroup": "0::/app\nx\n::\n"})
    assert limit(root).bytes == PHYSICAL


def test_setting_below_the_group_wins(tree: Any) -> None:
    root = tree.v2("/", {"memory.max": str(512 * MIB)})
    assert limit(root, 256) == Limit(256 * MIB, "MEMORY_LIMIT_MB")


def test_setting_cannot_raise_the_groups_limit(tree: Any) -> None:
    root = tree.v2("/", {"memory.max": str(512 * MIB)})
    assert limit(root, 2048).bytes == 512 * MIB


def test_ulimit_counts(tree: Any) -> None:
    assert limit(tree.root, None, Limit(300 * MIB, "RLIMIT_AS")).origin == "RLIMIT_AS"


def test_process_limits_are_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {resource.RLIMIT_AS: (100, 200), resource.RLIMIT_DATA: (resource.RLIM_INFINITY, 5)}
    monkeypatch.setattr(resource, "getrlimit", values.__getitem__)
    assert list(process_limits()) == [Limit(100, "RLIMIT_AS")]


@pytest.mark.parametrize("meminfo", ["", "MemFree: 5 kB\n", "MemTotal:\n"])
def test_physical_memory_without_a_meminfo_comes_from_sysconf(tmp_path: Path, meminfo: str) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(meminfo)
    assert physical_memory(tmp_path) > 64 * MIB


def test_system_without_proc_has_physical_memory(tmp_path: Path) -> None:
    assert limit(tmp_path).origin == "physical memory"


def no_limits() -> Iterator[Limit]:
    return iter(())


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's own files")
def test_this_machine_has_a_limit() -> None:
    assert 0 < memory_limit(Settings(), process_limits=no_limits).bytes <= physical_memory()
