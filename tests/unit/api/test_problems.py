from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from halfgig import errors
from halfgig.api.problems import error_response, plain_problem, problem, wrong_field
from halfgig.errors import MIB, Busy, DoesNotFit, HalfgigError, ModelError, StorageFull, Unauthorized

if TYPE_CHECKING:
    from fastapi.responses import JSONResponse

SCOPE: Any = {"type": "http", "state": {"request_id": "r1"}}


def body(response: JSONResponse) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(bytes(response.body))
    return told


def test_an_error_is_a_problem_of_its_kind() -> None:
    response = error_response(SCOPE, StorageFull("The disk is full.", "Delete something."))
    assert response.media_type == "application/problem+json"
    assert body(response) == {
        **{"type": "/problems#storage-full", "title": "Insufficient Storage", "status": 507},
        **{"detail": "The disk is full.", "remedy": "Delete something.", "request_id": "r1"},
    }


def test_what_does_not_fit_tells_its_figures() -> None:
    told = problem(DoesNotFit("transcribe", 300 * MIB, 200 * MIB))
    assert (told["needs_bytes"], told["limit_bytes"]) == (300 * MIB, 200 * MIB)


@pytest.mark.parametrize(
    ("error", "wait"),
    [(Busy("Full.", "Wait.", 0.2), "1"), (Busy("Full.", "Wait.", 61.4), "61"), (ModelError("No."), "30")],
)
def test_who_may_come_back_is_told_when(error: HalfgigError, wait: str) -> None:
    assert error_response(SCOPE, error).headers["retry-after"] == wait


def test_who_has_no_key_is_told_how_to_send_one() -> None:
    assert error_response(SCOPE, Unauthorized("No key.")).headers["www-authenticate"].startswith("Bearer")


def test_every_kind_has_a_name_of_its_own_and_says_what_it_is() -> None:
    defined = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HalfgigError)}
    assert defined <= set(errors.kinds())
    assert len({errors.slug(kind) for kind in errors.kinds()}) == len(errors.kinds())
    assert all(kind.__doc__ for kind in errors.kinds())


def test_what_a_module_refines_has_the_name_of_its_kind() -> None:
    class Torn(errors.SourceError):
        """A source in two."""

    assert errors.slug(Torn) == "source-error"
    assert Torn not in errors.kinds()


def test_an_odd_status_has_a_title() -> None:
    assert plain_problem(460, "Wrong.")["title"] == "Error"


def test_a_wrong_field_does_not_repeat_what_was_sent() -> None:
    told = wrong_field({"loc": ("body", "source", 0), "msg": "is wrong", "input": "secret", "ctx": {"x": "secret"}})
    assert told == {"field": "body.source.0", "message": "is wrong"}
