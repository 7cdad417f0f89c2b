from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.speech.segments import Decoding, accounts_for, compression_ratio, split_segments
from halfgig.speech.tokens import decode, is_special
from halfgig.speech.vad import CHUNK
from halfgig.speech.windows import CHUNKS_PER_SECOND, Span, Window

pieces = st.lists(
    st.one_of(
        st.sampled_from(["ĠHello", ",", "Ġworld", "Ġ", "."]),
        st.integers(0, 1500).map(lambda n: f"<|{n / 50:.2f}|>"),
    ),
    max_size=20,
)


def decoding(*tokens: str, avg_logprob: float = -0.3, no_speech_prob: float = 0.0) -> Decoding:
    return Decoding(tokens, tuple(range(100, 100 + len(tokens))), avg_logprob, no_speech_prob)


def speech(seconds: float, spoken: float | None = None) -> Window:
    """A window of which the first `spoken` seconds are speech."""
    count = round(seconds * CHUNKS_PER_SECOND)
    loud = count if spoken is None else round(spoken * CHUNKS_PER_SECOND)
    probabilities = np.array([0.9] * loud + [0.1] * (count - loud), np.float32)
    return Window(np.zeros(count * CHUNK, np.float32), (Span(0, 0, count * CHUNK),), probabilities)


def test_segments_stand_between_timestamps() -> None:
    given_tokens = ("<|0.00|>", "ĠHello", ".", "<|1.00|>", "<|1.50|>", "ĠBye", "<|2.00|>")
    first, second = split_segments(decoding(*given_tokens), 5.0)
    assert (first.start, first.end, first.text, first.tokens) == (0.0, 1.0, "Hello.", (101, 102))
    assert (second.start, second.end, second.text, second.tokens) == (1.5, 2.0, "Bye", (105,))


def test_text_without_timestamps_lasts_as_long_as_the_window() -> None:
    [segment] = split_segments(decoding("ĠHello"), 5.0)
    assert (segment.start, segment.end) == (0.0, 5.0)
    [_, last] = split_segments(decoding("<|0.00|>", "ĠA", "<|1.00|>", "ĠB"), 5.0)
    assert (last.start, last.end, last.text) == (1.0, 5.0, "B")


def test_timestamps_past_the_window_are_held_at_its_end() -> None:
    [segment] = split_segments(decoding("<|0.00|>", "ĠA", "<|29.00|>"), 5.0)
    assert segment.end == 5.0


def test_segments_carry_whispers_own_figures() -> None:
    [segment] = split_segments(Decoding(("ĠA",), (7,), -0.5, 0.2, 0.4), 1.0)
    assert (segment.avg_logprob, segment.no_speech_prob, segment.temperature) == (-0.5, 0.2, 0.4)


@given(pieces, st.floats(0.5, 30))
def test_segments_have_length_text_and_the_tokens_of_their_text(tokens: list[str], duration: float) -> None:
    for segment in split_segments(decoding(*tokens), duration):
        assert 0 <= segment.start < segment.end <= duration
        assert segment.text == segment.text.strip() != ""
        assert decode(tokens[n - 100] for n in segment.tokens).strip() == segment.text


@given(pieces)
def test_the_text_of_a_decoding_is_that_of_its_tokens(tokens: list[str]) -> None:
    assert decoding(*tokens).text == decode(t for t in tokens if not is_special(t)).strip()


@pytest.mark.parametrize(
    ("text", "least", "most"), [("", 0, 0), ("a", 0, 0.2), ("The quick brown fox.", 0.5, 1), ("so " * 80, 10, 30)]
)
def test_repetition_shows_in_the_compression(text: str, least: float, most: float) -> None:
    assert least <= compression_ratio(text) <= most


def test_loops_and_guesses_are_not_sound() -> None:
    assert decoding("ĠHello").is_sound
    assert not decoding(*["ĠHello"] * 60).is_sound
    assert not decoding("ĠHello", avg_logprob=-1.1).is_sound


def test_silence_is_where_nobody_is_heard_and_the_text_is_a_guess() -> None:
    assert decoding("ĠYou", avg_logprob=-1.1, no_speech_prob=0.7).is_silence
    assert not decoding("ĠYou", avg_logprob=-0.9, no_speech_prob=0.7).is_silence
    assert not decoding("ĠYou", avg_logprob=-1.1, no_speech_prob=0.5).is_silence


TEN_WORDS = ("Ġword",) * 10  # 49 bytes


def test_text_at_a_human_rate_accounts_for_the_speech() -> None:
    segments = list(split_segments(decoding("<|0.00|>", *TEN_WORDS, "<|4.00|>"), 4.0))
    assert accounts_for(speech(4.0), segments)


def test_sparse_text_does_not() -> None:
    segments = list(split_segments(decoding("<|0.00|>", *TEN_WORDS, "<|14.00|>"), 14.0))
    assert not accounts_for(speech(14.0), segments)
    assert accounts_for(speech(14.0, spoken=4.0), segments)


def test_speech_after_the_last_timestamp_is_unheard() -> None:
    segments = list(split_segments(decoding("<|0.00|>", *TEN_WORDS, "<|4.00|>"), 8.0))
    assert not accounts_for(speech(8.0), segments)
    assert accounts_for(speech(5.0), segments)


def test_no_text_accounts_for_no_more_than_a_moment_of_speech() -> None:
    assert accounts_for(speech(8.0, spoken=1.4), [])
    assert not accounts_for(speech(8.0), [])
