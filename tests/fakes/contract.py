"""Requests and answers held to an OpenAPI 3.0 contract, where it lies beside the project."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import yaml  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from tests.fakes.faulty import Answered, Asked

CONTRACTS = Path(__file__).resolve().parents[3] / "shared" / "contracts"


class Contract:
    """One file of contracts. Of a request nothing is taken that the contract does not name."""

    def __init__(self, path: Path) -> None:
        self._told: dict[str, Any] = _strict(yaml.safe_load(path.read_text()))
        self.checked: set[tuple[str, str, int]] = set()  # method, path and status of what was held to it

    def check(self, asked: Asked, answered: Answered) -> None:
        """AssertionError where either is not as the contract has it."""
        path, operation = self._operation(asked)
        self._check_parameters(asked, operation.get("parameters", []))
        if "requestBody" in operation:
            self._check_body(operation["requestBody"]["content"], asked.body, "the request")
        else:
            assert asked.body is None, f"{asked.method} {path} takes no body"
        responses = operation["responses"]
        status = str(answered.status)
        told = responses.get(status) or responses.get(f"{status[0]}XX")
        assert told is not None, f"{asked.method} {path} does not answer {status}"
        self._check_body(told["content"], answered.body, f"the answer {status}")
        self.checked.add((asked.method, path, answered.status))

    def _operation(self, asked: Asked) -> tuple[str, dict[str, Any]]:
        for path, operations in self._told["paths"].items():
            pattern = re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(path))
            if re.fullmatch(pattern, asked.path) and asked.method.lower() in operations:
                return path, operations[asked.method.lower()]
        raise AssertionError(f"the contract has no {asked.method} {asked.path}")

    def _check_parameters(self, asked: Asked, parameters: list[dict[str, Any]]) -> None:
        named = {one["name"]: one for one in parameters if one["in"] == "query"}
        assert {name for name, _ in asked.query} <= named.keys()
        for one in parameters:
            told = [value for name, value in asked.query if name == one["name"]]
            if one["in"] == "header":
                version = asked.headers.get(
                    one["name"].lower(), ""
                )  # a date; Pinecone's own client may have a later one
                assert version >= one["schema"]["default"], f"{one['name']} is {version or 'not there'}"
            elif one.get("required") and one["in"] == "query":
                assert told, f"no {one['name']}"
            if told and one["schema"]["type"] == "integer":
                assert all(value.isdecimal() for value in told), f"{one['name']} is no number"
        for scheme in self._told["components"]["securitySchemes"].values():
            assert scheme["name"].lower() in asked.headers, "no key"

    def _check_body(self, content: dict[str, Any], body: Any, what: str) -> None:
        schema = {**content["application/json"]["schema"], "components": self._told["components"]}
        error = next(jsonschema_rs.Draft4Validator(schema).iter_errors(body), None)
        assert error is None, f"{what} is not of the contract: {error}"


def _strict(told: Any) -> Any:
    """Nothing beside what is named; and where the length of an array is bounded as if it were a text, bound it."""
    if isinstance(told, list):
        return [_strict(one) for one in told]
    if not isinstance(told, dict):
        return told
    made = {name: _strict(one) for name, one in told.items() if name not in {"example", "examples"}}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    if made.get("type") == "array":
        made |= {f"{edge}Items": made[f"{edge}Length"] for edge in ("min", "max") if f"{edge}Length" in made}
    return made


@cache
def contract(name: str) -> Contract | None:
    """The contract of this name; None where the contracts are not here."""
    path = CONTRACTS / name
    return Contract(path) if path.is_file() else None
