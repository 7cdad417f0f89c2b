from __future__ import annotations

from dataclasses import replace

import pytest

from halfgig.errors import MIB
from halfgig.jobs.demand import FULL_HD, candidates, spare
from halfgig.jobs.job import Job, State
from halfgig.media.pictures import decoder_memory
from halfgig.memory import budget
from halfgig.memory.learned import Learned
from halfgig.settings import Settings

JOB = Job("j", "transcript", State.QUEUED, {}, {}, 0.0, 0.0)
EVER = 1024 * 1024 * 1024
BASE, TINY = (budget.cost("transcribe", name).needs for name in ("base", "tiny.en"))


def needs(job: Job, settings: Settings | None = None, learned: Learned | None = None) -> list[int]:
    return [cost.needs for cost in candidates(job, settings or Settings(), learned or Learned(), 0.0, EVER)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [BASE, TINY]),
        ({"language": "en"}, [TINY]),
        ({"language": "de"}, [BASE]),
        ({"model": "base", "language": "en"}, [BASE, TINY]),
        ({"translate": True}, [BASE]),
    ],
)
def test_speech_wants_what_its_language_needs(options: dict[str, object], expected: list[int]) -> None:
    assert needs(replace(JOB, options=options)) == expected
    assert needs(replace(JOB, kind="index", options=options)) == expected


def test_a_part_takes_no_other_model_than_its_job() -> None:
    part = replace(JOB, kind="part", options={"model": "base", "language": "en"})
    assert needs(part) == needs(replace(part, less=3)) == [BASE]


def test_reps_go_from_full_poses_to_small_frames() -> None:
    found = needs(replace(JOB, kind="reps"))
    assert len(found) == 3
    assert found == sorted(found, reverse=True)
    assert needs(replace(JOB, kind="reps"), Settings(pose_model="lite")) == found[1:]


def test_what_ran_out_of_memory_is_offered_less() -> None:
    assert needs(replace(JOB, less=1)) == [TINY]
    assert needs(replace(JOB, less=7)) == [TINY]


def test_a_job_gets_at_least_what_it_said_it_needs() -> None:
    assert needs(replace(JOB, needs=BASE + 1)) == [BASE + 1, BASE + 1]
    assert needs(replace(JOB, needs=TINY + 1)) == [BASE, TINY + 1]


def test_lessons_raise_a_figure_and_never_lower_it() -> None:
    cost = budget.cost("transcribe", "tiny.en")
    more = Learned().with_peak("transcribe", "tiny.en", round(1.2 * cost.peak), cost.peak, 0.0)
    less = Learned().with_peak("transcribe", "tiny.en", round(0.9 * cost.peak), cost.peak, 0.0)
    english = replace(JOB, options={"language": "en"})
    assert needs(english, learned=more)[0] > TINY
    assert needs(english, learned=less)[0] == TINY


def test_large_pictures_may_have_more_than_the_usual_where_there_is_room() -> None:
    reps = replace(JOB, kind="reps")
    upright_4k = decoder_memory(2160, 3840, "h264") + budget.frames_memory(450, 800)
    assert abs(FULL_HD + spare(reps) - upright_4k) < 2 * MIB
    assert spare(JOB) == 0
    assert spare(replace(reps, needs=BASE)) == 0


def test_to_index_again_takes_the_embedder_alone() -> None:
    assert needs(replace(JOB, kind="reindex")) == [budget.cost("search", "minilm").needs]


def test_no_lesson_keeps_a_job_out_for_good() -> None:
    cost = budget.cost("transcribe", "tiny.en")
    learned = Learned().with_peak("transcribe", "tiny.en", 2 * cost.peak, cost.peak, 0.0)
    ever = TINY + 5
    [found] = candidates(replace(JOB, options={"language": "en"}), Settings(), learned, 0.0, ever)
    assert found.needs == ever
