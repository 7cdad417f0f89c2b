from __future__ import annotations

import os
from typing import Any

import pytest

from halfgig.errors import MIB
from halfgig.memory.governor import Standing
from halfgig.memory.standing import standings
from halfgig.settings import Settings

MACHINE = 8_000_000 * 1024


def own(kib: int) -> dict[str, str]:
    pid = os.getpid()
    status = f"Name:\tpython\nRssAnon:\t{kib} kB\nRssFile:\t99999 kB\nRssShmem:\t0 kB\n"
    return {f"proc/{pid}/stat": f"{pid} (python) S 1 1 1 0\n", f"proc/{pid}/status": status, "proc/self/status": status}


def test_a_groups_account_leaves_out_what_can_be_dropped(tree: Any) -> None:
    stat = f"anon 1\ninactive_file {100 * MIB}\nactive_file {50 * MIB}\n"
    files = {"memory.max": f"{512 * MIB}\n", "memory.current": f"{300 * MIB}\n", "memory.stat": stat}
    tree.v2("/app", {f"app/{name}": text for name, text in files.items()})
    tree.plant({"proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n"})
    found = list(standings(Settings(), tree.root))
    assert Standing(512 * MIB, 150 * MIB) in found
    assert Standing(MACHINE, 2_000_000 * 1024) in found
    assert len(found) == 2


def test_the_users_limit_is_for_our_process_tree_alone(tree: Any) -> None:
    tree.plant(own(kib=60 * 1024))
    found = list(standings(Settings(memory_limit_mb=400), tree.root))
    assert Standing(400 * MIB, 60 * MIB) in found
    assert Standing(MACHINE, 60 * MIB) in found  # a machine that does not tell what is available


def test_what_each_process_may_map_is_no_limit_of_them_all(tree: Any) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, before[1]))
    try:
        assert [standing.limit for standing in standings(Settings(), tree.root)] == [MACHINE]
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
