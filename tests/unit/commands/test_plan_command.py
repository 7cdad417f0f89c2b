from __future__ import annotations

import argparse
import json
import wave
from typing import TYPE_CHECKING

import pytest

from halfgig.commands import plan
from halfgig.commands.plan import describe_plan, span
from halfgig.errors import MIB, BadRequest, DoesNotFit
from halfgig.operations import calibration
from halfgig.operations.planning import Forecast, Plan
from halfgig.records import AudioStream, SourceInfo, VideoStream
from halfgig.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

INFO = SourceInfo("mp4", 61.4, 10, (AudioStream(0, "aac", 44_100, 2),), (VideoStream(1, "h264", 640, 360, 29.97),))
MADE = Plan(
    "talk\x1b[2J.mp4",
    INFO,
    256 * MIB,
    "MEMORY_LIMIT_MB",
    (
        Forecast("transcribe", "fits", "tiny.en", 195 * MIB, 219 * MIB, 12.3, 77 * MIB, 120 * MIB, "a note"),
        Forecast("index", "does not fit", needs=290 * MIB + 1),
        Forecast("reps", "nothing to do", note="it has no moving picture"),
    ),
)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(64_000))
    return path


@pytest.fixture(autouse=True)
def speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "measure", lambda: 1.0)


def run(data: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    plan.add_parser(parser.add_subparsers())
    return plan.run(parser.parse_args(["plan", *words]), Settings(data_dir=data))


def test_a_line_for_each_kind_of_work() -> None:
    lines = list(describe_plan(MADE))
    assert lines[0] == "talk [2J.mp4: 61 s, sound in aac, 640 x 360 pixels in h264, 30 a second"
    assert lines[1] == "256 MB are left for work (MEMORY_LIMIT_MB)"
    assert lines[2] == (
        "  transcript  fits: peak 195 MB, about 12 s, with tiny.en, 77 MB to download first (120 MB of disk)"
    )
    assert lines[3] == "  index       does not fit: needs 291 MB"
    assert lines[4] == "  reps        nothing to do: it has no moving picture"
    assert lines[5] == "a note"


def test_a_plan_is_printed(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, str(sound), "--memory", "512") == 0
    out = capsys.readouterr().out
    assert "silence.wav: 2 s, sound in pcm_s16le, no picture" in out
    assert "512 MB are left for work (--memory)" in out
    assert "base, then tiny.en" in out


def test_as_json(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, str(sound), "--memory", "512", "--language", "english", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["room"] == 512 * MIB
    assert [forecast["outlook"] for forecast in told["forecasts"]] == ["fits", "fits", "nothing to do"]
    assert told["forecasts"][0]["variant"] == "tiny.en"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_nothing_fits(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: list[str]) -> None:
    with pytest.raises(DoesNotFit, match=r"needs \d+ MB, and this machine may use 12 MB") as refused:
        run(tmp_path, str(sound), "--memory", "12", *form)
    assert refused.value.exit_code == 5
    assert "does not fit" in capsys.readouterr().out


def test_the_model_that_is_asked_for(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, str(sound), "--memory", "512", "--model", "base", "--language", "de")
    assert "with base, " in capsys.readouterr().out


@pytest.mark.parametrize("memory", ["0", "-5"])
def test_no_memory_is_no_number(sound: Path, tmp_path: Path, memory: str) -> None:
    with pytest.raises(BadRequest, match="no number of MB"):
        run(tmp_path, str(sound), f"--memory={memory}")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--language", "klingon"], "no language klingon"),
        (["--model", "huge"], "no Whisper model called huge"),
        (["--model", "tiny.en", "--language", "de"], "knows English only"),
    ],
)
def test_what_cannot_be_meant_is_refused(sound: Path, tmp_path: Path, wrong: list[str], told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        run(tmp_path, str(sound), *wrong)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (8.4, "8 s"), (99.0, "99 s"), (180.0, "3 min"), (9000.0, "2.5 h")]
)
def test_spans_are_for_people(seconds: float, told: str) -> None:
    assert span(seconds) == told
