"""The budget is true: each kind of work lives under a hard limit of what admission asks for, and peaks as foreseen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import MIB
from halfgig.memory import budget
from halfgig.models.store import ModelStore
from halfgig.operations.planning import plan
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.memory.jail import Run

pytestmark = [pytest.mark.models, pytest.mark.cgroup, pytest.mark.slow]

TALK = Path(__file__).resolve().parents[2] / "src" / "halfgig" / "demo" / "talk.opus"
CASES = {  # kind and variant: the models that it takes, and settings
    ("transcribe", "tiny.en"): (("tiny.en", "silero-vad"), {"WHISPER_LANGUAGE": "en"}),
    ("transcribe", "base"): (("base", "silero-vad"), {"WHISPER_LANGUAGE": "en", "WHISPER_MODEL": "base"}),
    ("transcribe", "base, then tiny.en"): (("base", "tiny.en", "silero-vad"), {}),
    ("index", "tiny.en, then all-MiniLM-L6-v2"): (
        ("tiny.en", "silero-vad", "all-MiniLM-L6-v2"),
        {"WHISPER_LANGUAGE": "en"},
    ),
    ("reps", "full"): (("blazepose-full",), {}),
    ("reps", "lite"): (("blazepose-lite",), {"POSE_MODEL": "lite"}),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from halfgig.demo.athlete import encode, render, steady

    script = steady("squat", 3)
    path = tmp_path_factory.mktemp("clip") / "squat.mp4"
    encode(render(script), path, script.fps)
    return path


def command(kind: str, source: Path | str) -> list[str]:
    return [sys.executable, "-m", "halfgig", kind, str(source)]


def need(models: tuple[str, ...], store: Path) -> None:
    missing = set(models) - set(ModelStore(store).installed())
    if missing:
        pytest.skip(f"not in the model store: {', '.join(sorted(missing))}")


@pytest.mark.parametrize(("kind", "variant"), CASES, ids=lambda value: value)
def test_it_lives_under_what_it_needs_and_peaks_as_foreseen(
    kind: str, variant: str, clip: Path, tmp_path: Path, model_store: Path, run_in_cgroup: Callable[..., Run]
) -> None:
    models, given = CASES[kind, variant]
    need(models, model_store)
    source = clip if kind == "reps" else TALK
    environment = {**given, "LIBRARY_PATH": str(tmp_path / "library.db"), "THREADS": "1"}
    settings = Settings.from_environment({**environment, "HALFGIG_DATA": str(model_store.parent)})
    made = plan(source, memory=1024 * MIB, settings=settings, speed=lambda _: 1.0)
    [foreseen] = [forecast for forecast in made.forecasts if forecast.kind == kind]
    assert foreseen.variant == variant
    run = run_in_cgroup(command(kind, source), foreseen.needs, env=environment, timeout=300)
    assert run.ok, run.stderr
    assert not run.oom_killed
    assert "instead of" not in run.stderr
    told = f"{foreseen.peak / MIB:.0f} foreseen, {run.peak_held / MIB:.0f} MiB held"
    assert 0.85 < foreseen.peak / run.peak_held < 1.15, told


def test_search_lives_under_what_it_needs(tmp_path: Path, model_store: Path, run_in_cgroup: Callable[..., Run]) -> None:
    need(("tiny.en", "silero-vad", "all-MiniLM-L6-v2"), model_store)
    environment = {"LIBRARY_PATH": str(tmp_path / "library.db"), "WHISPER_LANGUAGE": "en"}
    assert run_in_cgroup(command("index", TALK), 256 * MIB, env=environment).ok
    cost = budget.cost("search", "minilm")
    run = run_in_cgroup(command("search", "memory of the smallest computers"), cost.needs, env=environment)
    assert run.ok, run.stderr
    assert "keyword only" not in run.stderr
    assert 0.85 < cost.peak / run.peak_held < 1.15, f"{run.peak_held / MIB:.0f} MiB held"


def test_where_base_does_not_fit_speech_is_taken_for_english_and_that_is_said(
    model_store: Path, run_in_cgroup: Callable[..., Run]
) -> None:
    need(("tiny.en", "silero-vad"), model_store)
    run = run_in_cgroup(command("transcribe", TALK), 240 * MIB)  # base needs 289 MB, and more with MKL
    assert run.ok, run.stderr
    assert "base, which tells languages apart, does not fit" in run.stderr
    assert "gigabyte" in run.stdout.lower()


def test_what_does_not_fit_is_refused_and_not_killed(model_store: Path, run_in_cgroup: Callable[..., Run]) -> None:
    run = run_in_cgroup(command("transcribe", TALK), 128 * MIB)
    assert run.exit_code == 5
    assert not run.oom_killed
    assert "transcribe needs" in run.stderr
