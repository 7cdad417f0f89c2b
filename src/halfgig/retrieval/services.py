"""The port of services that hold vectors and no texts: Pinecone and Qdrant. The index over them is in outside.py."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from halfgig.again import AGAIN
from halfgig.errors import ServerRefuses, ServerTrouble

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from halfgig.records import Bytes, Floats, Passage
    from halfgig.retrieval.exchange import Refusal
    from halfgig.retrieval.index import Bounds, EmbeddingModel

Whose: TypeAlias = tuple[str, str, int]  # source, edition and number of a vector

NOBODYS: Whose = ("", "", -1)  # what somebody else has put there
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
    """What a service found near a vector: which passage of which edition, `NOBODYS` for none of ours; its cosine."""

    source_id: str
    edition: str
    number: int
    score: float


class VectorService(Protocol):
    """Vectors by source, edition and number, in a service. Errors: ServerTrouble, and ServerRefuses with a remedy.

    Others may have put vectors there, too: under ids of any form, and with whatever beside them. These are left alone.
    """

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

    def editions(self) -> Iterator[tuple[str, str, int]]:
        """Yield source, edition and number of vectors of all that is there and ours, each once."""
        ...

    def reach(self) -> None:
        """Ask for something small."""
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


def encode(id: str, one: Placed, model: EmbeddingModel, numbers: str, facts: str) -> bytes:
    """A vector as JSON, with what is kept beside it for filters and for whoever looks into the service.

    `numbers` and `facts` are the service's words for the two.
    """
    passage = one.passage
    told = {"source": one.source_id, "edition": one.edition, "number": passage.number}
    told |= {"start": passage.start, "end": passage.end, "model": model.name}
    return json.dumps({"id": id, numbers: numbers_of(one.vector), facts: told}, separators=(",", ":")).encode()


def explained(service: str, refusal: Refusal, known: Mapping[int, tuple[str, str]]) -> ServerTrouble:
    """A refusal as an error: `known` has what a status means, and its remedy. What passes by itself may be retried."""
    passing = refusal.status >= 500 or refusal.status in AGAIN
    what, remedy = known.get(refusal.status, ("has a fault", "Try again later.") if passing else known[400])
    kind = ServerTrouble if passing else ServerRefuses
    return kind(f"{service} {what} ({refusal.status}: {refusal.said}).", remedy)


def limits_of(bounds: Bounds) -> tuple[list[str] | None, float | None, float | None]:
    """The sources that a service is told to look in, `after` and `before`; None for each that it is not told."""
    sources = None if bounds.sources is None or len(bounds.sources) > MOST_SOURCES else list(bounds.sources)
    return sources, _finite(bounds.after), _finite(bounds.before)


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
