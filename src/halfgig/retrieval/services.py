"""The port of services that hold vectors and no texts: Pinecone and Qdrant. The index over them is in outside.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from halfgig.errors import ServerRefuses, ServerTrouble
from halfgig.retrieval.exchange import AGAIN

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from halfgig.records import Bytes, Floats, Passage
    from halfgig.retrieval.exchange import Refusal
    from halfgig.retrieval.index import Bounds, EmbeddingModel

MOST_BYTES: Bytes = 2_000_000  # of one batch: Pinecone takes 2 MB
MOST_VECTORS = 1_000  # of one batch, by Pinecone too
MOST_SOURCES = 1_000  # that a service is told to look in; among more, what it finds is sifted here


@dataclass(frozen=True, slots=True)
class Placed:
    """A vector that is to be put into a service, as part of an edition of its source."""

    source_id: str
    edition: str
    passage: Passage
    vector: Floats


@dataclass(frozen=True, slots=True)
class Near:
    """What a service found near a vector: which passage of which edition, and its cosine."""

    source_id: str
    edition: str
    number: int
    score: float


class VectorService(Protocol):
    """Vectors by source, edition and number, in a service. Errors: ServerTrouble, and ServerRefuses with a remedy."""

    place: str  # the address without secrets, by which the ledger knows it

    def prepare(self, model: EmbeddingModel) -> None:
        """See that the service can take vectors of this model; what can be made there is made."""
        ...

    def put(self, vectors: Iterable[Placed], model: EmbeddingModel) -> None:
        """Put vectors there, in batches, each sent again where the line breaks. Twice the same is once."""
        ...

    def has(self, source_id: str, edition: str, passages: int) -> bool:
        """Whether a search finds as many of an edition; what was put there may take a while to show."""
        ...

    def near(self, vector: Floats, k: int, bounds: Bounds) -> list[Near]:
        """The k nearest, best first. It need not heed the bounds, and may tell what was removed a moment ago."""
        ...

    def vectors(self, source_id: str, edition: str, numbers: Sequence[int]) -> dict[int, array[float]]:
        """The vectors of passages, by number; what is not there is left out."""
        ...

    def drop(self, source_id: str, edition: str) -> None:
        """Remove an edition."""
        ...

    def editions(self) -> Iterator[tuple[str, str]]:
        """Yield source and edition of all that is there, each once."""
        ...

    def count(self) -> int:
        """How many vectors are there, or were a moment ago."""
        ...

    def close(self) -> None:
        """Close the line."""
        ...


def batches(encoded: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield runs of encoded vectors that a service takes at once. Holds one batch."""
    batch: list[bytes] = []
    size = 0
    for one in encoded:
        if batch and (size + len(one) + 1 > MOST_BYTES - 1_000 or len(batch) == MOST_VECTORS):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one) + 1
    if batch:
        yield batch


def numbers_of(vector: Floats) -> list[float]:
    """The vector's numbers as short as they can be written: nine digits tell every float32 from another."""
    return [float(f"{number:.9g}") for number in memoryview(cast("memoryview[float]", vector)).tolist()]


def facts_of(one: Placed, model: EmbeddingModel) -> dict[str, Any]:
    """What is kept beside a vector, for filters and for whoever looks into the service."""
    passage = one.passage
    told = {"source": one.source_id, "edition": one.edition, "number": passage.number}
    return told | {"start": passage.start, "end": passage.end, "model": model.name}


def explained(service: str, refusal: Refusal, known: Mapping[int, tuple[str, str]]) -> ServerTrouble:
    """A refusal as an error: `known` has what a status means, and its remedy. What passes by itself may be retried."""
    passing = refusal.status >= 500 or refusal.status in AGAIN
    what, remedy = known.get(refusal.status, ("has a fault", "Try again later.") if passing else known[400])
    kind = ServerTrouble if passing else ServerRefuses
    return kind(f"{service} {what} ({refusal.status}: {refusal.said}).", remedy)


def sources_within(bounds: Bounds) -> list[str] | None:
    """The sources that a service is told to look in; None where it is to look everywhere."""
    return None if bounds.sources is None or len(bounds.sources) > MOST_SOURCES else list(bounds.sources)


def times_within(bounds: Bounds) -> tuple[float | None, float | None]:
    """`after` and `before` of bounds; None where there is none."""
    return _finite(bounds.after), _finite(bounds.before)


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
