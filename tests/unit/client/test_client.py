from __future__ import annotations

import json
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from tests.unit.client.conftest import JOB, Script, hangs_up, says, send, streams

from halfgig.client import exchange
from halfgig.client.address import Address
from halfgig.client.client import Client
from halfgig.client.events import JobEvent
from halfgig.client.exchange import ConnectionLost
from halfgig.errors import (
    BadRequest,
    Busy,
    Conflict,
    ModelError,
    NotFound,
    ServerTrouble,
    TooLarge,
    Unauthorized,
)
from halfgig.records import Answer, Hit, Query, Rank, Scope

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"sound" * 100)
    return path


# --- asking


def test_a_file_is_sent_as_a_form_with_the_key(client: Client, script: Script, talk: Path) -> None:
    script.then(says(202, JOB))
    job = client.submit_file("transcript", talk, {"language": "en"})
    assert (job.id, job.state, job.title, job.ended) == (JOB["id"], "queued", "talk.mp4", False)
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("POST", "/jobs")
    assert asked.headers["authorization"] == "Bearer hg_secret"
    assert b'name="options"\r\n\r\n{"language": "en"}\r\n' in asked.body
    assert b"sound" * 100 in asked.body


def test_an_address_is_sent_as_json(client: Client, script: Script) -> None:
    script.then(says(202, JOB))
    client.submit_url("reps", "https://example.org/a.mp4", {"exercise": "squat"})
    assert json.loads(script.asked[0].body) == {
        "kind": "reps",
        "source": {"url": "https://example.org/a.mp4"},
        "options": {"exercise": "squat"},
    }


def test_without_a_key_none_is_sent(script: Script) -> None:
    script.then(says(200, JOB))
    Client(script.address).job("a")
    assert "authorization" not in script.asked[0].headers


def test_routes_stand_below_the_path_of_the_address(script: Script) -> None:
    script.then(says(200, JOB))
    Client(Address("http", "127.0.0.1", script.port, "/half")).job("../x")
    assert script.asked[0].path == "/half/jobs/..%2Fx"


@pytest.mark.parametrize("key", ["a\r\nX: y", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        Client(Address("http", "127.0.0.1", 1), key)
    assert key not in str(refusal.value)


# --- when it fails


def test_a_connection_that_breaks_makes_no_second_job(
    client: Client, script: Script, talk: Path, pauses: list[float]
) -> None:
    script.then(hangs_up).then(says(202, JOB))
    client.submit_file("transcript", talk, {})
    first, second = script.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    assert pauses == [1.0]


def test_two_submissions_are_two_requests(client: Client, script: Script, talk: Path) -> None:
    script.then(says(202, JOB))
    client.submit_file("transcript", talk, {})
    client.submit_file("transcript", talk, {})
    assert len({asked.headers["idempotency-key"] for asked in script.asked}) == 2


def test_it_gives_up_in_the_end(client: Client, script: Script, pauses: list[float]) -> None:
    script.then(hangs_up)
    with pytest.raises(ConnectionLost, match=r"broke off: it closed the connection without an answer\."):
        client.job("a")
    assert (len(script.asked), pauses) == (3, [1.0, 2.0])


@pytest.mark.parametrize("action", ["cancel", "retry", "delete"])
def test_what_cannot_be_done_twice_is_asked_once(client: Client, script: Script, action: str) -> None:
    script.then(hangs_up)
    with pytest.raises(ConnectionLost):
        getattr(client, action)("a")
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_it_comes_back_when_it_is_told(client: Client, script: Script, pauses: list[float], status: int) -> None:
    script.then(says(status, {"detail": "Full."}, Retry_After="7")).then(says(200, JOB))
    assert client.job("a").id == JOB["id"]
    assert pauses == [7.0]


def test_it_does_not_wait_for_long(client: Client, script: Script, pauses: list[float]) -> None:
    script.then(says(429, {"detail": "Too many wrong keys."}, Retry_After="60"))
    with pytest.raises(Busy, match="Too many wrong keys"):
        client.job("a")
    assert pauses == []


def test_a_missing_model_is_not_waited_for(client: Client, script: Script, pauses: list[float]) -> None:
    script.then(says(503, {"type": "/problems#model-error", "detail": "No model.", "remedy": "Pull."}))
    with pytest.raises(ModelError, match=r"No model\. Pull\."):
        client.job("a")
    assert pauses == []


def test_a_wrong_key_is_told_at_once(client: Client, script: Script) -> None:
    script.then(says(401, {"type": "/problems#unauthorized", "detail": "No key.", "remedy": "Send one."}))
    with pytest.raises(Unauthorized, match=r"No key\. Send one\."):
        client.jobs()
    assert len(script.asked) == 1


def test_an_answer_without_end_is_not_held(client: Client, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_ANSWER", 100)
    script.then(says(200, text=b" " * 200))
    with pytest.raises(ServerTrouble, match="no halfgig server"):
        client.job("a")


def test_where_nobody_listens_is_told_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServerTrouble, match=rf"No server can be reached at http://127.0.0.1:{port}: Connection ref"):
        Client(Address("http", "127.0.0.1", port)).job("a")


def test_who_never_answers_is_told() -> None:
    request = exchange.Request("GET", "/jobs/a", silence=0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address("http", "127.0.0.1", listener.getsockname()[1])
        with pytest.raises(ConnectionLost, match="it does not answer"), exchange.exchange(address, request):
            pass


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"id": "a"}', b'{"id": 1, "kind": "x", "state": "y"}'])
def test_another_server_is_told_from_ours(client: Client, script: Script, body: bytes) -> None:
    script.then(says(200, text=body))
    with pytest.raises(ServerTrouble, match="halfgig server"):
        client.job("a")


def test_who_does_not_speak_http_is_told(client: Client, script: Script) -> None:
    def greet(_: Script, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"220 mail ESMTP\r\n")

    script.then(greet)
    with pytest.raises(ServerTrouble, match="it does not speak HTTP"):
        client.job("a")


def test_an_upload_that_is_refused_is_not_sent_to_its_end(client: Client, script: Script, tmp_path: Path) -> None:
    def refuse(_: Script, handler: BaseHTTPRequestHandler) -> None:
        send(handler, 413, json.dumps({"type": "/problems#too-large", "detail": "Too large."}).encode())
        while handler.rfile.read1(1 << 16):  # until the client closes
            pass

    large, sent = tmp_path / "large.mp4", [0]
    with large.open("wb") as file:
        file.truncate(1 << 30)
    script.then(refuse)
    with pytest.raises(TooLarge, match=r"Too large\."):
        client.submit_file("transcript", large, {}, lambda *told: sent.append(told[0]))
    assert sent[-1] < 1 << 29


# --- finding


def test_a_job_is_found_by_the_beginning_of_its_id(client: Client, script: Script) -> None:
    script.then(says(200, {"jobs": [JOB, {**JOB, "id": "01jc" + "b" * 22}]}))
    assert client.find("01JD").id == JOB["id"]
    assert script.asked[0].path == "/jobs?limit=2&before=01jd~"


def test_a_whole_id_is_asked_for_itself(client: Client, script: Script) -> None:
    script.then(says(200, JOB))
    assert client.find(str(JOB["id"])).id == JOB["id"]
    assert script.asked[0].path == f"/jobs/{JOB['id']}"


def test_a_beginning_of_several_is_refused(client: Client, script: Script) -> None:
    script.then(says(200, {"jobs": [JOB, {**JOB, "id": "01jd" + "b" * 22}]}))
    with pytest.raises(BadRequest, match="Several jobs"):
        client.find("01jd")


def test_a_beginning_of_none_is_not_found(client: Client, script: Script) -> None:
    script.then(says(200, {"jobs": []}))
    with pytest.raises(NotFound, match="no job 01zz"):
        client.find("01zz")


@pytest.mark.parametrize("name", ["", "01j"])
def test_a_beginning_that_is_too_short_is_refused(client: Client, name: str) -> None:
    with pytest.raises(BadRequest, match="names no job"):
        client.find(name)


# --- following


def events(*numbers: int) -> list[str]:
    return [f'id: {number}\nevent: note\ndata: {{"text": "{number}"}}\n\n' for number in numbers]


def test_events_come_until_the_job_has_ended(client: Client, script: Script) -> None:
    script.then(streams("retry: 2000\n\n", *events(1, 2))).then(says(200, {**JOB, "state": "succeeded"}))
    assert list(client.follow("a")) == [JobEvent("note", {"text": "1"}, 1), JobEvent("note", {"text": "2"}, 2)]
    assert [asked.path for asked in script.asked] == ["/jobs/a/events", "/jobs/a"]


def test_a_stream_that_breaks_goes_on_after_the_last_event(client: Client, script: Script) -> None:
    script.then(streams(*events(1, 2), "id: 3\nevent: note\ndata: {")).then(says(200, JOB))
    script.then(hangs_up).then(streams(*events(3))).then(says(200, {**JOB, "state": "failed"}))
    assert [event.id for event in client.follow("a")] == [1, 2, 3]
    assert [asked.headers.get("last-event-id") for asked in script.asked if "events" in asked.path] == [None, "2", "2"]


def test_progress_has_no_place_to_go_on_from(client: Client, script: Script) -> None:
    script.then(streams(*events(1), 'event: progress\ndata: {"fraction": 0.5}\n\n')).then(says(200, JOB))
    script.then(streams()).then(says(200, {**JOB, "state": "cancelled"}))
    assert [event.type for event in client.follow("a")] == ["note", "progress"]
    assert script.asked[2].headers["last-event-id"] == "1"


def test_a_server_that_stays_away_is_given_up(client: Client, script: Script, pauses: list[float]) -> None:
    script.then(streams(*events(1))).then(hangs_up)
    with pytest.raises(ServerTrouble):
        list(client.follow("a"))
    assert 10 < sum(pauses) < 20


def test_a_job_that_is_deleted_meanwhile_is_not_found(client: Client, script: Script) -> None:
    script.then(streams(*events(1))).then(says(404, {"detail": "There is no job a."}))
    with pytest.raises(NotFound, match="There is no job a"):
        list(client.follow("a"))


# --- results


def test_a_result_comes_in_pieces_of_whole_characters(
    client: Client, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PIECE", 3)
    script.then(says(200, text="aäöü€".encode()))
    pieces = list(client.result("a", "srt"))
    assert "".join(pieces) == "aäöü€"
    assert len(pieces) > 2
    assert script.asked[0].path == "/jobs/a/result?format=srt"


def test_a_result_that_is_cut_off_is_an_error(client: Client, script: Script) -> None:
    def cut(_: Script, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")

    script.then(cut)
    with pytest.raises(ConnectionLost, match="the answer is not whole"):
        list(client.result("a", "txt"))


def test_an_unfinished_job_has_no_result(client: Client, script: Script) -> None:
    script.then(says(409, {"type": "/problems#conflict", "detail": "The job is queued.", "remedy": "Wait."}))
    with pytest.raises(Conflict, match="The job is queued"):
        list(client.result("a", "txt"))


RANKS = (Rank("meaning", 1, 0.7, 0.0164), Rank("keyword", 3, 9.1, 0.0159))
HIT = Hit(
    "a" * 64,
    "A talk",
    61.0,
    65.5,
    "The cat sat.",
    "The [[cat]] sat.",
    0.03,
    "file:///talk.mp4#t=61",
    62.5,
    "speech",
    RANKS,
)


def test_a_question_is_asked_as_it_is(client: Client, script: Script) -> None:
    script.then(says(200, {"question": "c?", "hits": [{**asdict(HIT), "more": 1}], "notes": ["By keyword."]}))
    assert client.search(Query('"a b" & c?', 3, keyword_only=True)) == Answer("c?", (HIT,), ("By keyword.",))
    assert script.asked[0].path == "/search?q=%22a+b%22+%26+c%3F&mode=keyword&k=3"


def test_a_scope_is_asked_for_by_its_fields(client: Client, script: Script) -> None:
    script.then(says(200, {"question": "", "hits": [], "notes": []}))
    scope = Scope(("a", "b"), ("en",), ("yoga",), "2026-01-01", "2026-02-01", 0.0, 9.5, "motion")
    client.search_alike("talk.mp4", 90.0, Query("", 2, grouped=True, scope=scope))
    assert script.asked[0].path == (
        "/similar?to=talk.mp4&at=90.0&k=2&grouped=true&source=a&source=b&language=en&tag=yoga"
        "&since=2026-01-01&until=2026-02-01&after=0.0&before=9.5&kind=motion"
    )


@pytest.mark.parametrize("told", [{}, [], {"question": "c?", "hits": [{}]}, {"question": "c?", "hits": [7]}])
def test_an_answer_that_is_none_is_told(client: Client, script: Script, told: object) -> None:
    script.then(says(200, told))
    with pytest.raises(ServerTrouble, match="not what a halfgig server gives"):
        client.search(Query("cat", 3))
