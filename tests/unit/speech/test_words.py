from __future__ import annotations

import pytest

from halfgig.records import Word
from halfgig.speech.segments import Decoding, split_segments
from halfgig.speech.words import Alignment, make_words, token_times, with_words


def every_tenth(count: int) -> list[Alignment]:
    """Token n lasts from n / 10 to (n + 1) / 10 seconds."""
    return [Alignment(n / 10, (n + 1) / 10, 0.5) for n in range(count)]


def words(tokens: list[str], *, spaced: bool = True) -> list[str]:
    return [word.text for word in make_words(tokens, every_tenth(len(tokens)), spaced=spaced)]


def test_a_token_lasts_until_the_next_begins() -> None:
    path = [(0, 0), (0, 1), (1, 5), (1, 6), (2, 10), (2, 12)]
    times = token_times(path, [0.9, 0.8])
    assert [(a.start, a.end, a.probability) for a in times] == [(0.0, 0.1, 0.9), (0.1, 0.2, 0.8)]


def test_tokens_off_the_path_stand_at_its_end_and_never_run_backwards() -> None:
    times = token_times([(0, 3), (2, 9)], [0.9, 0.8, 0.7])
    assert all(a.end >= a.start for a in times)
    assert token_times([], []) == []


def test_words_are_cut_at_spaces() -> None:
    assert words(["Ġstew", "ĠG", "ig", ",", "Ġthen"]) == [" stew", " Gig,", " then"]
    assert words([]) == []
    assert words(["Ġ", "Ġa"]) == [" a"]


def test_a_word_lasts_from_its_first_token_to_its_last() -> None:
    [_, word] = make_words(["ĠA", "ĠG", "ig", ","], every_tenth(4), spaced=True)
    assert (word.start, word.end, word.probability) == (0.1, 0.4, 0.5)


def test_scripts_without_spaces_are_cut_at_whole_characters() -> None:
    # 今 is the tokens ä»Ĭ; here it comes in two pieces, which make one character only together.
    assert words(["ä»", "Ĭ", "æĹ¥", "ãĢĤ"], spaced=False) == ["今", "日。"]


def decoding(*tokens: str) -> Decoding:
    return Decoding(tokens, tuple(range(100, 100 + len(tokens))), -0.3, 0.0)


def test_segments_get_their_words_and_shrink_to_them() -> None:
    heard = decoding("<|0.00|>", "ĠA", "Ġb", "<|1.00|>", "<|1.00|>", "Ġc", "<|2.00|>")
    first, second = with_words(split_segments(heard, 2.0), heard, every_tenth(3), "en")
    assert first.words == (Word(0.0, 0.1, " A", 0.5), Word(0.1, 0.2, " b", 0.5))
    assert (first.start, first.end) == (0.0, 0.2)
    assert [second.start, second.end] == pytest.approx([0.2, 0.3])
    assert second.words[0].text == " c"


def test_a_piece_without_length_shifts_no_word() -> None:
    heard = decoding("<|0.00|>", "ĠA", "<|1.00|>", "Ġlost", "<|1.00|>", "Ġb", "<|2.00|>")
    segments = with_words(split_segments(heard, 2.0), heard, every_tenth(3), "en")
    assert [word.text for segment in segments for word in segment.words] == [" A", " b"]
    assert segments[1].words[0].start == pytest.approx(0.2)


def test_a_segment_without_alignment_keeps_its_times() -> None:
    heard = decoding("<|0.00|>", "ĠA", "<|1.00|>")
    [segment] = with_words(split_segments(heard, 2.0), heard, [], "en")
    assert (segment.start, segment.end, segment.words) == (0.0, 1.0, ())
