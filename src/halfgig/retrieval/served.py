"""Vectors from a server that speaks OpenAI's /v1/embeddings: a batch of texts a request, repeated where that can help.

The operator names the server, so it may be anywhere, in a private network too. No redirect is followed: the key stays
with the address that was set.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any

from halfgig.errors import BadRequest, HalfgigError, ServerRefuses, ServerTrouble
from halfgig.retrieval.exchange import ASKING, WRITING, Exchange, Refusal, split_base

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.records import Floats
    from halfgig.retrieval.exchange import Patience

SETTING = "EMBEDDING_URL"
SERVED = "served:"  # begins the name that an index records of a model behind a server
PATH = "/embeddings"


class ServedEmbedder:
    """A model behind a server, by the server's name for it. `query` and `passage` go before a question and a text.

    Raises ServerTrouble where the server cannot be had, ServerRefuses where it refuses or answers with something else.
    """

    def __init__(self, exchange: Exchange, name: str, *, query: str = "", passage: str = "") -> None:
        self.model = f"{SERVED}{name}"
        self._exchange, self._name, self._query, self._passage = exchange, name, query, passage
        self._dim = 0

    @property
    def dim(self) -> int:
        """How many numbers a vector has; asked for where no text has been embedded yet."""
        return self._dim or len(self.embed(["dim"])[0])

    def words(self) -> Iterator[str]:
        """None: a server does not tell them."""
        return iter(())

    def embed(self, texts: Sequence[str]) -> list[Floats]:
        """The vectors of texts that are searched, by one request, each of length 1."""
        return self._ask([self._passage + text for text in texts], WRITING)

    def embed_question(self, text: str) -> Floats:
        """The vector of what is asked: somebody waits, so little is tried again."""
        return self._ask([self._query + text], ASKING)[0]

    def close(self) -> None:
        """Close the connection; the next text opens another."""
        self._exchange.close()

    def _ask(self, texts: Sequence[str], patience: Patience) -> list[Floats]:
        body = {"model": self._name, "input": list(texts), "encoding_format": "float"}
        try:
            told = self._exchange.ask("POST", PATH, body, patience=patience)
        except Refusal as refusal:
            raise refused(refusal, self._name) from None
        try:
            vectors = read_vectors(told, len(texts))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            detail = f"What {SETTING} names does not answer as OpenAI's embeddings do ({error})."
            raise ServerRefuses(detail, f"Check {SETTING}.") from error
        return [self._checked(vector) for vector in vectors]

    def _checked(self, vector: Floats) -> Floats:
        if self._dim not in {0, len(vector)}:
            raise ServerRefuses(
                f"The server sent {len(vector)} numbers for {self._name} where it had sent {self._dim}.",
                "See that one model answers to that name.",
            )
        self._dim = len(vector)
        return vector


def exchange_with(url: str, key: str) -> Exchange:
    """The server at an address: its root, its /v1, or the /embeddings itself. BadRequest where it is none."""
    parts = split_base(url, SETTING)
    path = parts.path.rstrip("/").removesuffix(PATH) or ("" if parts.path.rstrip("/") == PATH else "/v1")
    if parts.query or parts.fragment:
        raise BadRequest(f"{SETTING} has more than an address.", "Leave out what begins with ? or #.")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Exchange(f"{parts.scheme}://{parts.netloc}{path}", headers, setting=SETTING)


def read_vectors(told: Any, count: int) -> list[Floats]:
    """The vectors of an answer in the order of the texts, each brought to length 1. ValueError where it is none."""
    rows = sorted(told["data"], key=lambda row: row["index"])
    if [row["index"] for row in rows] != list(range(count)):
        raise ValueError(f"{len(rows)} vectors for {count} texts")
    return [_unit(row["embedding"]) for row in rows]


def _unit(numbers: Sequence[float]) -> Floats:
    length = math.hypot(*numbers)
    if not math.isfinite(length) or length == 0:
        raise ValueError("a vector without a length")
    return array("f", [number / length for number in numbers])


def refused(refusal: Refusal, name: str) -> HalfgigError:
    """What a server's refusal means, and what to do about it."""
    status, said = refusal.status, refusal.said or "it does not say why"
    if status in {401, 403}:
        return ServerRefuses(f"The embedding server refuses the key: {said}.", "Set EMBEDDING_API_KEY.")
    if status == 404:
        return ServerRefuses(
            f"The embedding server knows no {name}, or is elsewhere: {said}.", f"Check EMBEDDING_MODEL and {SETTING}."
        )
    if 300 <= status < 400:
        return ServerRefuses("The embedding server sends elsewhere.", f"Set {SETTING} to where it is now.")
    if status == 429 and "quota" in said.lower():
        return ServerRefuses(f"The quota at the embedding server is used up: {said}.", "Raise it, or wait.")
    if status in {400, 413, 422}:
        remedy = "Set a smaller EMBEDDING_BATCH_SIZE, or choose a model with a longer window."
        return ServerRefuses(f"The embedding server refuses the texts: {said}.", remedy)
    return ServerTrouble(f"The embedding server has a fault of its own ({status}): {said}.", "Try again later.")
