from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.errors import MIB, BadRequest, DoesNotFit, SourceError
from halfgig.memory import budget
from halfgig.models.manifest import MODELS
from halfgig.models.record import FileRecord, Record, write_record
from halfgig.models.whisper import WhisperChoice
from halfgig.operations.pace import Machine
from halfgig.operations.planning import (
    Forecast,
    Plan,
    analyzed,
    foresee,
    plan,
    speech_seconds,
    to_fetch,
    used_models,
)
from halfgig.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.records import SourceInfo

TINY, BASE = budget.cost("transcribe", "tiny.en"), budget.cost("transcribe", "base")
ONE_CORE = Machine()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def foreseen(info: SourceInfo, settings: Settings, left: int = 512 * MIB) -> dict[str, Forecast]:
    return {forecast.kind: forecast for forecast in foresee(info, settings, left, ONE_CORE)}


class TestForesee:
    def test_a_video_with_sound_can_be_all_three(self, facts: Any, settings: Settings) -> None:
        found = foreseen(facts(size=(640, 360)), settings)
        assert [forecast.outlook for forecast in found.values()] == ["fits"] * 3
        assert found["transcribe"].variant == "base, then tiny.en"
        assert found["index"].variant == "base, then tiny.en, then all-MiniLM-L6-v2"
        assert found["reps"].variant == "full"
        assert "not English" in found["transcribe"].note

    def test_sound_alone_has_no_reps(self, facts: Any, settings: Settings) -> None:
        assert foreseen(facts(), settings)["reps"].outlook == "nothing to do"
        assert foreseen(facts(), settings)["reps"].note == "it has no moving picture"

    def test_a_silent_film_has_no_transcript(self, facts: Any, settings: Settings) -> None:
        found = foreseen(facts(sound=False, size=(640, 360)), settings)
        assert found["transcribe"].note == found["index"].note == "it has no sound"
        assert found["reps"].outlook == "fits"

    def test_what_does_not_fit_tells_what_it_needs(self, facts: Any, settings: Settings) -> None:
        found = foreseen(facts(size=(640, 360)), settings, TINY.needs - 1)
        assert found["transcribe"].outlook == "does not fit"
        assert found["transcribe"].needs == TINY.needs
        assert found["reps"].outlook == "fits"

    def test_where_base_does_not_fit_the_note_says_so(self, facts: Any, settings: Settings) -> None:
        forecast = foreseen(facts(), settings, BASE.needs - 1)["transcribe"]
        assert forecast.variant == "tiny.en"
        assert "base, which tells languages apart, does not fit" in forecast.note

    def test_an_index_holds_what_the_larger_of_its_models_does(self, facts: Any, settings: Settings) -> None:
        wanting = dataclasses.replace(settings, embedding_model="maker/large", language="en")
        folder = settings.models_dir / "maker--large@1"
        folder.mkdir(parents=True)
        for name, size in (("model.bin", 200 * MIB), ("tokenizer.json", MIB)):
            with (folder / name).open("wb") as file:
                file.truncate(size)
        write_record(Record("maker/large@1", "sentence-int8", (), {}), folder)
        found = foreseen(facts(size=(640, 360)), wanting)
        assert found["transcribe"].peak == TINY.peak
        assert found["index"].peak == 280 * MIB
        assert found["index"].variant == "tiny.en, then maker/large"
        tight = foreseen(facts(size=(640, 360)), wanting, left=250 * MIB)
        assert (tight["transcribe"].outlook, tight["index"].outlook) == ("fits", "does not fit")

    def test_unknown_length_has_no_time_and_the_full_peak(self, facts: Any, settings: Settings) -> None:
        found = foreseen(facts(None, size=(640, 360)), settings, BASE.needs - 1)
        assert {forecast.seconds for forecast in found.values()} == {None}
        assert found["transcribe"].peak == TINY.peak

    def test_a_short_source_has_a_lower_peak(self, facts: Any, settings: Settings) -> None:
        left = BASE.needs - 1
        short, long = (foreseen(facts(seconds), settings, left)["transcribe"] for seconds in (5.0, 36_000.0))
        assert short.peak < long.peak == TINY.peak
        assert short.needs == long.needs

    def test_ten_hours_take_sixty_times_ten_minutes_and_no_more_memory(self, facts: Any, settings: Settings) -> None:
        short, long = (foreseen(facts(seconds, size=(640, 360)), settings) for seconds in (600.0, 36_000.0))
        for kind in short:
            assert long[kind].peak == short[kind].peak
            assert long[kind].seconds == pytest.approx(60 * (short[kind].seconds or 0), rel=0.25)


class TestPlan:
    @pytest.fixture
    def sound(self, tmp_path: Path) -> Path:
        import av

        path = tmp_path / "tone.wav"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 32_000), np.int16), layout="mono")
            frame.rate = 16_000
            container.mux(stream.encode(frame))
        return path

    def test_of_a_file_on_this_machine(self, sound: Path, settings: Settings) -> None:
        made = plan(sound, settings=settings, speed=lambda _: 1.0)
        assert (made.title, made.info.duration) == ("tone.wav", 2.0)
        assert made.room > 0

    def test_of_another_machine(self, sound: Path, settings: Settings) -> None:
        made = plan(sound, memory=TINY.needs, settings=settings, speed=lambda _: 1.0)
        assert (made.room, made.origin) == (TINY.needs, "--memory")
        assert made.forecasts[0].variant == "tiny.en"
        assert made.refusal is None

    @pytest.mark.parametrize("memory", [1, MIB, 30 * MIB])
    def test_of_a_machine_that_python_itself_does_not_fit_into(
        self, sound: Path, settings: Settings, memory: int
    ) -> None:
        made = plan(sound, memory=memory, settings=settings, speed=lambda _: 1.0)
        assert isinstance(made.refusal, DoesNotFit)
        assert made.refusal.needs == TINY.needs
        assert made.refusal.exit_code == 5

    def test_a_faster_machine_is_faster(self, sound: Path, settings: Settings) -> None:
        def seconds(speed: float) -> float | None:
            return plan(sound, memory=512 * MIB, settings=settings, speed=lambda _: speed).forecasts[0].seconds

        slow, fast = seconds(1.0), seconds(4.0)
        assert slow == pytest.approx(4 * (fast or 0))

    def test_no_plan_for_a_pipe(self, settings: Settings) -> None:
        class Pipe(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, _: Any) -> int:
                return 0

        with pytest.raises((BadRequest, SourceError)):
            plan(Pipe(), settings=settings, speed=lambda _: 1.0)  # type: ignore[arg-type]

    def test_exercises_must_exist(self, sound: Path, settings: Settings) -> None:
        with pytest.raises(BadRequest, match="no exercise called skwat"):
            plan(sound, exercise="skwat", settings=settings, speed=lambda _: 1.0)

    def test_missing_sources_are_refused(self, tmp_path: Path, settings: Settings) -> None:
        with pytest.raises(SourceError):
            plan(tmp_path / "none.mp4", settings=settings, speed=lambda _: 1.0)


class TestRefusal:
    def made(self, facts: Any, *forecasts: Forecast) -> Plan:
        return Plan("x", facts(), 10 * MIB, "--memory", forecasts)

    def test_tells_the_least_that_would_do(self, facts: Any) -> None:
        refused = (Forecast("transcribe", "does not fit", needs=9), Forecast("reps", "does not fit", needs=5))
        refusal = self.made(facts, *refused).refusal
        assert refusal is not None
        assert (refusal.kind, refusal.needs) == ("reps", 5)

    def test_there_is_none_where_anything_fits(self, facts: Any) -> None:
        made = self.made(facts, Forecast("transcribe", "does not fit", needs=9), Forecast("reps", "fits"))
        assert made.refusal is None

    def test_nor_where_there_is_nothing_to_do(self, facts: Any) -> None:
        assert self.made(facts, Forecast("reps", "nothing to do")).refusal is None


@pytest.mark.parametrize(("language", "used"), [("auto", ("base", "tiny.en")), ("en", ("tiny.en",)), ("de", ("base",))])
def test_models_by_language(language: str, used: tuple[str, ...]) -> None:
    assert used_models(WhisperChoice("base", "tiny.en"), language) == used


def test_one_model_for_all_is_used_once() -> None:
    assert used_models(WhisperChoice("base", "base"), "auto") == ("base",)


def test_an_index_takes_longer_than_its_transcript() -> None:
    transcript = speech_seconds(("base",), 600.0, ONE_CORE, indexed=False)
    index = speech_seconds(("base",), 600.0, ONE_CORE, indexed=True)
    assert transcript is not None
    assert index is not None
    assert index > transcript


@pytest.mark.parametrize(
    ("limits", "frames"),
    [
        ({}, 100.0),
        ({"frame_skip_rate": 1}, 300.0),
        ({"frame_skip_rate": 30}, 10.0),
        ({"max_frames_to_analyze": 7}, 7.0),
        ({"max_frames_to_analyze": 10_000}, 100.0),
    ],
)
def test_frames_that_are_looked_at(facts: Any, limits: dict[str, Any], frames: float) -> None:
    [stream] = facts(10.0, size=(640, 360)).video
    assert analyzed(stream, 300.0, Settings(**limits)) == frames


def test_slow_pictures_are_all_looked_at(facts: Any) -> None:
    [stream] = facts(10.0, size=(640, 360), fps=5.0).video
    assert analyzed(stream, 50.0, Settings()) == 50.0


class TestFetching:
    def test_what_is_absent_is_fetched_and_converted(self, settings: Settings) -> None:
        tiny, vad = MODELS["tiny.en"], MODELS["silero-vad"]
        download, disk = to_fetch(("tiny.en", "silero-vad"), settings)
        assert download == tiny.fetched_size + vad.fetched_size
        assert disk == download + tiny.ready_size

    def test_what_is_there_is_not(self, settings: Settings) -> None:
        folder = settings.models_dir / "silero-vad"
        folder.mkdir(parents=True)
        (folder / "weights").write_bytes(b"w" * 10)
        write_record(Record("silero-vad", "none", (FileRecord("weights", 10, "0" * 64),), {}), folder)
        assert to_fetch(("silero-vad", "/own/folder"), settings) == (0, 0)
