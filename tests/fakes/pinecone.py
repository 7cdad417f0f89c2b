"""A Pinecone of one index, built after the contract of its data API; each request and answer is held to that."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.fakes.contract import contract
from tests.fakes.faulty import Answered, Asked, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "pc-key"
DATA, CONTROL = "pinecone_db_data_2026-04.yaml", "pinecone_db_control_2026-04.yaml"
DEFAULT = "__default__"
MOST_BYTES, MOST_VECTORS, PAGE = 2 * 1024 * 1024, 1_000, 100
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda had, asked: had == asked,
    "$in": lambda had, asked: had in asked,
    "$gt": lambda had, asked: had > asked,
    "$lt": lambda had, asked: had < asked,
}


@dataclass
class FakePinecone:
    """`lag` is how many requests pass before what was written is found."""

    dim: int
    name: str = "talks"
    metric: str = "cosine"
    lag: int = 0
    host: str = ""  # where it is served, for those who ask the control API
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    namespaces: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _waiting: deque[tuple[int, Any]] = field(default_factory=deque)

    def answer(self, asked: Asked) -> Answered:
        while self._waiting and self._waiting[0][0] <= len(self.asked):
            self._waiting.popleft()[1]()
        answered = self._answer(asked)
        held = contract(CONTROL if asked.path.startswith("/indexes") else DATA)
        if held is not None and answered.status != 401:
            held.check(asked, answered)
        return answered

    def _answer(self, asked: Asked) -> Answered:
        if asked.headers.get("api-key") != KEY:
            return _refused(401, 16, "Invalid API Key")
        routes = {
            ("POST", "/describe_index_stats"): self._stats,
            ("POST", "/query"): self._query,
            ("POST", "/vectors/upsert"): self._upsert,
            ("POST", "/vectors/delete"): self._delete,
            ("GET", "/vectors/fetch"): self._fetch,
            ("GET", "/vectors/list"): self._list,
            ("GET", f"/indexes/{self.name}"): self._index,
        }
        route = routes.get((asked.method, asked.path))
        if route is None:
            return Answered(404, {"error": {"code": "NOT_FOUND", "message": "Resource not found"}, "status": 404})
        return route(asked)

    def _index(self, _: Asked) -> Answered:
        spec = {"serverless": {"cloud": "aws", "region": "us-east-1", "read_capacity": READ}}
        told = {"name": self.name, "dimension": self.dim, "metric": self.metric, "host": self.host, "spec": spec}
        return Answered(200, told | {"status": {"ready": True, "state": "Ready"}, "vector_type": "dense"})

    def _stats(self, _: Asked) -> Answered:
        counts = {name: {"vectorCount": len(rows)} for name, rows in self.namespaces.items()}
        told = {"dimension": self.dim, "metric": self.metric, "vectorType": "dense", "indexFullness": 0.0}
        return Answered(200, told | {"namespaces": counts, "totalVectorCount": sum(map(len, self.namespaces.values()))})

    def _upsert(self, asked: Asked) -> Answered:
        vectors = asked.body["vectors"]
        if asked.size > MOST_BYTES:
            return _refused(400, 11, f"Request size {asked.size} exceeds the maximum supported size of {MOST_BYTES}")
        for one in vectors:
            if len(one["values"]) != self.dim:
                told = f"Vector dimension {len(one['values'])} does not match the dimension of the index {self.dim}"
                return _refused(400, 3, told)
        self._later(lambda: self._rows(asked.body).update({one["id"]: one for one in vectors}))
        return Answered(200, {"upsertedCount": len(vectors)})

    def _delete(self, asked: Asked) -> Answered:
        def delete() -> None:
            for id in asked.body["ids"]:
                self._rows(asked.body).pop(id, None)

        self._later(delete)
        return Answered(200, {})

    def _query(self, asked: Asked) -> Answered:
        body = asked.body
        vector = np.asarray(body["vector"], np.float32)
        if vector.shape != (self.dim,):
            return _refused(400, 3, f"Query vector dimension {len(vector)} does not match the index's {self.dim}")
        rows = [row for row in self._rows(body).values() if _meets(row.get("metadata", {}), body.get("filter", {}))]
        scored = sorted(((_cosine(vector, row["values"]), row["id"]) for row in rows), key=lambda one: -one[0])
        matches = [{"id": id, "score": score, "values": []} for score, id in scored[: body["topK"]]]
        told = {"matches": matches, "namespace": body.get("namespace", ""), "usage": {"readUnits": 1}}
        return Answered(200, told)

    def _fetch(self, asked: Asked) -> Answered:
        query = dict(asked.query)
        rows = self._rows(query)
        found = {id: rows[id] for name, id in asked.query if name == "ids" and id in rows}
        return Answered(200, {"vectors": found, "namespace": query.get("namespace", ""), "usage": {"readUnits": 1}})

    def _list(self, asked: Asked) -> Answered:
        query = dict(asked.query)
        after = base64.b64decode(query.get("paginationToken", "")).decode()
        ids = sorted(id for id in self._rows(query) if id.startswith(query.get("prefix", "")) and id > after)
        page = ids[: min(int(query.get("limit", PAGE)), PAGE)]
        more = {"pagination": {"next": base64.b64encode(page[-1].encode()).decode()}} if len(ids) > len(page) else {}
        told = {"vectors": [{"id": id} for id in page], "namespace": query.get("namespace", "")}
        return Answered(200, told | more | {"usage": {"readUnits": 1}})

    def _rows(self, told: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return self.namespaces.setdefault(told.get("namespace") or DEFAULT, {})

    def _later(self, change: Any) -> None:
        if self.lag:
            self._waiting.append((len(self.asked) + self.lag, change))
        else:
            change()


READ = {"mode": "OnDemand", "status": {"state": "Ready"}}


def _refused(status: int, code: int, message: str) -> Answered:
    return Answered(status, {"code": code, "message": message, "details": []})


def _meets(metadata: dict[str, Any], asked: dict[str, Any]) -> bool:
    terms = [(name, how, value) for name, limits in asked.items() for how, value in limits.items()]
    return all(name in metadata and _COMPARE[how](metadata[name], value) for name, how, value in terms)


def _cosine(a: Any, b: Any) -> float:
    b = np.asarray(b, np.float32)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
