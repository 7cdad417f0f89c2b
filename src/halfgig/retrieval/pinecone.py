"""Pinecone: the vectors of an index's namespace, by its REST data API (contract 2026-04)."""

from __future__ import annotations

import json
import re
from array import array
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from halfgig.errors import ServerRefuses
from halfgig.retrieval.exchange import ASKING, WRITING, Exchange, Refusal
from halfgig.retrieval.services import MOST_VECTORS, NOBODYS, Near, batches, encode, explained, limits_of, numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from halfgig.errors import ServerTrouble
    from halfgig.records import Floats
    from halfgig.retrieval.address import IndexAddress
    from halfgig.retrieval.exchange import Patience
    from halfgig.retrieval.index import Bounds, EmbeddingModel
    from halfgig.retrieval.services import Placed, Whose

VERSION = "2026-04"
CONTROL = "https://api.pinecone.io"  # tells where an index is served
MOST_FOUND = 10_000  # by one query
LISTED = 100  # ids on a page

_ID = re.compile(r"(.+)#([0-9a-f]{16})#([0-9]{1,9})", re.DOTALL)


class Pinecone:
    """The vectors of one namespace. `address` has the index's name, its namespace, and its host where that is given.

    Ids are `SOURCE#EDITION#NUMBER`, so that an edition is found and removed by its prefix.
    """

    def __init__(self, address: IndexAddress, key: str) -> None:
        self.place = address.shown
        self._name, self._namespace, self._host = address.name, address.namespace, address.host
        self._headers = {"Api-Key": key, "X-Pinecone-Api-Version": VERSION}
        self._line: Exchange | None = None

    def prepare(self, model: EmbeddingModel) -> None:
        """ServerRefuses where the index's vectors are of another dim, or compared by another metric than the cosine."""
        told = self._stats(WRITING)
        dim, metric = told.get("dimension"), told.get("metric", "cosine")
        if (dim, metric) != (model.dim, "cosine"):
            raise ServerRefuses(
                f"The Pinecone index {self._name} is of {dim} numbers and the metric {metric}; "
                f"{model.name} makes vectors of {model.dim}, compared by cosine.",
                f"Create an index with dimension {model.dim} and metric cosine, and name it in INDEX_URL.",
            )

    def put(self, vectors: Iterable[Placed], model: EmbeddingModel) -> None:
        """Upsert in batches of at most 2 MB or 1,000 vectors; a batch that is sent again overwrites itself."""
        head = f'{{"namespace":{json.dumps(self._namespace)},"vectors":['.encode()
        for batch in batches(_encoded(one, model) for one in vectors):
            self._ask("POST", "/vectors/upsert", head + b",".join(batch) + b"]}", patience=WRITING)

    def has(self, source_id: str, edition: str, passages: int) -> bool:
        """Whether a query finds as many vectors of the edition, or the 10,000 that it may tell of."""
        wanted = min(passages, MOST_FOUND)
        dim = int(self._stats().get("dimension") or 0)
        told = self._query([1.0] * dim, wanted, {"source": {"$eq": source_id}, "edition": {"$eq": edition}})
        return len(told) >= wanted

    def near(self, vector: Floats, k: int, bounds: Bounds) -> list[Near]:
        """The k nearest, by the service's own ranking."""
        found = self._query(numbers_of(vector), min(k, MOST_FOUND), _filter(bounds))
        return [Near(*_whose(one["id"]), float(one.get("score", 0.0))) for one in found]

    def vectors(self, source_id: str, edition: str, numbers: Sequence[int]) -> dict[int, array[float]]:
        """Fetched by their ids."""
        ids = {f"{source_id}#{edition}#{number}": number for number in numbers}
        query = [*(("ids", id) for id in ids), ("namespace", self._namespace)]
        told = self._ask("GET", "/vectors/fetch", query=query, patience=WRITING)
        return {ids[id]: array("f", one["values"]) for id, one in told.get("vectors", {}).items()}

    def drop(self, source_id: str, edition: str) -> None:
        """List the ids that begin so, and delete them."""
        ids = self._ids(f"{source_id}#{edition}#")
        while some := list(islice(ids, MOST_VECTORS)):
            self._ask("POST", "/vectors/delete", {"ids": some, "namespace": self._namespace}, patience=WRITING)

    def editions(self) -> Iterator[tuple[str, str, int]]:
        """Yield each once, with how many vectors it has: ids come sorted, so an edition's are together."""
        ours = (whose for whose in map(_whose, self._ids("")) if whose != NOBODYS)
        for (source_id, edition), found in groupby(ours, key=itemgetter(0, 1)):
            yield source_id, edition, sum(1 for _ in found)

    def reach(self) -> None:
        """Ask for the index's statistics."""
        self._stats()

    def close(self) -> None:
        """Close the line."""
        if self._line is not None:
            self._line.close()

    def _stats(self, patience: Patience = ASKING) -> dict[str, Any]:
        told: dict[str, Any] = self._ask("POST", "/describe_index_stats", {}, patience=patience)
        return told

    def _query(self, vector: list[float], k: int, bounds: dict[str, Any]) -> list[dict[str, Any]]:
        asked = {"vector": vector, "topK": k, "namespace": self._namespace, "includeValues": False}
        told = self._ask("POST", "/query", asked | ({"filter": bounds} if bounds else {}))
        found: list[dict[str, Any]] = told.get("matches", [])
        return found

    def _ids(self, prefix: str) -> Iterator[str]:
        """Yield ids that begin so, in order."""
        query = [("namespace", self._namespace), ("limit", str(LISTED)), *([("prefix", prefix)] if prefix else [])]
        token = ""
        while True:
            asked = [*query, *([("paginationToken", token)] if token else [])]
            page = self._ask("GET", "/vectors/list", query=asked, patience=WRITING)
            yield from (one["id"] for one in page.get("vectors", []))
            token = (page.get("pagination") or {}).get("next", "")
            if not token:
                return

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Sequence[tuple[str, str]] = (),
        patience: Patience = ASKING,
    ) -> Any:
        try:
            return self._opened(patience).ask(method, path, body, query=query, patience=patience) or {}
        except Refusal as refusal:
            raise self._trouble(refusal) from None

    def _opened(self, patience: Patience) -> Exchange:
        """The line to the index; where its host is not given, Pinecone is asked for it once."""
        if self._line is None:
            host = self._host or self._find_host(patience)
            self._line = Exchange(host if "://" in host else f"https://{host}", self._headers)
        return self._line

    def _find_host(self, patience: Patience) -> str:
        control = Exchange(CONTROL, self._headers)
        try:
            path = f"/indexes/{quote(self._name, safe='')}"
            return str(control.ask("GET", path, patience=patience)["host"])
        finally:
            control.close()

    def _trouble(self, refusal: Refusal) -> ServerTrouble:
        """The refusal with a remedy."""
        key = "refuses the key", "Set PINECONE_API_KEY to a key of the index's project."
        full = "takes no more for now", "Wait, or raise the quota of the Pinecone plan."
        missing = f"has no index {self._name}", "Create it in Pinecone, or correct the name in INDEX_URL."
        wrong = "refuses what was sent", "Compare the index's dimension with the embedding model's."
        known = {400: wrong, 401: key, 402: full, 403: key, 404: missing, 429: full}
        return explained("Pinecone", refusal, known)


def _encoded(one: Placed, model: EmbeddingModel) -> bytes:
    return encode(f"{one.source_id}#{one.edition}#{one.passage.number}", one, model, "values", "metadata")


def _whose(id: str) -> Whose:
    told = _ID.fullmatch(id)
    return (told[1], told[2], int(told[3])) if told else NOBODYS


def _filter(bounds: Bounds) -> dict[str, Any]:
    """The bounds in Pinecone's language; empty where there are none."""
    sources, after, before = limits_of(bounds)
    told: dict[str, Any] = {} if sources is None else {"source": {"$in": sources}}
    told |= {} if after is None else {"end": {"$gt": after}}
    return told | ({} if before is None else {"start": {"$lt": before}})
