"""Words as the keyword index sees them: lower case, without accents, stemmed; questions parsed; found words marked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, cast

import apsw

from halfgig.errors import BadRequest
from halfgig.retrieval.passages import UNSPACED_CHARACTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_WORDS = 64  # of one question; more would say no more, and make a slow query

# The tokenizer of the keyword index, told to FTS5 and used here, so that what is found is what is marked.
TOKENIZER = ("porter", "unicode61", "remove_diacritics", "2")
UNSTEMMED = TOKENIZER[1:]

# English words that nearly every passage holds: as keywords they only add noise, and slow the query down.
_FILLERS = (
    "a about an and any are as at be been but by can could did do does for from had has have he her his how i if in "
    "into is it its me my no not of on or our she should so some than that the their them then there these they this "
    "those to us was we were what when where which who whom whose why will with would you your"
)
_QUOTED = re.compile(r'["“”„«»]')


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a text: characters `start` to `end`, and the stem under which it is indexed."""

    start: int
    end: int
    stem: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing to look for: a run of words as typed, and their stems in order; with `open_end` only its beginning.

    A word of Chinese or Japanese is a run of several stems, because it is indexed by character.
    """

    text: str = field(compare=False)
    stems: tuple[str, ...]
    open_end: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the text as typed, its words (any may be found), its `phrases` (all must be).

    `choices` has for each word that was typed what may stand for it: itself, or what it was read as. `mended` tells the
    slips of the pen: as typed, and as read.
    """

    text: str
    choices: tuple[tuple[Asked, ...], ...]
    phrases: tuple[Asked, ...] = ()
    mended: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> tuple[Asked, ...]:
        """Every word that is looked for."""
        return _distinct(word for choice in self.choices for word in choice)

    @property
    def meant(self) -> str:
        """The text without its slips."""
        text = self.text
        for typed, read in self.mended:
            text = re.sub(rf"\b{re.escape(typed)}\b", lambda _, read=read: read, text)  # type: ignore[misc]
        return text


def parse_question(text: str) -> Question:
    """Parse what a person typed; parts in double quotes are phrases. BadRequest where it holds no word at all."""
    parts = _QUOTED.split(text)
    closed = len(parts) % 2 == 1  # a lone quote opens nothing
    loose = " ".join(parts[::2]) if closed else " ".join(parts)
    quoted = parts[1::2] if closed else []
    phrases = [phrase for phrase in map(_phrase, quoted) if phrase.stems]
    words = telling(list(_words(loose)), alone=not phrases)
    if not words and not phrases:
        raise BadRequest("The question holds no word to search for.", "Type a word that was said, or a question.")
    return Question(text.strip(), tuple((word,) for word in _distinct(words)), _distinct(phrases))


def _distinct(runs: Iterable[Asked]) -> tuple[Asked, ...]:
    return tuple(islice(dict.fromkeys(runs), MAX_WORDS))


def _phrase(text: str, *, open_end: bool = False) -> Asked:
    terms = list(find_terms(text))
    typed = " ".join(text[term.start : term.end] for term in terms)
    return Asked(typed, tuple(term.stem for term in terms), open_end)


def one_word(text: str) -> Asked:
    """A single word to look for."""
    return _phrase(text)


def _words(text: str) -> Iterator[Asked]:
    """Yield the words, characters of a script without spaces that touch being one; an asterisk ends a beginning."""
    terms = list(find_terms(text))
    breaks = [n for n in range(1, len(terms)) if not _one_word(text, terms[n - 1], terms[n])]
    for first, after in pairwise([0, *breaks, len(terms)]):
        if first < after:
            end = terms[after - 1].end
            yield _phrase(text[terms[first].start : end], open_end=text.startswith("*", end))


def _one_word(text: str, left: Term, right: Term) -> bool:
    touching = left.end == right.start
    return touching and all(UNSPACED_CHARACTER.match(text[term.start]) for term in (left, right))


def telling(words: Sequence[Asked], *, alone: bool) -> list[Asked]:
    """Leave out filler words, unless nothing else is asked."""
    told = [word for word in words if word.stems not in _filler_stems()]
    return told or (list(words) if alone else [])


@cache
def _filler_stems() -> frozenset[tuple[str, ...]]:
    return frozenset((term.stem,) for term in find_terms(_FILLERS))


def find_terms(text: str) -> Iterator[Term]:
    """Yield the terms of a text in order, with their places in it; an unspaced script's characters one by one."""
    place = 0
    for piece in spaced(text).split(" "):
        place = text.index(piece, place)
        raw = piece.encode("utf-8", "replace")
        for start, end, stem in _tokens(raw, TOKENIZER):
            first = place + len(raw[:start].decode())
            yield Term(first, first + len(raw[start:end].decode()), stem)
        place += len(piece)


def find_words(text: str) -> list[str]:
    """The words of a text in lower case and without accents, as they are written and not as they are stemmed.

    Left out is what nobody misspells: numbers, what is shorter than three letters, scripts without spaces.
    """
    found = (word for _, _, word in _tokens(text.encode("utf-8", "replace"), UNSTEMMED))
    return [word for word in found if word.isalpha() and len(word) >= 3 and not UNSPACED_CHARACTER.search(word)]


def _tokens(raw: bytes, tokenizer: tuple[str, ...]) -> list[tuple[int, int, str]]:
    return cast("list[tuple[int, int, str]]", _tokenizer(tokenizer)(raw, apsw.FTS5_TOKENIZE_DOCUMENT, None))


def spaced(text: str) -> str:
    """Set the characters of scripts without spaces apart, as the keyword index wants them."""
    return UNSPACED_CHARACTER.sub(lambda character: f" {character[0]} ", text)


@cache
def _tokenizer(tokenizer: tuple[str, ...]) -> apsw.FTS5Tokenizer:
    name, *arguments = tokenizer
    return apsw.Connection(":memory:").fts5_tokenizer(name, arguments)


def mark(text: str, question: Question) -> str:
    """The text with every word of the question between `[[` and `]]`; phrases are marked as a whole."""
    terms = list(find_terms(text))
    places = _stem_places(terms)
    spans = [span for run in (*question.words, *question.phrases) for span in _spans(terms, places, run.stems)]
    marked, place = [], 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= place:
            marked += [text[place:start], "[[", text[start:end], "]]"]
            place = end
    return "".join([*marked, text[place:]])


def find_runs(text: str, question: Question) -> int:
    """How many of the question's words and phrases a text holds."""
    terms = list(find_terms(text))
    places = _stem_places(terms)
    runs = (*question.words, *question.phrases)
    return sum(next(_spans(terms, places, run.stems), None) is not None for run in runs)


def _stem_places(terms: Sequence[Term]) -> dict[str, list[int]]:
    """Where in a text each stem is, as numbers of terms."""
    places: dict[str, list[int]] = {}
    for number, term in enumerate(terms):
        places.setdefault(term.stem, []).append(number)
    return places


def _spans(terms: Sequence[Term], places: dict[str, list[int]], run: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield from where to where the run of stems stands, in characters."""
    for first in places.get(run[0], ()):
        last = first + len(run) - 1
        if last < len(terms) and all(terms[first + n].stem == stem for n, stem in enumerate(run)):
            yield terms[first].start, terms[last].end
