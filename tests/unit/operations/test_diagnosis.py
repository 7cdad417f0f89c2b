from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import MIB
from halfgig.models.manifest import DEFAULT_MODELS, MODELS
from halfgig.operations import diagnosis
from halfgig.operations.diagnosis import (
    HIDDEN,
    changed_settings,
    diagnose,
    disk_remedies,
    features,
    free_disk,
    memory_remedies,
    model_remedies,
    model_states,
    table,
    trial_remedies,
    versions,
)
from halfgig.operations.selftest import Outcome
from halfgig.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fresh_machine_lacks_models_and_says_what_to_run(tmp_path: Path) -> None:
    found = diagnose(Settings(data_dir=tmp_path / "data"))
    assert not found.healthy
    assert f"Run: halfgig models pull {' '.join(DEFAULT_MODELS)}" in found.remedies[0]
    assert not (tmp_path / "data").exists(), "looking writes nothing"


def test_versions_of_all_that_work_is_done_with() -> None:
    found = dict(versions())
    assert {"halfgig", "python", "numpy", "av", "ctranslate2", "ai-edge-litert", "apsw"} <= set(found)
    assert "missing" not in found.values()


def test_a_library_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "LIBRARIES", ("no-such-library",))
    assert dict(versions())["no-such-library"] == "missing"


class TestModels:
    def test_all_are_listed_and_the_default_ones_wanted(self, tmp_path: Path) -> None:
        states = list(model_states(Settings(data_dir=tmp_path)))
        assert [state.id for state in states] == list(MODELS)
        assert {state.id for state in states if state.wanted} == set(DEFAULT_MODELS)
        assert all(state.size == MODELS[state.id].fetched_size for state in states)

    def test_absent_ones_that_nobody_wants_need_no_remedy(self, tmp_path: Path) -> None:
        states = [state for state in model_states(Settings(data_dir=tmp_path)) if not state.wanted]
        assert list(model_remedies(states)) == []


class TestMemory:
    def test_half_a_gigabyte_fits_all(self) -> None:
        fits = list(table(512 * MIB))
        assert all(fit.fits for fit in fits)
        assert list(memory_remedies(fits)) == []

    def test_where_the_smaller_model_fits_nothing_is_wrong(self) -> None:
        fits = list(table(256 * MIB))
        assert {fit.variant: fit.fits for fit in fits if fit.kind == "transcribe"} == {"base": False, "tiny.en": True}
        assert list(memory_remedies(fits)) == []

    def test_where_nothing_fits_the_least_is_told(self) -> None:
        remedies = list(memory_remedies(list(table(16 * MIB))))
        assert len(remedies) == 3
        least = min(fit.needs for fit in table(0) if fit.kind == "transcribe")
        assert f"Give this machine {-(-least // MIB)} MB" in remedies[0]


class TestDisk:
    def test_space_is_that_of_the_nearest_folder_that_exists(self, tmp_path: Path) -> None:
        assert free_disk(tmp_path / "not" / "yet") == pytest.approx(free_disk(tmp_path), rel=0.1)

    def test_a_full_disk(self, tmp_path: Path) -> None:
        assert "3 MB of disk are free" in next(disk_remedies(tmp_path, 3 * MIB))

    def test_enough_disk(self, tmp_path: Path) -> None:
        assert list(disk_remedies(tmp_path, 10**10)) == []

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert "cannot be written" in next(disk_remedies(tmp_path / "x", 10**10))


def test_only_settings_that_were_changed_are_told(tmp_path: Path) -> None:
    assert dict(changed_settings(Settings.from_environment({}))) == {}
    told = Settings(data_dir=tmp_path, memory_limit_mb=512, whisper_model="base", webhook_secret="hush")
    changed = dict(changed_settings(told))
    assert changed.pop("WEBHOOK_SECRET") == HIDDEN
    assert "hush" not in repr(told)
    assert changed == {"HALFGIG_DATA": str(tmp_path), "MEMORY_LIMIT_MB": "512", "WHISPER_MODEL": "base"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("flags\t\t: fpu avx2 ssse3 avx512_vnni", ("avx2", "avx512_vnni")),
        ("Features\t: fp asimd crc32 asimddp", ("asimd", "asimddp")),
        ("bogomips: 5000", ()),
    ],
)
def test_features_of_the_processor_that_matter(tmp_path: Path, line: str, found: tuple[str, ...]) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"processor : 0\n{line}\n")
    assert features(tmp_path) == found


def test_failed_trials_are_told() -> None:
    outcomes = [Outcome("reps", 1, 1, "fake"), Outcome("index", 1, 1, "fake", "it ran out of memory")]
    assert list(trial_remedies(outcomes)) == ["The self-test of index failed: it ran out of memory"]
