"""The port that every index of passages fits, what it finds, and the exact in-memory index the others are held to."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from halfgig.errors import BadRequest
from halfgig.retrieval.words import find_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from halfgig.records import Passage, Vector
    from halfgig.retrieval.words import Question

    Embedded: TypeAlias = Iterable[tuple[Passage, Vector]]
    Confirm: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """Which model made an index's vectors, and their length. Vectors of two models cannot be compared."""

    name: str
    dim: int


@dataclass(frozen=True, slots=True)
class Found:
    """A passage an index found, and how well it fits: higher is better, comparable within one ranking only."""

    source_id: str
    passage: Passage
    score: float


def accept() -> None:
    """Confirm without a condition."""


class Index(Protocol):
    """Passages with vectors, by source.

    An adapter whose service holds vectors only (Pinecone, Qdrant) keeps texts and keywords in the library's own
    database and answers `nearest` by looking up there what the service names as `source_id#number`.
    """

    model: EmbeddingModel | None  # None until something is indexed

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Put these passages in the place of all that the source had, and return how many they are.

        Streams its input; a search sees the old passages until the last new one has arrived, and then only the
        new. `confirm` is called at that moment, within the transaction where there is one (`Library.finish` belongs
        here). If it or the input raises, or the process dies, the old ones stay. BadRequest where a dim is wrong.
        """
        ...

    def remove(self, source_id: str) -> int:
        """Forget the source's passages and return how many they were; 0 where it had none."""
        ...

    def nearest(self, vector: Vector, k: int, source_id: str | None = None) -> list[Found]:
        """The k passages, of one source or of all, nearest to this vector, best first; scores are cosines."""
        ...

    def matching(self, question: Question, k: int, source_id: str | None = None) -> list[Found]:
        """The k passages that hold every phrase of the question, or where it has none any word, best first."""
        ...

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        ...


def check_model(wanted: EmbeddingModel, recorded: EmbeddingModel) -> None:
    """BadRequest unless the index was made by the model that is wanted."""
    if wanted != recorded:
        raise BadRequest(
            f"The index was made with {recorded.name} (dim {recorded.dim}), not with {wanted.name} (dim {wanted.dim}).",
            f"Use {recorded.name}, or remove the sources from the library and index them again.",
        )


def check_vector(vector: Vector, model: EmbeddingModel | None) -> None:
    """BadRequest unless the vector is (dim,) and finite."""
    if model is None:
        raise BadRequest("The index was opened without an embedding model.", "Open it with the model to index with.")
    if vector.shape != (model.dim,) or not np.isfinite(vector).all():
        raise BadRequest(
            f"The index holds finite vectors of {model.dim} numbers; this one is of shape {vector.shape}.",
            "Embed with the model the index was made with.",
        )


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
            arrived.append((passage, vector))
        confirm()
        self._passages[source_id] = arrived
        return len(arrived)

    def remove(self, source_id: str) -> int:
        """Forget the source's passages."""
        return len(self._passages.pop(source_id, []))

    def nearest(self, vector: Vector, k: int, source_id: str | None = None) -> list[Found]:
        """The k passages with the highest cosine."""
        check_vector(vector, self.model)
        found = [Found(owner, passage, _cosine(own, vector)) for owner, passage, own in self._all(source_id)]
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
