"""The exact index in memory that the others are held to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from halfgig.retrieval.index import EVERYWHERE, Bounds, Found, accept, best_possible, check_vector, rarity
from halfgig.retrieval.words import find_terms, find_words, one_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from halfgig.records import Floats, Passage, Seconds, Vector
    from halfgig.retrieval.index import Confirm, Embedded, EmbeddingModel
    from halfgig.retrieval.words import Question


class ExactIndex:
    """An index in memory that compares with every passage: small, plain, and the truth in tests."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.model: EmbeddingModel | None = model
        self._passages: dict[str, list[tuple[Passage, Vector]]] = {}
        self._learnt: list[str] = []

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Put these passages in the place of all that the source had."""
        arrived = []
        for passage, vector in embedded:
            check_vector(vector, self.model)
            arrived.append((passage, np.asarray(vector)))
        confirm()
        self._passages[source_id] = arrived
        return len(arrived)

    def remove(self, source_id: str, confirm: Confirm = accept) -> int:
        """Forget the source's passages."""
        confirm()
        return len(self._passages.pop(source_id, []))

    def nearest(self, vector: Floats, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest cosine."""
        check_vector(vector, self.model)
        asked = np.asarray(vector)
        found = [Found(owner, passage, _cosine(own, asked)) for owner, passage, own in self._within(bounds)]
        return sorted(found, key=lambda one: -one.score)[:k]

    def matching(self, question: Question, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest bm25 (k1 1.2, b 0.75, as FTS5 has it)."""
        rows = [(owner, passage, [term.stem for term in find_terms(passage.text)]) for owner, passage, _ in self._all()]
        asked = [*question.phrases, *question.words]
        counts = [[_occurrences(stems, run.stems) for run in asked] for _, _, stems in rows]
        mean = sum(len(stems) for _, _, stems in rows) / max(len(rows), 1)
        weights = [rarity(sum(1 for row in counts if row[n]), len(rows)) for n in range(len(asked))]
        whole = best_possible(question, dict(zip(asked, weights, strict=True)).__getitem__)
        found = [
            Found(owner, passage, sum(map(_saturated, row, weights, [len(stems) / mean] * len(row))))
            for (owner, passage, stems), row in zip(rows, counts, strict=True)
            if bounds.hold(owner, passage) and _answers(row, len(question.phrases))
        ]
        best = sorted(found, key=lambda one: -one.score)[:k]
        return [replace(one, share=min(one.score / whole, 1.0)) for one in best]

    def vector_at(self, source_id: str, at: Seconds) -> tuple[Passage, Floats] | None:
        """The passage said at this second of a source, else the next one, and its vector; None after the last."""
        rows = self._passages.get(source_id, [])
        return next(((passage, vector) for passage, vector in rows if passage.end > at), None)

    def passages(self, source_id: str) -> Iterator[Passage]:
        """Yield the source's passages, in order."""
        return (passage for passage, _ in self._passages.get(source_id, []))

    def embedded(self, source_id: str) -> Iterator[tuple[Passage, Floats]]:
        """Yield the source's passages with their vectors."""
        yield from self._passages.get(source_id, [])

    def sources(self) -> list[str]:
        """Ids of the sources that have passages, in order."""
        return sorted(source_id for source_id, rows in self._passages.items() if rows)

    def learn(self, words: Callable[[], Iterable[str]]) -> None:
        """Words that are no slips; called for once only."""
        self._learnt = self._learnt or list(words())

    def learnt(self) -> list[str]:
        """What was learnt, in its order."""
        return list(self._learnt)

    def knows(self, word: str) -> bool:
        """Whether any passage holds the word, in whatever form, or it was learnt."""
        if word in self._learnt:
            return True
        (stem,) = one_word(word).stems
        return any(term.stem == stem for _, passage, _ in self._all() for term in find_terms(passage.text))

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words of the passages that begin with these letters, shortest first."""
        begun = {word for word in self._words() if word.startswith(prefix)}
        return sorted(begun, key=lambda word: (len(word), word))[:limit]

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share runs of three letters with this one: of the passages, those that share most first, then
        those that were learnt.
        """
        shared = {other: len(_runs(word) & _runs(other)) for other in self._words()}
        near = sorted((other for other in shared if shared[other]), key=lambda other: -shared[other])
        learnt = (other for other in self._learnt if other not in shared and _runs(word) & _runs(other))
        return [*near, *learnt][:limit]

    def _words(self) -> set[str]:
        return {word for _, passage, _ in self._all() for word in find_words(passage.text)}

    def _within(self, bounds: Bounds) -> Iterator[tuple[str, Passage, Vector]]:
        return (row for row in self._all() if bounds.hold(row[0], row[1]))

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        return sum(1 for _ in self._all(source_id))

    def notes(self) -> list[str]:
        """None."""
        return []

    def find_faults(self) -> Iterator[str]:
        """None: there is one list."""
        return iter(())

    def tidy(self) -> int:
        """Nothing is left of what is removed."""
        return 0

    def _all(self, source_id: str | None = None) -> Iterator[tuple[str, Passage, Vector]]:
        for owner, rows in self._passages.items():
            if source_id in (None, owner):
                yield from ((owner, passage, vector) for passage, vector in rows)


def _cosine(a: Vector, b: Vector) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _runs(word: str) -> set[str]:
    padded = f" {word} "
    return {padded[place : place + 3] for place in range(len(padded) - 2)}


def _occurrences(stems: list[str], run: tuple[str, ...]) -> int:
    return Counter(zip(*(stems[n:] for n in range(len(run))), strict=False))[run]


def _saturated(count: int, weight: float, length: float) -> float:
    return weight * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length))


def _answers(counts: list[int], phrases: int) -> bool:
    return all(counts[:phrases]) if phrases else any(counts)
