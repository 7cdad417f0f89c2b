"""Slips of the pen: how far one word is from another, and which word was most likely meant."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST = 4  # letters: a shorter word is one slip away from too many others
LONG = 12  # letters: so long a word may hold two slips; shorter ones that differ by two are mostly other words
MOST_MEANT = 3  # words that are equally near are all looked for, up to these


def allowed(word: str) -> int:
    """How many slips a word of this length may hold."""
    return 0 if len(word) < LEAST else 1 if len(word) < LONG else 2


def slips_between(a: str, b: str, most: int) -> int:
    """Letters left out, put in, mistaken or swapped with their neighbour; `most` + 1 for anything above `most`.

    The restricted edit distance (optimal string alignment), given up as soon as a row is past `most`.
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before, row = [most + 1] * (len(b) + 1), list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        after = [i]
        for j, other in enumerate(b, 1):
            cost = min(row[j] + 1, after[j - 1] + 1, row[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            after.append(cost)
        if min(after) > most:
            return most + 1
        before, row = row, after
    return min(row[-1], most + 1)


def _is_form(word: str, other: str) -> bool:
    return abs(len(word) - len(other)) == 1 and (word.startswith(other) or other.startswith(word))


def likely_meant(word: str, candidates: Iterable[str]) -> list[str]:
    """The candidates nearest to the word, up to three, of which the first is likeliest; none where all are too far.

    Among equals those with the same first letter come first, since that is seldom mistaken, then those given earlier.
    What is a candidate with one more letter or less at its end is another form of it (steely, steel), and no slip.
    """
    most = allowed(word)
    others = [other for other in candidates if abs(len(other) - len(word)) <= most]
    if any(_is_form(word, other) for other in others):
        return []
    measured = ((slips_between(word, other, most), other[:1] != word[:1], other) for other in others)
    near = sorted((one for one in measured if one[0] <= most), key=lambda one: one[:2])
    return [other for _, _, other in takewhile(lambda one: one[:2] == near[0][:2], near)][:MOST_MEANT]
