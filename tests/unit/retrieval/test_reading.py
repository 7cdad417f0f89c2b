from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.errors import BadRequest
from halfgig.retrieval.reading import MOST_ENDINGS, read_question
from halfgig.retrieval.words import find_words

if TYPE_CHECKING:
    from halfgig.retrieval.words import Question

HELD = ("rainbow", "rain", "railway", "what", "lobster", "monster", "crème")


class ToyVocabulary:
    """Knows a few words, and looks at all of them."""

    words = tuple(folded for word in HELD for folded in find_words(word))

    def knows(self, word: str) -> bool:
        return word.removesuffix("s") in self.words

    def beginning(self, prefix: str, limit: int) -> list[str]:
        return [word for word in self.words if word.startswith(prefix)][:limit]

    def resembling(self, word: str, limit: int) -> list[str]:
        return list(self.words)[:limit]


def read(text: str) -> Question:
    return read_question(text, ToyVocabulary())


def choices(text: str) -> list[list[str]]:
    return [[word.text for word in choice] for choice in read(text).choices]


def test_what_is_known_is_left_as_it_is() -> None:
    question = read("The Rainbows and lobster")
    assert [word.text for word in question.words] == ["Rainbows", "lobster"]
    assert (question.mended, question.meant) == ((), "The Rainbows and lobster")


def test_a_slip_is_read_as_what_it_is_nearest_to() -> None:
    question = read("where is the lobtser, the Rianbow?")
    assert [word.text for word in question.words] == ["lobster", "rainbow"]
    assert question.mended == (("lobtser", "lobster"), ("Rianbow", "rainbow"))
    assert question.meant == "where is the lobster, the rainbow?"


def test_what_resembles_nothing_stays() -> None:
    assert choices("zebra crossing") == [["zebra"], ["crossing"]]


def test_a_slip_in_a_filler_word_is_a_filler_word() -> None:
    assert choices("waht lobster") == [["lobster"]]
    assert choices("waht") == [["what"]]


def test_a_beginning_is_filled_out() -> None:
    assert choices("rai* lobster") == [["rainbow", "rain", "railway"], ["lobster"]]
    assert choices("zeb*") == [["zeb"]]
    assert choices("CRÈ*") == [["creme"]]
    assert len(choices("rai*")[0]) <= MOST_ENDINGS


def test_a_beginning_of_two_letters_is_a_word() -> None:
    assert choices("ra*") == [["ra"]]


def test_phrases_numbers_and_unspaced_scripts_are_taken_by_the_letter() -> None:
    question = read('"rianbow lobtser" 1234 彩虹')
    assert [phrase.text for phrase in question.phrases] == ["rianbow lobtser"]
    assert [word.text for word in question.words] == ["1234", "彩 虹"]
    assert question.mended == ()


def test_no_word_is_refused() -> None:
    with pytest.raises(BadRequest, match="no word"):
        read("?!")
