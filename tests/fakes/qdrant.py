"""A Qdrant, built after the documentation of its REST API: there is no contract of it here, and no server."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from tests.fakes.faulty import Answered, Asked, Fault

KEY = "qd-key"
MOST_BYTES = 32 * 1024 * 1024
_ROUTE = re.compile(r"/collections/([^/]+)(/.*)?")


@dataclass
class FakeQdrant:
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    collections: dict[str, dict[str, Any]] = field(default_factory=dict)  # name: size, distance, points, indexes

    def answer(self, asked: Asked) -> Answered:
        if asked.headers.get("api-key") != KEY:
            return Answered(401, {"status": {"error": "Must provide an API key or an Authorization bearer token"}})
        route = _ROUTE.fullmatch(asked.path)
        assert route is not None, f"Qdrant has no {asked.path}"
        name, action = route[1], route[2] or ""
        if (asked.method, action) == ("PUT", ""):
            return self._make(name, asked.body)
        if name not in self.collections:
            return Answered(404, {"status": {"error": f"Not found: Collection `{name}` doesn't exist!"}, "time": 0.0})
        return self._act(asked, self.collections[name], action)

    def _make(self, name: str, body: dict[str, Any]) -> Answered:
        assert body.keys() == {"vectors"}
        assert body["vectors"].keys() == {"size", "distance"}
        if name in self.collections:
            return Answered(409, {"status": {"error": f"Wrong input: Collection `{name}` already exists!"}})
        self.collections[name] = {**body["vectors"], "points": {}, "indexes": {}}
        return _ok(True)

    def _act(self, asked: Asked, held: dict[str, Any], action: str) -> Answered:
        routes: dict[tuple[str, str], Any] = {
            ("GET", ""): _told,
            ("PUT", "/index"): _index,
            ("PUT", "/points"): _upsert,
            ("POST", "/points"): _retrieve,
            ("POST", "/points/query"): _query,
            ("POST", "/points/count"): _count,
            ("POST", "/points/scroll"): _scroll,
            ("POST", "/points/delete"): _delete,
        }
        assert (asked.method, action) in routes, f"Qdrant has no {asked.method} {action}"
        route = routes[asked.method, action]
        if asked.method == "PUT" or action.endswith("delete"):
            assert dict(asked.query) == {"wait": "true"}, "without wait=true it may take a while"
        answered: Answered = route(held, asked.body)
        return answered


def _told(held: dict[str, Any], _: None) -> Answered:
    params = {"vectors": {"size": held["size"], "distance": held["distance"]}, "shard_number": 1}
    return _ok({"status": "green", "points_count": len(held["points"]), "config": {"params": params}})


def _index(held: dict[str, Any], body: dict[str, Any]) -> Answered:
    assert body["field_schema"] in {"keyword", "integer", "float", "bool", "text"}
    held["indexes"][body["field_name"]] = body["field_schema"]
    return _ok({"operation_id": 0, "status": "completed"})


def _upsert(held: dict[str, Any], body: dict[str, Any]) -> Answered:
    for point in body["points"]:
        UUID(point["id"])
        if len(point["vector"]) != held["size"]:
            told = f"Wrong input: Vector dimension error: expected dim: {held['size']}, got {len(point['vector'])}"
            return Answered(400, {"status": {"error": told}, "time": 0.0})
    for point in body["points"]:
        vector = np.asarray(point["vector"], np.float32)  # kept at length 1, as Qdrant does for cosines
        length = max(float(np.linalg.norm(vector)), 1e-12)
        held["points"][point["id"]] = {**point, "vector": (vector / length).tolist()}
    return _ok({"operation_id": 1, "status": "completed"})


def _retrieve(held: dict[str, Any], body: dict[str, Any]) -> Answered:
    found = [held["points"][id] for id in body["ids"] if id in held["points"]]
    return _ok([{"id": one["id"], "vector": one["vector"]} for one in found])


def _query(held: dict[str, Any], body: dict[str, Any]) -> Answered:
    assert body.keys() <= {"query", "limit", "with_payload", "filter"}
    vector = np.asarray(body["query"], np.float32)
    if vector.shape != (held["size"],):
        told = f"Wrong input: Vector dimension error: expected dim: {held['size']}, got {len(vector)}"
        return Answered(400, {"status": {"error": told}, "time": 0.0})
    length = max(float(np.linalg.norm(vector)), 1e-12)
    points = _matching(held, body.get("filter"))
    scored = sorted(((float(vector @ np.asarray(one["vector"])) / length, one) for one in points), key=lambda p: -p[0])
    found = [{**_shown(one, body), "version": 1, "score": score} for score, one in scored[: body["limit"]]]
    return _ok({"points": found})


def _count(held: dict[str, Any], body: dict[str, Any]) -> Answered:
    return _ok({"count": len(_matching(held, body.get("filter")))})


def _scroll(held: dict[str, Any], body: dict[str, Any]) -> Answered:
    begin = _place(body.get("offset", 0))
    ids = [id for id in sorted(held["points"], key=_place) if _place(id) >= begin]
    page, more = ids[: body["limit"]], ids[body["limit"] :][:1]
    return _ok({"points": [_shown(held["points"][id], body) for id in page], "next_page_offset": (more or [None])[0]})


def _delete(held: dict[str, Any], body: dict[str, Any]) -> Answered:
    for one in _matching(held, body["filter"]):
        del held["points"][one["id"]]
    return _ok({"operation_id": 2, "status": "completed"})


def _place(id: int | str) -> tuple[bool, int | str]:
    """Where an id stands among others: numbers come first."""
    return isinstance(id, str), id


def _shown(point: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    told = {name: point["payload"][name] for name in body["with_payload"] if name in point["payload"]}
    return {"id": point["id"], "payload": told}


def _matching(held: dict[str, Any], told: dict[str, Any] | None) -> list[dict[str, Any]]:
    must = (told or {}).get("must", [])
    return [one for one in held["points"].values() if all(_meets(one["payload"], term) for term in must)]


def _meets(payload: dict[str, Any], term: dict[str, Any]) -> bool:
    if term["key"] not in payload:
        return False
    had = payload[term["key"]]
    match term:
        case {"match": {"value": value}}:
            return bool(had == value)
        case {"match": {"any": values}}:
            return had in values
        case {"range": edges}:
            assert edges.keys() <= {"gt", "lt", "gte", "lte"}
            return isinstance(had, int | float) and edges.get("gt", -1e300) < had < edges.get("lt", 1e300)
    raise AssertionError(f"Qdrant has no condition {term}")


def _ok(result: Any) -> Answered:
    return Answered(200, {"result": result, "status": "ok", "time": 0.001})
