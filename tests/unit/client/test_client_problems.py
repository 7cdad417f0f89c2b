from __future__ import annotations

import json

import pytest

from halfgig import errors
from halfgig.api import problems as server
from halfgig.client.problems import answered_problem, job_problem

ALL = [kind for kind in errors.kinds() if kind is not errors.HalfgigError]


def made(kind: type[errors.HalfgigError]) -> errors.HalfgigError:
    if kind is errors.DoesNotFit:
        return errors.DoesNotFit("transcribe", 300 * errors.MIB, 256 * errors.MIB)
    return kind("What.", "Do.")


@pytest.mark.parametrize("kind", ALL)
def test_every_error_of_the_server_comes_back_as_it_was(kind: type[errors.HalfgigError]) -> None:
    sent = made(kind)
    came = answered_problem(sent.status, json.dumps(server.problem(sent)).encode(), retry_after="7")
    assert type(came) is kind
    assert (came.detail, came.remedy, came.exit_code) == (sent.detail, sent.remedy, sent.exit_code)


def test_a_fault_of_no_kind_is_the_servers_trouble() -> None:
    came = answered_problem(500, json.dumps(server.problem(errors.HalfgigError("What.", "Do."))).encode())
    assert type(came) is errors.ServerTrouble


def test_bytes_that_are_needed_come_along() -> None:
    body = json.dumps(server.problem(made(errors.DoesNotFit))).encode()
    came = answered_problem(507, body)
    assert isinstance(came, errors.DoesNotFit)
    assert (came.needs, came.limit) == (300 * errors.MIB, 256 * errors.MIB)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, errors.BadRequest, 2),
        (401, errors.Unauthorized, 2),
        (404, errors.NotFound, 2),
        (413, errors.TooLarge, 5),
        (422, errors.BadRequest, 2),
        (429, errors.Busy, 5),
        (500, errors.ServerTrouble, 8),
        (502, errors.ServerTrouble, 8),
        (503, errors.Busy, 5),
        (599, errors.ServerTrouble, 8),
    ],
)
def test_a_proxys_page_is_told_by_its_status(status: int, kind: type[errors.HalfgigError], code: int) -> None:
    came = answered_problem(status, b"<html>nginx</html>")
    assert type(came) is kind
    assert came.exit_code == code
    assert str(status) in came.detail


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 5000, b'{"detail": 7, "remedy": null, "type": []}', b"\xff"])
def test_any_body_will_do(body: bytes) -> None:
    assert answered_problem(404, body).detail == "The server answered 404 Not Found."


def test_a_detail_is_one_line_and_has_an_end() -> None:
    came = answered_problem(400, json.dumps({"detail": "a\nb" + "c" * 9999}).encode())
    assert came.detail.startswith("a bccc")
    assert len(came.detail) == 500


@pytest.mark.parametrize(("header", "seconds"), [("12", 12.0), ("", 5.0), ("Fri, 31 Dec", 5.0), ("-3", 5.0)])
def test_busy_tells_when_to_come_back(header: str, seconds: float) -> None:
    came = answered_problem(429, b"", retry_after=header)
    assert isinstance(came, errors.Busy)
    assert came.retry_after == seconds


def test_another_address_is_told_and_not_followed() -> None:
    came = answered_problem(301, b"", location="https://example.org/jobs")
    assert type(came) is errors.BadRequest
    assert "https://example.org/jobs" in came.detail


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ({"type": "/problems#missing-stream", "status": 422, "detail": "Mute."}, errors.MissingStream),
        ({"status": 422, "detail": "It is empty.", "remedy": "Copy it."}, errors.SourceError),
        ({"status": 507, "detail": "Too much.", "remedy": "Less."}, errors.StorageFull),
        ({"status": 503, "detail": "No model.", "remedy": "Pull."}, errors.ModelError),
        ({"status": 500, "detail": "It crashed.", "remedy": "Report."}, errors.HalfgigError),
        ({}, errors.HalfgigError),
    ],
)
def test_why_a_job_failed(problem: dict[str, object], kind: type[errors.HalfgigError]) -> None:
    came = job_problem(problem)
    assert type(came) is kind
    assert came.remedy == problem.get("remedy", "")
