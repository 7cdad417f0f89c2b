"""The demo: its drawings say what they should, its checks notice wrong answers, and the whole of it passes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from halfgig.demo import steps, talk
from halfgig.demo.lettering import LETTERS, cells, write
from halfgig.demo.slides import HEIGHT, PICTURES, WIDTH, advance, draw
from halfgig.memory.jail import Run

if TYPE_CHECKING:
    from halfgig.records import Pixels

PROJECT = Path(__file__).resolve().parents[2]
FINE = Run(0, 1.0, 1.0, 1, 1, 1, 1, oom_killed=False, timed_out=False, stdout="", stderr="", meter="PSS")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("talk") / "talk.mp4"
    talk.write(path)
    return path


def test_slides_follow_each_other_without_gaps() -> None:
    slides = talk.slides()
    assert slides[0].start == 0
    assert all(one.end == other.start for one, other in itertools.pairwise(slides))
    assert {slide.picture for slide in slides} == set(PICTURES)


@pytest.mark.parametrize("slide", talk.slides(), ids=lambda slide: slide.picture)
def test_a_slide_has_a_title_that_fits_and_a_picture(slide: talk.Slide) -> None:
    pixels = draw(slide.title, slide.picture)
    inked = (pixels != pixels[0, 0]).any(axis=2)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert inked[20:70].any()
    assert inked[90:].mean() > 0.05
    assert not inked[:, :8][:90].any()
    assert not inked[:, -8:][:90].any()


def test_the_bar_tells_how_far_the_talk_has_come() -> None:
    slide = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    filled = [int((advance(slide, share)[-1] == advance(slide, 1)[-1]).all(axis=1).sum()) for share in (0, 0.25, 1)]
    assert filled == [0, WIDTH // 4, WIDTH]
    assert not slide.any()


def test_letters_are_five_by_seven_and_differ() -> None:
    shapes = {letter: cells(letter) for letter in LETTERS}
    assert all(shape.shape == (7, 5) for shape in shapes.values())
    assert len({shape.tobytes() for shape in shapes.values()}) == len(LETTERS)
    assert cells("AB").shape == (7, 11)
    assert cells("").shape == (7, 0)


def test_lettering_that_is_too_wide_is_cut() -> None:
    pixels: Pixels = np.zeros((10, 20, 3), np.uint8)
    write(pixels, "WIDE", top=5, scale=2, colour=(9, 9, 9))
    assert pixels.any()


def test_the_talk_has_sound_and_picture_as_long_as_its_slides(video: Path) -> None:
    with av.open(str(video)) as container:
        length = talk.slides()[-1].end
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(length, abs=0.5)
        assert (container.streams.video[0].width, container.streams.video[0].height) == (WIDTH, HEIGHT)
        assert container.streams.video[0].frames == pytest.approx(length * talk.FPS, abs=1)


def test_the_talk_speaks_within_each_slide(video: Path) -> None:
    with av.open(str(video)) as container:
        sound = np.concatenate([block.to_ndarray()[0] for block in container.decode(audio=0)])
    parts = [sound[int(slide.start * 48_000) : int(slide.end * 48_000)] for slide in talk.slides()]
    assert all(np.abs(part).mean() > 0.01 for part in parts)
    assert np.abs(sound).max() < 1


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (steps.check_words, "Gigabyte, rings, Apollo, bucket, river", "Gigabyte, rings, bucket"),
        (steps.check_indexed, "talk.mp4 indexed: 4 passages", "talk.mp4 indexed: 0 passages"),
        (steps.check_hit, "file:///talk.mp4#t=46", "file:///talk.mp4#t=14.97"),
        (steps.check_hit, "file:///talk.mp4#t=46.5", "Nothing found"),
        (steps.check_count, "squat: 8 repetitions\n", "squat: 9 repetitions\n"),
        (steps.check_count, "squat: 8 repetitions, 1 partial", "push-up: 8 repetitions"),
    ],
)
def test_checks_tell_right_from_wrong(check: steps.Check, right: str, wrong: str) -> None:
    assert check(right) == ""
    assert check(wrong) != ""


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (replace(FINE, exit_code=6), "exit code 6"),
        (replace(FINE, exit_code=-9, oom_killed=True), "more than 320 MB"),
        (replace(FINE, exit_code=-9, timed_out=True), "more than 600 seconds"),
        (FINE, "not heard"),
    ],
)
def test_a_step_that_fails_says_how(run: Run, says: str) -> None:
    assert says in steps.verdict(steps.STEPS[0], run)


@pytest.mark.slow
@pytest.mark.models
def test_the_demo_passes(model_store: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "halfgig.demo", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every answer was checked and is right." in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["athlete.json", "athlete.mp4", "talk.mp4"]
