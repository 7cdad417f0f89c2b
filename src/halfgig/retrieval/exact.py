"""The exact index in memory that the others are held to."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from halfgig.retrieval.index import Found, accept, check_vector
from halfgig.retrieval.words import find_terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import Floats, Passage, Vector
    from halfgig.retrieval.index import Confirm, Embedded, EmbeddingModel
    from halfgig.retrieval.words import Question


class ExactIndex:
    """An index in memory that compares with every passage: small, plain, and the truth in tests."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.model: EmbeddingModel | None = model
        self._passages: dict[str, list[tuple[Passage, Vector]]] = {}

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Put these passages in the place of all that the source had."""
        arrived = []
        for passage, vector in embedded:
            check_vector(vector, self.model)
            arrived.append((passage, np.asarray(vector)))
        confirm()
        self._passages[source_id] = arrived
        return len(arrived)

    def remove(self, source_id: str) -> int:
        """Forget the source's passages."""
        return len(self._passages.pop(source_id, []))

    def nearest(self, vector: Floats, k: int, source_id: str | None = None) -> list[Found]:
        """The k passages with the highest cosine."""
        check_vector(vector, self.model)
        asked = np.asarray(vector)
        found = [Found(owner, passage, _cosine(own, asked)) for owner, passage, own in self._all(source_id)]
        return sorted(found, key=lambda one: -one.score)[:k]

    def matching(self, question: Question, k: int, source_id: str | None = None) -> list[Found]:
        """The k passages with the highest bm25 (k1 1.2, b 0.75, as FTS5 has it)."""
        rows = [(owner, passage, [term.stem for term in find_terms(passage.text)]) for owner, passage, _ in self._all()]
        asked = [*question.phrases, *question.words]
        counts = [[_occurrences(stems, run.stems) for run in asked] for _, _, stems in rows]
        mean = sum(len(stems) for _, _, stems in rows) / max(len(rows), 1)
        rarity = [_rarity(sum(1 for row in counts if row[n]), len(rows)) for n in range(len(asked))]
        found = [
            Found(owner, passage, sum(map(_saturated, row, rarity, [len(stems) / mean] * len(row))))
            for (owner, passage, stems), row in zip(rows, counts, strict=True)
            if owner == (source_id or owner) and _answers(row, len(question.phrases))
        ]
        return sorted(found, key=lambda one: -one.score)[:k]

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        return sum(1 for _ in self._all(source_id))

    def _all(self, source_id: str | None = None) -> Iterator[tuple[str, Passage, Vector]]:
        for owner, rows in self._passages.items():
            if source_id in (None, owner):
                yield from ((owner, passage, vector) for passage, vector in rows)


def _cosine(a: Vector, b: Vector) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _occurrences(stems: list[str], run: tuple[str, ...]) -> int:
    return Counter(zip(*(stems[n:] for n in range(len(run))), strict=False))[run]


def _rarity(passages: int, of: int) -> float:
    return max(math.log((of - passages + 0.5) / (passages + 0.5)), 1e-6)


def _saturated(count: int, rarity: float, length: float) -> float:
    return rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length))


def _answers(counts: list[int], phrases: int) -> bool:
    return all(counts[:phrases]) if phrases else any(counts)
