"""The port that every index of passages fits, and what it finds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from halfgig.records import Floats, Passage, Rank, Seconds
    from halfgig.retrieval.words import Asked, Question

    Embedded: TypeAlias = Iterable[tuple[Passage, Floats]]
    Confirm: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """Which model made an index's vectors, and their length. Vectors of two models cannot be compared."""

    name: str
    dim: int


@dataclass(frozen=True, slots=True)
class Found:
    """A passage an index found, and how well it fits: higher is better, comparable within one ranking only.

    `kind` is speech or motion. `share` is how much of what was asked it holds, in [0, 1], rare words counting for more.
    `ranks` say how its score came to be, once rankings are fused.
    """

    source_id: str
    passage: Passage
    score: float
    kind: str = "speech"
    share: float = 1.0
    ranks: tuple[Rank, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What part of an index is looked at: `sources` by id, None for all; what touches `after` to `before` seconds."""

    sources: tuple[str, ...] | None = None
    after: Seconds = -math.inf
    before: Seconds = math.inf

    def hold(self, source_id: str, passage: Passage) -> bool:
        """Whether a passage lies within."""
        inside = self.sources is None or source_id in self.sources
        return inside and passage.end > self.after and passage.start < self.before


EVERYWHERE = Bounds()


def accept() -> None:
    """Confirm without a condition."""


class Index(Protocol):
    """Passages with vectors, by source.

    An adapter whose service holds vectors only (Pinecone, Qdrant) keeps texts and keywords in the library's own
    database, and shows of what the service finds only what the library knows. Errors besides those told: LibraryError
    of the library's file, ServerTrouble where a service or a database cannot be reached, ServerRefuses where it can.
    """

    model: EmbeddingModel | None  # None until something is indexed

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Put these passages in the place of all that the source had, and return how many they are.

        Streams its input; a search sees the old passages until the last new one has arrived, and then only the
        new. `confirm` is called at that moment, within the library's transaction (`Library.finish` belongs here). If
        it or the input raises, or the process dies, the old ones stay. BadRequest where a dim is wrong.
        """
        ...

    def remove(self, source_id: str, confirm: Confirm = accept) -> int:
        """Forget the source's passages and return how many they were; 0 where it had none. `confirm` as in `replace`.

        Within another transaction of the library what a service holds is left to `tidy`: it is not shown any more.
        """
        ...

    def nearest(self, vector: Floats, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages within bounds nearest to this vector, best first; scores are cosines."""
        ...

    def matching(self, question: Question, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages that hold every phrase of the question, or where it has none any word, best first."""
        ...

    def vector_at(self, source_id: str, at: Seconds) -> tuple[Passage, Floats] | None:
        """The passage said at this second of a source, else the next one, and its vector; None after the last."""
        ...

    def passages(self, source_id: str) -> Iterator[Passage]:
        """Yield the source's passages that have a vector in this index, in order."""
        ...

    def embedded(self, source_id: str) -> Iterator[tuple[Passage, Floats]]:
        """Yield the same passages with their vectors."""
        ...

    def sources(self) -> list[str]:
        """Ids of the sources that have passages with vectors here, in order."""
        ...

    def knows(self, word: str) -> bool:
        """Whether any passage holds the word, in whatever form, or it is known to be no slip."""
        ...

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words of the passages that begin with these letters, shortest first."""
        ...

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share runs of three letters with this one, best first: of the passages, then others that are none
        of them and no slips.
        """
        ...

    def learn(self, words: Callable[[], Iterable[str]]) -> None:
        """Words that the embedding model has whole, and that are therefore no slips; called for once only."""
        ...

    def learnt(self) -> list[str]:
        """What was learnt, in its order."""
        ...

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        ...

    def notes(self) -> list[str]:
        """What a person should know of answers from here just now, as that something new cannot be found yet."""
        ...

    def find_faults(self) -> Iterator[str]:
        """Yield what in the index does not agree; nothing where all is well."""
        ...

    def tidy(self) -> int:
        """Remove what is left in the index of sources that are gone, and forget what it has lost of those that are not,
        so that it can be brought there anew; returns how many editions of sources were removed.

        It also takes what another process is bringing in just now, and leaves alone what is none of halfgig's.
        """
        ...


class OtherModel(BadRequest):
    """The index was made with another model."""


def check_model(wanted: EmbeddingModel, recorded: EmbeddingModel) -> None:
    """OtherModel unless the index was made by the model that is wanted."""
    if wanted != recorded:
        raise OtherModel(
            f"The index was made with {recorded.name} (dim {recorded.dim}), not with {wanted.name} (dim {wanted.dim}).",
            f"Set EMBEDDING_MODEL={recorded.name}, or embed what is there anew: halfgig reindex.",
        )


def check_vector(vector: Floats, model: EmbeddingModel | None) -> None:
    """BadRequest unless the vector is (dim,) float32 and finite."""
    if model is None:
        raise BadRequest("The index was opened without an embedding model.", "Open it with the model to index with.")
    view = memoryview(cast("memoryview[float]", vector))
    if view.format != "f" or view.shape != (model.dim,) or not all(map(math.isfinite, view)):
        raise BadRequest(
            f"The index holds finite float32 vectors of {model.dim} numbers; this one is of shape {view.shape}.",
            "Embed with the model the index was made with.",
        )


def rarity(holding: int, of: int) -> float:
    """The weight of a word that so many of all passages hold: inverse document frequency, as FTS5's bm25 has it."""
    return max(math.log(max(of - holding + 0.5, 0.5) / (holding + 0.5)), 1e-6)


def share_of(weight: float) -> float:
    """Which share of all passages holds a word of this weight: `rarity` the other way round."""
    return 1 / (1 + math.exp(weight))


def best_possible(question: Question, weigh: Callable[[Asked], float]) -> float:
    """About the bm25 of a passage of the usual length that holds each phrase and word of the question once."""
    words = sum(max(map(weigh, choice)) for choice in question.choices)
    return words + sum(map(weigh, question.phrases))
