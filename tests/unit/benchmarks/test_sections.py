from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks import sections
from benchmarks.sections import SECTIONS, Plan
from benchmarks.table import printed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "lacks"), [("speech", "long10_multispk.flac"), ("length", "manifest.csv"), ("motion", "reps")]
)
def test_a_section_without_its_material_says_what_it_lacks(
    name: str, lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "SHARED_DATA", tmp_path)
    [row] = SECTIONS[name](Plan(tmp_path, tmp_path, 1, 60.0))
    assert f"lacks {tmp_path}" in row.note
    assert lacks in printed([row])


@pytest.mark.parametrize("name", ["originals", "soak", "cluster"])
def test_a_section_that_needs_cgroups_says_so_where_there_are_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "can_make_cgroups", lambda: False)
    [row] = SECTIONS[name](Plan(tmp_path, tmp_path, 1, 60.0))
    assert "cgroups" in row.note


def test_many_machines_say_which_packages_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "can_make_cgroups", lambda: True)
    monkeypatch.setattr(sections, "is_installed", lambda: False)
    [row] = SECTIONS["cluster"](Plan(tmp_path, tmp_path, 1, 60.0))
    assert "halfgig[dev]" in row.note
