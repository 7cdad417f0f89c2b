"""Passages, words and vectors as Postgres reads and writes them."""

from __future__ import annotations

import re
import sys
from array import array
from typing import TYPE_CHECKING, Any

from halfgig.records import Passage
from halfgig.retrieval.index import EVERYWHERE, Bounds
from halfgig.retrieval.services import numbers_of
from halfgig.retrieval.vocabulary import MOST_LETTERS
from halfgig.retrieval.words import find_terms, find_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from halfgig.records import Floats
    from halfgig.retrieval.words import Asked, Question

MOST_STEM = 200  # characters of a stem that are kept; Postgres takes 2,046 bytes
MOST_PLACE = 16_383  # of a word in a text, by Postgres; later ones count as there


def condition(bounds: Bounds) -> str:
    """The SQL condition of rows within bounds; empty where there are none."""
    of_sources = "source_id = ANY(%(sources)s)" if bounds.sources is not None else ""
    timed = (bounds.after, bounds.before) != (EVERYWHERE.after, EVERYWHERE.before)
    return " AND ".join(filter(None, (of_sources, '"end" > %(after)s AND "start" < %(before)s' if timed else "")))


def values_of(bounds: Bounds) -> dict[str, Any]:
    """The values of `condition`."""
    return {"sources": list(bounds.sources or ()), "after": bounds.after, "before": bounds.before}


def columns(passage: Passage, vector: Floats) -> tuple[int, float, float, str, str, str]:
    """A passage and its vector as COPY brings them in."""
    times = passage.start, passage.end
    return passage.number, *times, _escaped(passage.text), lexemes(passage.text), written(vector)


def passage_of(row: tuple[Any, ...]) -> Passage:
    """The passage of a row that begins with its number, times and text."""
    return Passage(row[0], row[1], row[2], unescaped(row[3]))


def written(vector: Floats) -> str:
    """A vector as pgvector reads it."""
    return f"[{','.join(map(repr, numbers_of(vector)))}]"


def read_vector(sent: bytes) -> Floats:
    """A vector as pgvector sends it: two numbers of 16 bits, then float32, all big-endian."""
    numbers = array("f", bytes(sent[4:]))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def lexemes(text: str) -> str:
    """The stems of a text with their places, as a tsvector is written."""
    places: dict[str, list[str]] = {}
    for place, term in enumerate(find_terms(text), start=1):
        places.setdefault(term.stem[:MOST_STEM], []).append(str(min(place, MOST_PLACE)))
    return " ".join(f"{_quoted(stem)}:{','.join(at)}" for stem, at in places.items())


def query_of(run: Asked) -> str:
    """A run of words as a tsquery."""
    return phrase(run.stems)


def phrase(stems: Iterable[str]) -> str:
    """Stems that stand one after another, as a tsquery."""
    return " <-> ".join(_quoted(stem[:MOST_STEM]) for stem in stems)


def expression_of(question: Question) -> str:
    """The question as a tsquery: every phrase, and any word."""
    anything = " | ".join(f"({query_of(run)})" for run in (*question.phrases, *question.words))
    return " & ".join([*(f"({query_of(run)})" for run in question.phrases), f"({anything})"])


def _quoted(stem: str) -> str:
    return "'" + stem.replace("\\", "\\\\").replace("'", "''") + "'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\0", "\\0")


def unescaped(text: str) -> str:
    """A text of a passage as it was before it was escaped."""
    return re.sub(r"\\(.)", lambda found: "\0" if found[1] == "0" else found[1], text) if "\\" in text else text


def runs_of(word: str) -> list[str]:
    """The runs of three letters that a word has, with a space before and after it."""
    padded = f" {word} "
    return sorted({padded[place : place + 3] for place in range(len(padded) - 2)})


def every_word(text: str, besides: set[str]) -> set[str]:
    """The words of a text that are kept for beginnings and slips."""
    return {word for word in find_words(text) if len(word) <= MOST_LETTERS} - besides
