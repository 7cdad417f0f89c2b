from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halfgig.records import SAMPLE_RATE
from halfgig.speech.vad import CHUNK, ScoredBlock
from halfgig.speech.windows import CHUNKS_PER_SECOND, Span, Window, WindowShape, find_windows, keep_speech, quietest

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT = WindowShape(longest=2.0, lead=0.1, trail=0.2, farthest=3.0)
# Runs of (chunks, speech probability), which is what recordings are made of.
runs = st.lists(st.tuples(st.integers(1, 90), st.sampled_from([0.0, 0.1, 0.4, 0.6, 0.99])), max_size=14)


def scored(probabilities: list[float], block: int = 31) -> Iterator[ScoredBlock]:
    """Blocks whose every sample tells the number of its chunk."""
    for at in range(0, len(probabilities), block):
        part = np.array(probabilities[at : at + block], np.float32)
        yield ScoredBlock(np.repeat(np.arange(at, at + len(part), dtype=np.float32), CHUNK), part)


def spread(pairs: list[tuple[int, float]]) -> list[float]:
    return [probability for length, probability in pairs for _ in range(length)]


def numbers(window: Window) -> list[int]:
    """Which chunks of the source a window holds, as its samples tell it."""
    return [int(n) for n in window.samples[::CHUNK]]


def window_of(probabilities: list[float], gap_after: int | None = None) -> Window:
    """One window; `gap_after` chunks a hundred more were left out."""
    count = len(probabilities)
    cut = count if gap_after is None else gap_after
    spans = [Span(0, 0, cut * CHUNK), Span(cut * CHUNK, (cut + 100) * CHUNK, (count - cut) * CHUNK)]
    samples = np.arange(count * CHUNK, dtype=np.float32)
    return Window(samples, tuple(s for s in spans if s.length), np.array(probabilities, np.float32))


# --- packing -------------------------------------------------------------------------------------------


@given(runs, st.integers(1, 100))
@settings(deadline=None)
def test_every_chunk_of_speech_is_in_one_window_in_order(pairs: list[tuple[int, float]], block: int) -> None:
    probabilities = spread(pairs)
    shape = replace(SHORT, least_speech=0.0)
    kept = [n for window in find_windows(scored(probabilities, block), shape) for n in numbers(window)]
    assert kept == sorted(set(kept))
    assert {n for n, p in enumerate(probabilities) if p >= shape.onset} <= set(kept)


@given(runs)
@settings(deadline=None)
def test_windows_are_bounded_and_tell_where_they_came_from(pairs: list[tuple[int, float]]) -> None:
    for window in find_windows(scored(spread(pairs)), SHORT):
        assert window.duration <= SHORT.longest
        assert sum(span.length for span in window.spans) == len(window.samples) == len(window.probabilities) * CHUNK
        for span in window.spans:
            expected = span.origin // CHUNK + np.arange(span.length // CHUNK)
            assert np.array_equal(window.samples[span.at : span.at + span.length : CHUNK], expected)


@given(runs, st.integers(1, 100), st.integers(1, 100))
@settings(deadline=None)
def test_how_the_sound_comes_in_changes_nothing(pairs: list[tuple[int, float]], one: int, other: int) -> None:
    first, second = ([numbers(w) for w in find_windows(scored(spread(pairs), size), SHORT)] for size in (one, other))
    assert first == second


def test_silence_makes_no_window() -> None:
    assert list(find_windows(scored([0.0] * 1000), SHORT)) == []
    assert list(find_windows(iter(()), SHORT)) == []


def test_a_click_makes_no_window() -> None:
    assert list(find_windows(scored([0.0] * 50 + [0.9] * 3 + [0.0] * 50), SHORT)) == []
    assert len(list(find_windows(scored([0.0] * 50 + [0.9] * 4 + [0.0] * 50), SHORT))) == 1


def test_speech_keeps_some_silence_around_it() -> None:
    kept = [chunk.number for chunk in keep_speech(scored([0.0] * 50 + [0.9] * 10 + [0.0] * 50), SHORT)]
    lead, trail = round(0.1 * CHUNKS_PER_SECOND), round(0.2 * CHUNKS_PER_SECOND)
    assert kept == list(range(50 - lead, 60 + trail))


def test_speech_that_fades_is_kept_until_it_is_below_the_offset() -> None:
    shape = replace(SHORT, lead=0.0, trail=0.0)
    assert [c.number for c in keep_speech(scored([0.4, 0.6, 0.4, 0.36, 0.3, 0.4]), shape)] == [1, 2, 3]


def test_a_long_silence_ends_a_window() -> None:
    speech, far, near = [0.9] * 10, [0.0] * 200, [0.0] * 60
    assert len(list(find_windows(scored(speech + far + speech), SHORT))) == 2
    assert len(list(find_windows(scored(speech + near + speech), SHORT))) == 1


def test_a_full_window_is_cut_where_it_is_quietest() -> None:
    probabilities = [0.9] * 40 + [0.3] * 8 + [0.9] * 40
    first, second = find_windows(scored(probabilities), replace(SHORT, offset=0.2))
    assert 40 <= len(numbers(first)) <= 48
    assert numbers(second)[0] == numbers(first)[-1] + 1


def test_a_cut_prefers_left_out_silence() -> None:
    gap = np.array([*range(10), *range(20, 30)])
    assert quietest(gap, np.full(20, 0.9, np.float32), 5) == 10


# --- the clock -----------------------------------------------------------------------------------------


@given(runs)
@settings(deadline=None)
def test_times_inside_a_window_never_run_backwards_on_the_source(pairs: list[tuple[int, float]]) -> None:
    for window in find_windows(scored(spread(pairs)), SHORT):
        moments = np.arange(0, window.duration + 0.5, 0.017)
        for ending in (False, True):
            mapped = [window.source_time(t, ending=ending) for t in moments]
            assert mapped == sorted(mapped)
            assert window.start <= mapped[0] <= mapped[-1] <= window.end


@given(runs)
@settings(deadline=None)
def test_each_sample_maps_to_where_it_came_from(pairs: list[tuple[int, float]]) -> None:
    for window in find_windows(scored(spread(pairs)), SHORT):
        for i in range(0, len(window.samples), CHUNK):
            origin = window.samples[i] * CHUNK / SAMPLE_RATE
            assert window.source_time(i / SAMPLE_RATE) == pytest.approx(origin)


def test_an_end_stays_before_left_out_silence_and_a_start_goes_after_it() -> None:
    window = window_of([0.9] * 10, gap_after=4)
    border = 4 * CHUNK / SAMPLE_RATE
    assert window.source_time(border, ending=True) == pytest.approx(border)
    assert window.source_time(border) == pytest.approx(104 * CHUNK / SAMPLE_RATE)


def test_times_outside_a_window_are_held_at_its_ends() -> None:
    window = window_of([0.9] * 10, gap_after=4)
    assert window.source_time(-1.0) == window.start == 0.0
    assert window.source_time(99.0) == window.source_time(99.0, ending=True) == window.end


# --- speech, parts and halves --------------------------------------------------------------------------


def test_speech_is_counted_between_two_moments() -> None:
    window = window_of([0.9] * 25 + [0.1] * 25)
    assert window.spoken() == pytest.approx(0.8)
    assert window.spoken(0.4) == pytest.approx(0.4, abs=0.04)
    assert window.spoken(0.8) == window.spoken(5.0) == 0.0
    assert window.spoken(0.0, 99.0) == window.spoken()


def test_a_stretch_is_told_without_the_silence_around_it() -> None:
    window = window_of([0.1] * 10 + [0.9] * 5 + [0.1] * 10)
    begin, end = window.voiced(0.1, 0.7)
    assert [begin, end] == pytest.approx([0.32, 0.48])
    assert type(begin) is type(end) is float
    assert window.voiced(0.35, 0.4) == (0.35, 0.4)
    assert window.voiced(0.5, 0.7) == (0.5, 0.7)  # nobody speaks there
    assert window.voiced(0.7, 99.0) == (0.7, 99.0)


@given(st.lists(st.floats(0, 1, width=32), min_size=40, max_size=200), st.data())
@settings(deadline=None)
def test_two_halves_make_the_whole(probabilities: list[float], data: st.DataObject) -> None:
    gap = data.draw(st.one_of(st.none(), st.integers(1, len(probabilities) - 1)))
    whole = window_of(probabilities, gap)
    one, other = whole.split()
    assert np.array_equal(np.concatenate([one.samples, other.samples]), whole.samples)
    assert np.array_equal(np.concatenate([one.probabilities, other.probabilities]), whole.probabilities)
    assert one.start == whole.start
    assert other.end == whole.end
    assert one.end <= other.start
    for half in (one, other):
        assert len(half.probabilities) >= len(probabilities) // 3
        assert sum(span.length for span in half.spans) == len(half.samples)
        for i in range(0, len(half.samples), CHUNK):
            moment = half.samples[i] / SAMPLE_RATE
            assert half.source_time(i / SAMPLE_RATE) == pytest.approx(whole.source_time(moment))


def test_a_part_that_begins_after_the_left_out_silence_has_one_span() -> None:
    part = window_of([0.9] * 10, gap_after=4).part(4, 8)
    assert part.spans == (Span(0, 104 * CHUNK, 4 * CHUNK),)
