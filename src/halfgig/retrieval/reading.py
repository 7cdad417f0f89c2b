"""A question read against what an index holds: its slips mended, its beginnings of words filled out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from halfgig.retrieval.slips import allowed, likely_meant
from halfgig.retrieval.words import find_words, one_word, parse_question, telling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.retrieval.words import Asked, Question

MOST_ENDINGS = 32  # words that a beginning stands for
RESEMBLING = 100  # words that are looked at closely where one is unknown


class Vocabulary(Protocol):
    """What an index can tell of its words."""

    def knows(self, word: str) -> bool:
        """Whether the word is no slip."""
        ...

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words that begin so."""
        ...

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that look alike."""
        ...


def read_question(text: str, vocabulary: Vocabulary) -> Question:
    """Parse what a person typed, and read words that nothing holds as those that look most like them.

    Phrases in quotes are taken by the letter. BadRequest where the text holds no word at all.
    """
    question = parse_question(text)
    read = [(word, _read(word, vocabulary)) for word in question.words]
    mended = tuple((word.text, choice[0].text) for word, choice in read if _is_mended(word, choice))
    alone = not question.phrases and all(not telling(choice, alone=False) for _, choice in read)
    choices = (tuple(telling(choice, alone=alone)) for _, choice in read)
    return replace(question, choices=tuple(filter(None, choices)), mended=mended)


def _read(word: Asked, vocabulary: Vocabulary) -> tuple[Asked, ...]:
    """What may stand for a word: itself where it is known or nothing is near."""
    (folded, *more) = find_words(word.text) or [""]
    if more or not folded:
        return (word,)
    found = _endings(folded, vocabulary) if word.open_end else _mend(folded, vocabulary)
    return tuple(dict.fromkeys(found)) or (replace(word, open_end=False),)


def _endings(folded: str, vocabulary: Vocabulary) -> Iterator[Asked]:
    return map(one_word, vocabulary.beginning(folded, MOST_ENDINGS))


def _mend(folded: str, vocabulary: Vocabulary) -> Iterator[Asked]:
    if not allowed(folded) or vocabulary.knows(folded):
        return iter(())
    return map(one_word, likely_meant(folded, vocabulary.resembling(folded, RESEMBLING)))


def _is_mended(word: Asked, choice: tuple[Asked, ...]) -> bool:
    return not word.open_end and word.stems not in {one.stems for one in choice}
