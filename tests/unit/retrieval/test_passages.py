from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from halfgig.records import Passage, Segment, Word
from halfgig.retrieval.passages import LONG_SILENCE, MAX_PASSAGE, UNSPACED_CHARACTER, WORD, make_passages

if TYPE_CHECKING:
    from collections.abc import Iterator


def said(*texts: str, pace: float = 0.4, gap: float = 0.2) -> Iterator[Segment]:
    """One segment after another, each word taking `pace` seconds."""
    clock = 0.0
    for text in texts:
        end = clock + pace * len(text.split())
        yield Segment(clock, end, text)
        clock = end + gap


def sentences(count: int, words: int = 12) -> list[str]:
    return [" ".join(f"s{n}w{m}" for m in range(words)) + "." for n in range(count)]


def weight(passage: Passage) -> int:
    characters = len(UNSPACED_CHARACTER.findall(passage.text))
    return characters + WORD * len(UNSPACED_CHARACTER.sub(" ", passage.text).split())


def test_an_empty_transcript_has_no_passages() -> None:
    assert list(make_passages([])) == []
    assert list(make_passages([Segment(0, 1, ""), Segment(1, 2, "  \n ")])) == []


def test_one_short_segment_is_one_passage() -> None:
    assert list(make_passages([Segment(1.5, 2.5, " Hello  there. ")])) == [Passage(0, 1.5, 2.5, "Hello there.")]


def test_passages_are_of_whole_sentences_between_40_and_120_words() -> None:
    passages = list(make_passages(said(*sentences(100))))
    for passage in passages[:-1]:
        assert 40 <= len(passage.text.split()) <= 120
        assert passage.text.endswith(".")
        assert passage.text.split()[0].endswith("w0")


def test_neighbours_share_about_a_sentence() -> None:
    passages = list(make_passages(said(*sentences(100))))
    for before, after in pairwise(passages):
        shared = set(before.text.split()) & set(after.text.split())
        assert 12 <= len(shared) <= 30
        assert after.start < before.end < after.end
        assert [passage.number for passage in passages] == list(range(len(passages)))


def test_a_sentence_over_several_segments_stays_whole() -> None:
    text = " ".join(sentences(30, words=15)).split()
    segments = said(*(" ".join(text[n : n + 7]) for n in range(0, len(text), 7)))
    assert all(passage.text.endswith(".") for passage in make_passages(segments))


def test_without_punctuation_the_ends_of_segments_are_used() -> None:
    segments = list(said(*(sentence.rstrip(".") for sentence in sentences(60, words=10))))
    passages = list(make_passages(segments))
    ends = {segment.end for segment in segments}
    assert len(passages) > 4
    assert all(passage.end in ends for passage in passages)
    assert all(passage.text.split()[0].endswith("w0") for passage in passages)


@pytest.mark.parametrize("end", [".", ""])
def test_a_giant_segment_is_cut_and_its_time_spread(end: str) -> None:
    text = " ".join(f"w{n:03d}{end if n % 10 == 9 else ''}" for n in range(1000))
    passages = list(make_passages([Segment(100, 500, text)]))
    assert len(passages) > 10
    assert passages[0].start == 100
    assert passages[-1].end == pytest.approx(500)
    for passage in passages:
        first = int(passage.text.split()[0].strip("w."))
        assert passage.start == pytest.approx(100 + 0.4 * first, abs=1.0)
        assert weight(passage) <= MAX_PASSAGE


def test_words_give_the_times_where_they_are() -> None:
    words = tuple(Word(n * 2.0, n * 2.0 + 1, f" w{n}", 1.0) for n in range(300))
    text = "".join(word.text for word in words)
    passages = list(make_passages([Segment(0, 600, text, words)]))
    for passage in passages:
        first, last = (int(word.strip("w")) for word in (passage.text.split()[0], passage.text.split()[-1]))
        assert (passage.start, passage.end) == (first * 2.0, last * 2.0 + 1)


def test_words_that_do_not_tell_the_whole_text_are_not_trusted() -> None:
    segment = Segment(0, 4, "one two three", (Word(0, 1, " one", 1.0),))
    assert list(make_passages([segment])) == [Passage(0, 0, 4, "one two three")]


def test_a_long_silence_starts_afresh() -> None:
    first, second = Segment(0, 4, "before the pause"), Segment(4 + LONG_SILENCE + 0.1, 25, "after the pause")
    assert [passage.text for passage in make_passages([first, second])] == ["before the pause", "after the pause"]
    near = Segment(4 + LONG_SILENCE - 0.1, 25, "after the pause")
    assert [passage.text for passage in make_passages([first, near])] == ["before the pause after the pause"]


def test_a_language_without_spaces_counts_characters() -> None:
    sentence = "今日はとても良い天気ですから散歩に行きましょう。"
    passages = list(make_passages(Segment(n * 5.0, n * 5.0 + 5, sentence) for n in range(40)))
    assert len(passages) > 4
    for passage in passages[:-1]:
        assert 80 <= weight(passage) <= MAX_PASSAGE
        assert passage.text.endswith("。")
        assert " " not in passage.text


def test_thai_without_punctuation_is_cut_too() -> None:
    passages = list(make_passages([Segment(0, 600, "สวัสดีครับ" * 200)]))
    assert len(passages) > 4
    assert all(weight(passage) <= MAX_PASSAGE for passage in passages)


def test_a_run_of_letters_without_end_is_cut() -> None:
    passages = list(make_passages([Segment(0, 60, "a" * 60_000)]))
    assert all(len(passage.text) <= 60 * 120 for passage in passages)


def test_times_that_go_backwards_are_straightened() -> None:
    segments = [Segment(10, 12, "one."), Segment(5, 6, "two."), Segment(13, 12, "three.")]
    (passage,) = make_passages(segments)
    assert (passage.start, passage.text) == (10, "one. two. three.")
    assert 12 <= passage.end <= 13


def test_it_streams_with_a_window() -> None:
    taken = 0

    def watched() -> Iterator[Segment]:
        nonlocal taken
        for segment in said(*sentences(10_000)):
            taken += 1
            yield segment

    passages = make_passages(watched())
    next(passages)
    assert taken < 15
    next(passages)
    assert taken < 30


texts = st.lists(
    st.lists(
        st.sampled_from(["word", "end.", "Really?", "虹", "本当。", "x" * 70, "ไทย", "…", "don't", '"so."']),
        max_size=80,
    ),
    max_size=12,
)


@example(texts=[["x" * 70]], gaps=[0.0] * 12, lengths=[28.697322573508323] * 12)  # a sum that rounds up
@given(
    texts=texts,
    gaps=st.lists(st.floats(0, 40), min_size=12, max_size=12),
    lengths=st.lists(st.floats(0, 30), min_size=12, max_size=12),
)
def test_every_word_is_covered_in_order_and_in_time(
    texts: list[list[str]], gaps: list[float], lengths: list[float]
) -> None:
    """Words are numbered, so that each can be told from the others."""
    clock, count, segments = 0.0, 0, []
    for words, gap, length in zip(texts, gaps, lengths, strict=False):
        start = clock + gap
        clock = start + length
        segments.append(Segment(start, clock, " ".join(f"{word}#{count + n}" for n, word in enumerate(words))))
        count += len(words)
    passages = list(make_passages(segments))
    covered: list[str] = []
    everything = "".join("".join(segment.text.split()) for segment in segments)
    for passage in passages:
        text = "".join(passage.text.split())
        place = everything.find(text)
        assert place >= 0
        assert place <= len("".join(covered))  # nothing is left out before it
        covered = [everything[: max(place + len(text), len("".join(covered)))]]
        assert weight(passage) <= MAX_PASSAGE + 2 * WORD
        assert segments[0].start <= passage.start <= passage.end <= clock
    assert "".join(covered) == everything
    for before, after in pairwise(passages):
        assert before.start <= after.start
        assert before.end <= after.end
