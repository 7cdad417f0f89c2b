"""Qdrant: the points of a collection, by its REST API."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID, uuid5

from halfgig.errors import ServerRefuses, ServerTrouble
from halfgig.retrieval.exchange import ASKING, WRITING, Exchange, Refusal
from halfgig.retrieval.services import NOBODYS, Near, batches, encode, explained, limits_of, numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from halfgig.records import Floats
    from halfgig.retrieval.address import IndexAddress
    from halfgig.retrieval.exchange import Patience
    from halfgig.retrieval.index import Bounds, EmbeddingModel
    from halfgig.retrieval.services import Placed, Whose

POINTS = UUID("6f0c7a53-31a4-4b5e-9d1f-5d4e0f6f6a01")  # the space of our points' ids, which Qdrant wants as UUIDs
FILTERED = {"source": "keyword", "edition": "keyword", "start": "float", "end": "float"}
SCROLLED = 1_000  # points on a page


class Qdrant:
    """The points of one collection, which is made where it is not there when something is put into it."""

    def __init__(self, address: IndexAddress, key: str) -> None:
        self.place = address.shown
        self._name = address.name
        self._line = Exchange(address.host, {"api-key": key} if key else {})

    def prepare(self, model: EmbeddingModel) -> None:
        """Make the collection, or ServerRefuses where the one that is there holds vectors of another form."""
        told = self._told(WRITING) or self._made(model)
        form = told["config"]["params"].get("vectors") or {}
        if (form.get("size"), form.get("distance")) != (model.dim, "Cosine"):
            raise ServerRefuses(
                f"The Qdrant collection {self._name} is of {form.get('size', 'named vectors')} and the distance "
                f"{form.get('distance')}; {model.name} makes vectors of {model.dim}, compared by cosine.",
                "Name another collection in INDEX_URL: it is made when something is indexed.",
            )

    def _made(self, model: EmbeddingModel) -> dict[str, Any]:
        """Make the collection, and return what Qdrant tells of it; another process may have been first."""
        refused = None
        try:
            self._ask("PUT", "", {"vectors": {"size": model.dim, "distance": "Cosine"}}, patience=WRITING)
        except ServerRefuses as error:
            refused = error
        told = self._told(WRITING)
        if told is None:
            raise refused or ServerTrouble(f"Qdrant has not made the collection {self._name}.", "Try again.")
        for field, kind in FILTERED.items():
            self._ask("PUT", "/index?wait=true", {"field_name": field, "field_schema": kind}, patience=WRITING)
        return told

    def put(self, vectors: Iterable[Placed], model: EmbeddingModel) -> None:
        """Upsert in batches; a batch that is sent again overwrites itself."""
        for batch in batches(_encoded(one, model) for one in vectors):
            self._ask("PUT", "/points?wait=true", b'{"points":[' + b",".join(batch) + b"]}", patience=WRITING)

    def has(self, source_id: str, edition: str, passages: int) -> bool:
        """Whether as many points of the edition are there."""
        told = self._maybe("POST", "/points/count", {"filter": _of(source_id, edition), "exact": True})
        return told is not None and int(told["count"]) >= passages

    def near(self, vector: Floats, k: int, bounds: Bounds) -> list[Near]:
        """The k nearest, by the service's own ranking."""
        asked = {"query": numbers_of(vector), "limit": k, "with_payload": ["source", "edition", "number"]}
        told = self._ask("POST", "/points/query", asked | _filter(bounds))
        return [Near(*_whose(point), float(point["score"])) for point in told["points"]]

    def vectors(self, source_id: str, edition: str, numbers: Sequence[int]) -> dict[int, array[float]]:
        """Fetched by their ids. Qdrant keeps vectors at length 1."""
        ids = {_id(source_id, edition, number): number for number in numbers}
        asked = {"ids": list(ids), "with_vector": True, "with_payload": False}
        told = self._ask("POST", "/points", asked, patience=WRITING)
        return {ids[point["id"]]: array("f", point["vector"]) for point in told}

    def drop(self, source_id: str, edition: str) -> None:
        """Delete what has this edition; nothing is there to delete where there is no collection."""
        self._maybe("POST", "/points/delete?wait=true", {"filter": _of(source_id, edition)}, patience=WRITING)

    def editions(self) -> Iterator[tuple[str, str, int]]:
        """Yield each once, with how many points it has. Holds their names."""
        counts = Counter(whose[:2] for whose in map(_whose, self._points()) if whose != NOBODYS)
        return ((source_id, edition, count) for (source_id, edition), count in counts.items())

    def _points(self) -> Iterator[dict[str, Any]]:
        """Yield every point, with what tells whose it is; none where there is no collection."""
        asked: dict[str, Any] = {"limit": SCROLLED, "with_payload": ["source", "edition", "number"]}
        while page := self._maybe("POST", "/points/scroll", asked, patience=WRITING):
            yield from page["points"]
            if page.get("next_page_offset") is None:
                return
            asked["offset"] = page["next_page_offset"]

    def reach(self) -> None:
        """Ask for the collection, which need not be there yet."""
        self._told()

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def _told(self, patience: Patience = ASKING) -> dict[str, Any] | None:
        """What Qdrant tells of the collection; None where there is none."""
        told: dict[str, Any] | None = self._maybe("GET", "", patience=patience)
        return told

    def _maybe(self, method: str, path: str, body: Any = None, *, patience: Patience = ASKING) -> Any:
        """The result; None where there is no collection."""
        try:
            return self._result(method, path, body, patience)
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise self._trouble(refusal) from None

    def _ask(self, method: str, path: str, body: Any, *, patience: Patience = ASKING) -> Any:
        try:
            return self._result(method, path, body, patience)
        except Refusal as refusal:
            raise self._trouble(refusal) from None

    def _result(self, method: str, path: str, body: Any, patience: Patience) -> Any:
        told = self._line.ask(method, f"/collections/{quote(self._name, safe='')}{path}", body, patience=patience)
        return told["result"]

    def _trouble(self, refusal: Refusal) -> ServerTrouble:
        """The refusal with a remedy."""
        key = "refuses the key", "Set QDRANT_API_KEY to a key that may read and write the collection."
        full = "takes no more for now", "Wait, or give the service more room."
        missing = f"has no collection {self._name}", "Index something, which makes it, or correct INDEX_URL."
        wrong = "refuses what was sent", "Compare the collection's size with the embedding model's."
        known = {400: wrong, 401: key, 402: full, 403: key, 404: missing, 429: full, 507: full}
        return explained("Qdrant", refusal, known)


def _encoded(one: Placed, model: EmbeddingModel) -> bytes:
    return encode(_id(one.source_id, one.edition, one.passage.number), one, model, "vector", "payload")


def _id(source_id: str, edition: str, number: int) -> str:
    return str(uuid5(POINTS, f"{source_id}#{edition}#{number}"))


def _whose(point: dict[str, Any]) -> Whose:
    """What its payload says where the id is made of the same: only ours is."""
    payload = point.get("payload") or {}
    source_id, edition, number = (payload.get(name) for name in ("source", "edition", "number"))
    if not isinstance(number, int) or point["id"] != _id(str(source_id), str(edition), number):
        return NOBODYS
    return str(source_id), str(edition), number


def _of(source_id: str, edition: str) -> dict[str, Any]:
    named = {"source": source_id, "edition": edition}
    return {"must": [{"key": key, "match": {"value": value}} for key, value in named.items()]}


def _filter(bounds: Bounds) -> dict[str, Any]:
    """The bounds in Qdrant's language, as a part of a query; empty where there are none."""
    sources, after, before = limits_of(bounds)
    must: list[dict[str, Any]] = [] if sources is None else [{"key": "source", "match": {"any": sources}}]
    must += [] if after is None else [{"key": "end", "range": {"gt": after}}]
    must += [] if before is None else [{"key": "start", "range": {"lt": before}}]
    return {"filter": {"must": must}} if must else {}
