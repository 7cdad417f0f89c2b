"""Every operation of the OpenAPI schema, with requests made from it: no 5xx, and answers as the schema says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, strategies
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from halfgig.api import tus

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.job import Job

Site = Any

FULL = 507  # an honest answer to an upload of an exabyte
EXAMPLES = 25  # requests for each operation and mode
LONGEST = 60_000  # characters of an address that httpx sends
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
OPERATIONS = [
    *("GET /", "GET /problems", "GET /healthz", "GET /readyz", "GET /metrics", "GET /jobs", "POST /jobs"),
    *("GET /jobs/{job_id}", "DELETE /jobs/{job_id}", "POST /jobs/{job_id}/cancel", "POST /jobs/{job_id}/retry"),
    *("GET /jobs/{job_id}/result", "GET /jobs/{job_id}/transcript", "GET /jobs/{job_id}/events"),
    *("GET /search", "GET /similar", "GET /sources", "GET /sources/{source_id}", "DELETE /sources/{source_id}"),
    *("GET /sources/{source_id}/transcript", "GET /sources/{source_id}/thumbnail", "GET /sources/{source_id}/media"),
    *("GET /sources/{source_id}/reps", "GET /sources/{source_id}/poses", "GET /sources/{source_id}/drawings"),
    *(f"{method} /sources/{{source_id}}/drawings/{{drawing}}" for method in ("GET", "POST", "DELETE")),
    "PATCH /sources/{source_id}/segments/{number}",
    *("GET /operations", "DELETE /models/{name}", "POST /plan", "GET /session", "POST /session", "DELETE /session"),
    *("OPTIONS /uploads", "POST /uploads", "OPTIONS /uploads/{upload_id}", "HEAD /uploads/{upload_id}"),
    *("GET /uploads/{upload_id}", "PATCH /uploads/{upload_id}", "DELETE /uploads/{upload_id}"),
]
# Of these, wrong requests are made too: the others have nothing but an id.
ASKING = (
    *("GET /jobs", "POST /jobs", "GET /jobs/{job_id}/result", "GET /jobs/{job_id}/events", "POST /uploads"),
    *("GET /search", "GET /similar", "GET /sources", "POST /plan"),
    "PATCH /sources/{source_id}/segments/{number}",
)


@pytest.fixture
def described(site: Site) -> dict[str, Any]:
    """The schema as the server tells it."""
    told: dict[str, Any] = site.get("/openapi.json").json()
    return told


def test_every_operation_is_tried(described: dict[str, Any]) -> None:
    methods = {"get", "put", "post", "delete", "options", "head", "patch"}
    told = {f"{m.upper()} {path}" for path, item in described["paths"].items() for m in methods & set(item)}
    assert told == set(OPERATIONS)


def test_every_operation_tells_its_problems(described: dict[str, Any]) -> None:
    for path, item in described["paths"].items():
        for operation in item.values():
            failures = {status: told for status, told in operation["responses"].items() if status >= "400"}
            assert {"400", "401", "422", "429", "500"} <= set(failures), path
            for told in failures.values():
                assert told["content"] == {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }
            assert operation["summary"]


@schemathesis.serializer(tus.CONTENT_TYPE)
def as_it_is(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.mark.parametrize(
    ("name", "mode"),
    [*((name, GenerationMode.POSITIVE) for name in OPERATIONS), *((name, GenerationMode.NEGATIVE) for name in ASKING)],
)
def test_answers_are_as_the_schema_says(
    site: Site, described: dict[str, Any], ended_job: Callable[..., Job], name: str, mode: GenerationMode
) -> None:
    known = [ended_job("reps").id, ended_job().id, site.upload()]
    method, path = name.split()
    cases = schemathesis.openapi.from_dict(described)[path][method].as_strategy(generation_mode=mode)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    @hypothesis.given(cases, strategies.sampled_from([None, *known]))
    def try_it(case: Any, about: str | None) -> None:
        for parameter in case.path_parameters or {}:
            if about is not None:
                case.path_parameters[parameter] = about
        prepared = requests.Request(**case.as_transport_kwargs(base_url="http://localhost:8000")).prepare()
        hypothesis.assume(len(prepared.url or "") < LONGEST)
        sent = [
            (k.encode("latin-1", "replace"), str(v).encode("latin-1", "replace")) for k, v in prepared.headers.items()
        ]
        answer = site.ask_raw(prepared.method, prepared.url, headers=sent, content=prepared.body or b"")
        assert answer.status_code < 500 or answer.status_code == FULL
        case.validate_response(answer, checks=CHECKS)

    try_it()
