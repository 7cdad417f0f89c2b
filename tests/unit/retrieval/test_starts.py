from __future__ import annotations

from halfgig.records import Passage, Segment, Word
from halfgig.retrieval.starts import best_start
from halfgig.retrieval.words import parse_question

PASSAGE = Passage(0, 10.0, 40.0, "...")


def spoken(start: float, text: str) -> Segment:
    """A segment whose words last a second each."""
    words = tuple(Word(start + n, start + n + 1, f" {word}", 1.0) for n, word in enumerate(text.split()))
    return Segment(start, start + len(words), f" {text}", words)


def start(question: str, *segments: Segment) -> float:
    return best_start(PASSAGE, segments, parse_question(question))


def test_it_is_where_the_sentence_begins_that_holds_most() -> None:
    said = spoken(10.0, "The cat slept. The black cat sat. A dog came.")
    assert start("black cat", said) == 13.0
    assert start("dogs", said) == 17.0
    assert start("cat", said) == 10.0


def test_a_segment_without_times_of_words_is_taken_whole() -> None:
    assert start("dog", Segment(11.0, 15.0, "A cat. A dog."), Segment(16.0, 18.0, "Dogs.")) == 11.0


def test_phrases_count_as_they_are() -> None:
    said = spoken(10.0, "The cat is black. The black cat sat.")
    assert start('"black cat"', said) == 14.0


def test_without_any_word_it_is_where_the_passage_begins() -> None:
    assert start("zebra", spoken(12.0, "A cat.")) == 10.0
    assert start("zebra") == 10.0


def test_what_is_said_outside_the_passage_does_not_count() -> None:
    assert start("cat", spoken(8.0, "A cat."), spoken(38.0, "No dog. A cat.")) == 10.0
