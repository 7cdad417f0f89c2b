from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from halfgig.memory import cores
from halfgig.memory.cores import granted_cores, multiplies_without_mkl

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "allowed_cores", lambda: 8)


def test_all_cores_without_a_quota(tree: Any) -> None:
    assert granted_cores(tree.v2("/app", {"app/cpu.max": "max 100000\n"})) == 8


@pytest.mark.parametrize(
    ("quota", "expected"), [("200000", 2), ("50000", 1), ("10000", 1), ("140000", 1), ("160000", 2), ("1600000", 8)]
)
def test_v2_quota(tree: Any, quota: str, expected: int) -> None:
    assert granted_cores(tree.v2("/app", {"app/cpu.max": f"{quota} 100000\n"})) == expected


def test_smallest_quota_on_the_way_up_wins(tree: Any) -> None:
    files = {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}
    assert granted_cores(tree.v2("/a/b", files)) == 3


@pytest.mark.parametrize(("quota", "expected"), [("400000", 4), ("-1", 8)])
def test_v1_quota(tree: Any, quota: str, expected: int) -> None:
    folder = "cpu,cpuacct/app"
    files = {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert granted_cores(tree.v1("/app", files)) == expected


@pytest.mark.parametrize("text", ["", "max", "100000", "100000 0", "a b"])
def test_damaged_quota_is_no_quota(tree: Any, text: str) -> None:
    assert granted_cores(tree.v2("/app", {"app/cpu.max": text})) == 8


def test_no_control_groups(tree: Any) -> None:
    assert granted_cores(tree.root) == 8


@pytest.mark.parametrize(
    ("line", "without"),
    [("vendor_id\t: AuthenticAMD", True), ("vendor_id\t: GenuineIntel", False), ("CPU implementer\t: 0x41", False)],
)
def test_intels_library_multiplies_on_no_processor_of_amd(tmp_path: Path, line: str, without: bool) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\n{line}\n")
    assert multiplies_without_mkl(tmp_path) is without
