from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import MIB, BadRequest, DoesNotFit
from halfgig.memory import budget
from halfgig.memory.limit import Limit
from halfgig.models.manifest import MODELS
from halfgig.operations import admission
from halfgig.operations.admission import admit_reps, admit_whisper, log_memory, reps_costs, room, speech_cost, threads
from halfgig.records import SourceInfo
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TINY, BASE = budget.cost("transcribe", "tiny.en"), budget.cost("transcribe", "base")


def settings(model: str = "tiny", language: str = "auto", **others: Any) -> Settings:
    return Settings(whisper_model=model, language=language, **others)


class TestRoom:
    def test_the_least_that_any_limit_leaves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def limits(_: Settings) -> Iterator[Limit]:
            yield from (Limit(512 * MIB, "cgroup"), Limit(900 * MIB, "the group above"), Limit(9000 * MIB, "machine"))

        left = {512: 500, 900: 100, 9000: 9000}
        monkeypatch.setattr(admission, "all_limits", limits)
        monkeypatch.setattr(admission, "headroom", lambda limit: left[limit.bytes // MIB] * MIB)
        assert room(Settings()) == 100 * MIB

    def test_the_setting_counts(self) -> None:
        assert room(Settings(memory_limit_mb=64)) <= 64 * MIB

    def test_the_setting_cannot_raise_what_the_machine_has(self) -> None:
        assert room(Settings(memory_limit_mb=10**9)) == pytest.approx(room(Settings()), rel=0.2)


class TestWhisper:
    def test_unknown_language_is_told_by_base_and_english_heard_by_tiny(self) -> None:
        choice = admit_whisper(settings(), left=BASE.needs)
        assert (choice.first, choice.english, choice.note) == ("base", "tiny.en", "")

    def test_where_base_does_not_fit_speech_is_taken_for_english_and_that_is_said(self) -> None:
        choice = admit_whisper(settings(), left=BASE.needs - 1)
        assert (choice.first, choice.english) == ("tiny.en", "tiny.en")
        assert "base" in choice.note

    def test_english_needs_no_base(self) -> None:
        assert admit_whisper(settings(language="en"), left=TINY.needs).first == "tiny.en"

    def test_base_for_english_becomes_tiny_and_that_is_said(self) -> None:
        choice = admit_whisper(settings("base", "en"), left=TINY.needs)
        assert choice.english == "tiny.en"
        assert "does not fit" in choice.note

    @pytest.mark.parametrize(
        ("given", "translate", "least"),
        [
            (settings(language="en"), False, TINY),
            (settings(), False, TINY),
            (settings("tiny.en"), False, TINY),
            (settings(language="de"), False, BASE),
            (settings(language="auto"), True, BASE),
        ],
    )
    def test_nothing_fits(self, given: Settings, translate: bool, least: budget.Cost) -> None:
        with pytest.raises(DoesNotFit) as refused:
            admit_whisper(given, translate=translate, left=TINY.needs - 1)
        assert refused.value.needs == least.needs
        assert f"needs {-(-least.needs // MIB)} MB" in refused.value.detail

    def test_by_default_what_is_left_here(self) -> None:
        with pytest.raises(DoesNotFit, match=r"may use 6[0-4] MB"):
            admit_whisper(settings(memory_limit_mb=64))

    def test_every_whisper_of_the_manifest_has_a_cost(self) -> None:
        for model in MODELS.values():
            if model.kind == "whisper":
                assert speech_cost(model.id).peak


class TestProcessor:
    def test_work_that_fits_without_mkl_is_admitted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        least = TINY.without_mkl()
        with pytest.raises(DoesNotFit):
            admit_whisper(settings(language="en"), left=least.needs)
        monkeypatch.setattr(admission, "multiplies_without_mkl", lambda: True)
        assert admit_whisper(settings(language="en"), left=least.needs).first == "tiny.en"
        assert speech_cost("base") == BASE.without_mkl()


class TestOwnFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "tokenizer.json").write_text("{}")
        (tmp_path / "vocabulary.txt").write_text("word\n" * 51_865)
        with (tmp_path / "model.bin").open("wb") as file:
            file.truncate(500 * MIB)
        return tmp_path

    def test_its_cost_goes_by_its_weights(self, folder: Path) -> None:
        choice = admit_whisper(settings(str(folder)), left=4096 * MIB)
        assert choice.first == choice.english == str(folder)
        assert speech_cost(str(folder)).peak > BASE.peak

    def test_it_is_refused_where_it_does_not_fit(self, folder: Path) -> None:
        with pytest.raises(DoesNotFit):
            admit_whisper(settings(str(folder)), left=512 * MIB)


class TestReps:
    def needs(self, info: SourceInfo, **others: Any) -> list[int]:
        return [row.needs for row in reps_costs(Settings(**others), info)]

    def test_full_then_lite_then_small_frames(self, facts: Any) -> None:
        info = facts(size=(1080, 1920))
        full, lite, small = self.needs(info)
        assert full > lite > small
        for left, model, width in ((full, "full", 640), (full - 1, "lite", 640), (lite - 1, "lite", 320)):
            choice = admit_reps(Settings(), info, left)
            assert (choice.model, choice.width) == (model, width)
            assert bool(choice.reason) is (left != full)

    def test_what_is_given_up_is_said(self, facts: Any) -> None:
        info = facts(size=(1080, 1920))
        choice = admit_reps(Settings(), info, self.needs(info)[-1])
        assert choice.reason.startswith("lite, small frames instead of full, which needs")

    def test_nothing_fits(self, facts: Any) -> None:
        info = facts(size=(640, 360))
        with pytest.raises(DoesNotFit) as refused:
            admit_reps(Settings(), info, self.needs(info)[-1] - 1)
        assert refused.value.needs == self.needs(info)[-1]

    def test_large_pictures_cost_their_decoder(self, facts: Any) -> None:
        assert self.needs(facts(size=(3840, 2160)))[0] - self.needs(facts(size=(640, 360)))[0] > 50 * MIB

    def test_the_first_of_two_streams_counts_which_is_looked_at(self, facts: Any) -> None:
        large, small = facts(size=(1920, 1080)), facts(size=(64, 64))
        for first, second in ((large, small), (small, large)):
            both = SourceInfo("mp4", 1.0, 1, (), (*first.video, *second.video))
            assert self.needs(both) == self.needs(first)

    def test_the_users_own_width_is_kept(self, facts: Any) -> None:
        full, lite, small = self.needs(facts(size=(1920, 1080)), video_resize_width=1280)
        assert full > lite == small

    def test_lite_where_lite_is_asked_for_is_no_degradation(self, facts: Any) -> None:
        choice = admit_reps(Settings(pose_model="lite"), facts(size=(640, 360)), 4096 * MIB)
        assert (choice.model, choice.reason) == ("lite", "")

    def test_a_pipe_has_no_facts(self) -> None:
        assert admit_reps(Settings(), SourceInfo("unknown", None, None), 512 * MIB).model == "full"

    def test_unknown_pose_models_are_refused(self, facts: Any) -> None:
        with pytest.raises(BadRequest, match="no pose model called heavy"):
            admit_reps(Settings(pose_model="heavy"), facts(size=(640, 360)))


def test_threads_are_those_asked_for_or_those_granted() -> None:
    assert threads(Settings(threads=3)) == 3
    assert threads(Settings()) >= 1


def test_a_key_point_tells_what_is_held(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "halfgig"):
        log_memory("model loaded")
    assert caplog.messages[0].startswith("model loaded: ")
    assert " MB resident" in caplog.messages[0]
