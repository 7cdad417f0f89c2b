from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.speech import Loudness

from halfgig.records import SAMPLE_RATE
from halfgig.speech.parts import Parts, Piece, cut_into_parts, find_windows_of_parts, middle_of_silence, score_parts
from halfgig.speech.vad import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MINUTE = Parts(length=60.0)  # a cut is sought from 45 to 75 s, 105 to 135 s, ...


class Remembering(Loudness):
    """One whose every answer counts the chunks that it has scored since the state was new."""

    def initial_state(self) -> Any:
        return 0

    def score(self, chunks: NDArray[np.float32], state: Any) -> tuple[NDArray[np.float32], Any]:
        loud, _ = super().score(chunks, None)
        return loud * (1 - (state + np.arange(len(chunks), dtype=np.float32)) * 1e-6), state + len(chunks)


def speech(seconds: float, pauses: list[tuple[float, float]]) -> NDArray[np.float32]:
    """Noise, and silence in the pauses; every sample another."""
    sound = np.random.default_rng(1).uniform(0.2, 1, round(seconds * SAMPLE_RATE)).astype(np.float32)
    for start, end in pauses:
        sound[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 0
    return sound


def blocks(sound: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    yield from (sound[at : at + SAMPLE_RATE] for at in range(0, len(sound), SAMPLE_RATE))


def cut(sound: NDArray[np.float32], parts: Parts = MINUTE) -> list[Piece]:
    """The pieces with sound."""
    pieces = cut_into_parts(blocks(sound), Loudness(), parts)  # type: ignore[arg-type]
    return [piece for piece in pieces if len(piece.samples)]


def begins(pieces: list[Piece]) -> list[float]:
    """When each part begins."""
    starts: dict[int, int] = {}
    for piece in pieces:
        starts.setdefault(piece.part, piece.start)
    return [start / SAMPLE_RATE for start in starts.values()]


PAUSES = [(50.0, 50.5), (61.0, 63.0), (70.0, 71.0), (110.0, 111.0), (165.0, 175.0)]


def test_a_part_ends_in_the_middle_of_the_longest_silence_nearby() -> None:
    assert begins(cut(speech(200, PAUSES))) == pytest.approx([0, 62, 110.5, 170], abs=0.05)


def test_cuts_are_at_the_borders_of_chunks_and_no_sample_is_lost_or_doubled() -> None:
    sound = speech(200.3, PAUSES)
    pieces = cut(sound)
    assert np.array_equal(np.concatenate([piece.samples for piece in pieces]), sound)
    assert [piece.start for piece in pieces] == np.cumsum([0, *(len(p.samples) for p in pieces[:-1])]).tolist()
    assert [piece.part for piece in pieces] == sorted(piece.part for piece in pieces)
    assert all(round(start * SAMPLE_RATE) % CHUNK == 0 for start in begins(pieces))


def test_a_source_that_ends_soon_after_a_quarter_hour_is_not_cut_there() -> None:
    assert len(begins(cut(speech(74, PAUSES)))) == 1
    assert len(begins(cut(speech(75, PAUSES)))) == 2


def test_where_nobody_pauses_the_cut_is_somewhere_nearby() -> None:
    _, second = begins(cut(speech(100, [])))
    assert 45 - CHUNK / SAMPLE_RATE < second <= 75


def test_where_nobody_pauses_the_quietest_moment_will_do() -> None:
    assert 36 <= middle_of_silence(np.array([0.9] * 36 + [0.5] * 8 + [0.9] * 40, np.float32)) <= 44


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_part_is_the_same_whether_others_are_wanted_or_not(number: int) -> None:
    sound = speech(200, PAUSES)
    alone = cut(sound, Parts(60.0, first=number, until=number + 1))
    among = [piece for piece in cut(sound) if piece.part == number]
    assert [piece.start for piece in alone] == [piece.start for piece in among]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(alone, among, strict=True))


def test_what_is_past_the_end_is_nothing() -> None:
    assert cut(speech(100, PAUSES), Parts(60.0, first=4)) == []
    assert cut(speech(0, [])) == []


def test_a_part_is_not_waited_for_past_its_end() -> None:
    taken: list[int] = []

    def told() -> Iterator[NDArray[np.float32]]:
        for number, block in enumerate(blocks(speech(400, PAUSES))):
            taken.append(number)
            yield block

    list(cut_into_parts(told(), Loudness(), Parts(60.0, until=1)))  # type: ignore[arg-type]
    assert taken[-1] < 76


def test_what_is_passed_over_is_told_without_its_sound() -> None:
    pieces = list(cut_into_parts(blocks(speech(200, PAUSES)), Loudness(), Parts(60.0, first=2)))  # type: ignore[arg-type]
    passed = [block for block in score_parts(pieces, Loudness()) if not len(block.samples)]  # type: ignore[arg-type]
    assert all(block.part < 2 for block in passed)
    assert all(len(block.probabilities) == 0 for block in passed)
    starts = [block.start / SAMPLE_RATE for block in passed]
    assert starts == sorted(starts)
    assert starts[0] <= 1
    assert starts[-1] == pytest.approx(110.5, abs=0.05)


def test_the_detector_begins_anew_with_each_part() -> None:
    sound = speech(200, PAUSES)
    together = list(score_parts(cut(sound), Remembering()))  # type: ignore[arg-type]
    for number in range(4):
        pieces = cut(sound, Parts(60.0, first=number, until=number + 1))
        alone = list(score_parts(pieces, Remembering()))  # type: ignore[arg-type]
        of_it = [block for block in together if block.part == number]
        one, other = (np.concatenate([block.probabilities for block in each]) for each in (alone, of_it))
        assert np.array_equal(one, other)
        assert [block.start for block in alone] == [block.start for block in of_it]


def test_no_window_reaches_over_a_cut_and_all_stand_on_the_clock_of_the_source() -> None:
    sound = speech(200, PAUSES)
    pieces = cut(sound)
    starts = [*begins(pieces), 200.0]
    windows = list(find_windows_of_parts(score_parts(pieces, Loudness())))  # type: ignore[arg-type]
    assert {window.part_number for window in windows} == {0, 1, 2, 3}
    for window in windows:
        assert starts[window.part_number] <= window.start < window.end <= starts[window.part_number + 1] + 0.032
        first = window.spans[0]
        of_source = sound[first.origin : first.origin + first.length]
        assert np.array_equal(window.samples[: len(of_source)], of_source)


@given(st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9]), min_size=1, max_size=60))
@settings(deadline=None)
def test_the_middle_of_the_longest_silence(probabilities: list[float]) -> None:
    middle = middle_of_silence(np.array(probabilities, np.float32))
    assert 0 <= middle < len(probabilities)
    quiet = [p < 0.35 for p in probabilities]
    if any(quiet):
        assert quiet[middle]
        run = max(len(run) for run in "".join("q" if q else " " for q in quiet).split())
        left = next((n for n in range(middle, -1, -1) if not quiet[n]), -1)
        right = next((n for n in range(middle, len(quiet)) if not quiet[n]), len(quiet))
        assert right - left - 1 == run
