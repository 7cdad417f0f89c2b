from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halfgig.records import Segment, Word
from halfgig.speech.transcript import Seam, Stretch, cut_loops
from halfgig.speech.transcript import stitch as stitch_windows
from halfgig.speech.vad import CHUNK
from halfgig.speech.windows import CHUNKS_PER_SECOND, Span, Window

if TYPE_CHECKING:
    from collections.abc import Sequence


def window(start: float, seconds: float, pause: float = 0.0) -> Window:
    """A window that starts at `start` and leaves out `pause` seconds in its middle."""
    half = round(seconds * CHUNKS_PER_SECOND / 2) * CHUNK
    spans = Span(0, round(start * 16_000), half), Span(half, round((start + pause) * 16_000) + half, half)
    return Window(np.zeros(2 * half, np.float32), spans, np.full(2 * half // CHUNK, 0.9, np.float32))


def said(text: str, start: float = 0.0, end: float = 1.0) -> Segment:
    return Segment(start, end, text)


def stretches(heard: Sequence[tuple[Window, list[Segment]]], seam: Seam | None = None) -> list[Stretch]:
    """Every window heard as one part."""
    return list(stitch_windows(((whole, [(whole, said)]) for whole, said in heard), seam))


def stitch(heard: Sequence[tuple[Window, list[Segment]]]) -> list[Segment]:
    return [segment for stretch in stretches(heard) for segment in stretch.segments]


def texts(segments: Sequence[Segment]) -> list[str]:
    return [segment.text for segment in segments]


def test_segments_move_to_the_sources_clock() -> None:
    heard = [(window(100, 4), [said("a", 0, 1.5), said("b", 2, 3)]), (window(110, 4), [said("c", 0.5, 1)])]
    assert [(s.start, s.end) for s in stitch(heard)] == [(100, 101.5), (102, 103), (110.5, 111)]


def test_left_out_silence_stands_between_segments() -> None:
    [first, second] = stitch([(window(0, 4.096, pause=10), [said("a", 0, 2.048), said("b", 2.048, 3)])])
    assert (first.end, second.start) == (2.048, 12.048)


def test_words_move_with_their_segment_and_stay_inside_it() -> None:
    words = (Word(0.5, 1.0, " a", 0.9), Word(1.0, 9.0, " b", 0.9))
    [segment] = stitch([(window(100, 4), [Segment(0.5, 1.5, "a b", words)])])
    assert [(w.start, w.end) for w in segment.words] == [(100.5, 101.0), (101.0, 101.5)]


times = st.floats(0, 5, allow_nan=False)


@given(st.lists(st.lists(st.tuples(times, times), max_size=4), max_size=5))
@settings(deadline=None)
def test_time_never_runs_backwards(windows: list[list[tuple[float, float]]]) -> None:
    heard = [
        (window(3 * n, 4), [said(f"{n} {i}", *pair) for i, pair in enumerate(pairs)]) for n, pairs in enumerate(windows)
    ]
    moments = [moment for segment in stitch(heard) for moment in (segment.start, segment.end)]
    assert moments == sorted(moments)


def test_a_third_echo_is_cut() -> None:
    heard = [(window(n, 1), [said("Thank you.")]) for n in range(9)]
    assert texts(list(stitch(heard))) == ["Thank you."] * 2
    apart = [(window(n, 1), [said("Yes."), said(f"So {n}")]) for n in range(9)]
    assert texts(list(stitch(apart))).count("Yes.") == 9


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("and so " * 50, "and so"),
        ("I said so so so so so so so so so again", "I said so again"),
        ("one two three " * 4 + "four", "one two three four"),
        ("no no no no no, I mean it", "no no no no no, I mean it"),
        ("tick tock " * 3, "tick tock tick tock tick tock"),
        ("", ""),
        ("a", "a"),
    ],
)
def test_loops_are_cut_and_emphasis_is_not(text: str, kept: str) -> None:
    assert cut_loops(said(text.strip())).text == kept


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(8, 20))
def test_no_long_loop_is_left(words: list[str], times: int) -> None:
    text = " ".join([*words, *["x"] * times, *words])
    assert cut_loops(said(text)).text.split().count("x") == 1


def test_the_words_that_are_kept_are_those_of_the_text() -> None:
    names = ["so"] * 9 + ["we", "go"]
    words = tuple(Word(n, n + 1, f" {name}", 0.9) for n, name in enumerate(names))
    cut = cut_loops(Segment(0, 11, " ".join(names), words))
    assert cut.text == "so we go"
    assert [word.text.strip() for word in cut.words] == ["so", "we", "go"]
    assert [word.start for word in cut.words] == [0, 9, 10]


def test_a_transcript_goes_on_from_any_seam_as_if_it_had_never_stopped() -> None:
    heard = [(window(4 * n, 4), [said("Yes.", -1.0, 2), said(f"{n // 2}", 1, 3)][n % 2 :]) for n in range(8)]
    whole = stretches(heard)
    for cut in range(len(heard) + 1):
        first = stretches(heard[:cut])
        assert [*first, *stretches(heard[cut:], first[-1].seam if first else None)] == whole


def test_with_each_part_of_the_source_a_transcript_begins_anew() -> None:
    first = [(window(start, 2), [said("you")]) for start in (0, 3)]
    second = [(replace(window(start, 2), part_number=1), [said("you")]) for start in (6, 9)]
    whole = stretches([*first, *second])
    assert whole == [*stretches(first), *stretches(second)]
    assert texts([segment for stretch in whole for segment in stretch.segments]) == ["you"] * 4
    assert stretches(second[1:], whole[2].seam) == whole[3:]


def test_a_window_in_parts_is_one_stretch() -> None:
    whole = window(10, 4)
    parts = [(whole.part(0, 60), [said("a", 0, 1)]), (whole.part(60, 124), [said("b", 0, 1)])]
    [stretch] = stitch_windows([(whole, parts)])
    assert texts(stretch.segments) == ["a", "b"]
    assert stretch.seam.position == whole.end
