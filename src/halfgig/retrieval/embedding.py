"""What embedders are, whoever does the arithmetic, and what is done with them; loads no model and no numpy."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.query import Meaning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from halfgig.records import Floats, Passage, Vector


class PassageEmbedder(Protocol):
    """What turns texts into vectors: `dim` float32 numbers, of length 1, told apart by the name of their `model`."""

    @property
    def model(self) -> str:
        """The name that an index records."""
        ...

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        ...

    def embed(self, texts: Sequence[str]) -> Vector | Sequence[Floats]:
        """Vectors of texts that are searched, in their order."""
        ...


class QuestionEmbedder(Protocol):
    """What turns questions into such vectors."""

    @property
    def model(self) -> str:
        """The name that an index records."""
        ...

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        ...

    def embed_question(self, text: str) -> Floats:
        """The vector of what is asked: some models want it marked as such."""
        ...


class Embedder(PassageEmbedder, QuestionEmbedder, Protocol):
    """Both, as a model does it."""

    def close(self) -> None:
        """Give back what it holds; it is of no use afterwards."""
        ...

    def words(self) -> Iterable[str]:
        """Words that the model has whole, the commonest first; none where that is not known."""
        ...


def meaning_of(text: str, embedder: QuestionEmbedder) -> Meaning:
    """The meaning of a question, as `search` wants it."""
    vector = embedder.embed_question(text.strip())
    return Meaning(EmbeddingModel(embedder.model, len(vector)), vector)


def embed_passages(
    passages: Iterable[Passage], embedder: PassageEmbedder, batch_size: int
) -> Iterator[tuple[Passage, Floats]]:
    """Yield each passage with its vector, (dim,) float32; embeds `batch_size` at a time and holds no more."""
    waiting = iter(passages)
    while batch := list(islice(waiting, batch_size)):
        yield from zip(batch, embedder.embed([passage.text for passage in batch]), strict=True)
