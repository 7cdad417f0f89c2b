"""What every request meets before its route: keys, names, limits, headers, ids, and the last resort."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.api.auth import MOST_TRIES, key_hash
from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

Site = Any

KEY = "hg_a-long-and-random-key-of-this-server"


@pytest.fixture
def guarded(open_site: Any) -> Any:
    with open_site(api_keys=f"sha256:{key_hash(KEY)}") as site:
        yield site


def test_without_a_key_only_what_is_nobodys_is_told(guarded: Site) -> None:
    for path in ("/jobs", "/metrics", "/nowhere", "/jobs/x/events", "/uploads/x"):
        answer = guarded.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in ("/", "/healthz", "/readyz", "/docs", "/openapi.json", "/problems"):
        assert guarded.get(path).status_code == 200


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}])
def test_a_right_key_opens(guarded: Site, headers: dict[str, str]) -> None:
    assert guarded.get("/jobs", headers=headers).status_code == 200
    assert guarded.get("/metrics", headers=headers).status_code == 200


def test_who_guesses_must_wait(guarded: Site) -> None:
    wrong = [guarded.get("/jobs", headers={"X-API-Key": f"guess{n}"}).status_code for n in range(MOST_TRIES + 1)]
    assert wrong == [401] * MOST_TRIES + [429]
    assert guarded.get("/jobs").status_code == 429
    assert guarded.get("/healthz").status_code == 200


def test_anothers_guesses_do_not_lock_the_right_key_out(guarded: Site) -> None:
    for number in range(MOST_TRIES + 1):
        guarded.get("/jobs", headers={"X-API-Key": f"guess{number}"})
    assert guarded.get("/jobs", headers={"X-API-Key": KEY}).status_code == 200


def test_a_key_that_could_be_guessed_waits_like_a_guess(open_site: Any) -> None:
    with open_site(api_keys="correct horse") as site:
        for number in range(MOST_TRIES):
            site.get("/jobs", headers={"X-API-Key": f"guess{number}"})
        assert site.get("/jobs", headers={"X-API-Key": "correct horse"}).status_code == 429


def test_keys_that_are_all_empty_make_no_open_server(open_site: Any) -> None:
    with pytest.raises(BadRequest, match="holds no key"), open_site(api_keys=" ,"):
        pass


def test_a_key_that_is_missing_is_no_guess(guarded: Site) -> None:
    for _ in range(MOST_TRIES + 5):
        assert guarded.get("/jobs").status_code == 401
    assert guarded.get("/jobs", headers={"X-API-Key": KEY}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:8000", "[::1]:8000"])
def test_a_server_on_loopback_answers_to_its_names(site: Site, host: str) -> None:
    assert site.get("/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "", "[::1"])
def test_a_server_on_loopback_answers_to_no_other(site: Site, host: str) -> None:
    assert site.get("/jobs", headers={"Host": host}).status_code == 421


def test_other_names_can_be_trusted(open_site: Any) -> None:
    with open_site(trusted_hosts="video.example", api_keys=KEY) as site:
        key = {"X-API-Key": KEY}
        assert site.get("/jobs", headers={**key, "Host": "Video.example:443"}).status_code == 200
        assert site.get("/jobs", headers={**key, "Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:9999", "null"])
def test_a_foreign_page_changes_nothing(site: Site, origin: str) -> None:
    page = {"Origin": origin, "Host": "localhost:8000"}
    assert site.post("/jobs", json={}, headers=page).status_code == 403
    assert site.get("/jobs", headers=page).status_code == 200
    assert "access-control-allow-origin" not in site.get("/jobs", headers=page).headers


def test_the_servers_own_page_may_change_things(site: Site) -> None:
    page = {"Origin": "http://localhost:8000", "Host": "localhost:8000"}
    assert site.post("/jobs", json={}, headers=page).status_code == 422


def test_pages_of_listed_origins_may_use_it(open_site: Any) -> None:
    with open_site(cors_origins="https://app.example", api_keys=KEY) as site:
        page = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
        asked = site.ask("OPTIONS", "/uploads/x", headers={**page, "Access-Control-Request-Headers": "x-api-key"})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://app.example")
        told = site.get("/jobs", headers={"Origin": "https://app.example", "X-API-Key": KEY})
        assert told.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-origin" not in site.get("/jobs", headers={"Origin": "https://b.example"}).headers


@pytest.mark.parametrize("path", ["/", "/jobs", "/nowhere", "/docs"])
def test_answers_are_safe_to_show(site: Site, path: str) -> None:
    headers = site.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]


def test_a_request_has_an_id(site: Site) -> None:
    assert site.get("/jobs", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 65, "<script>", ""):
        assert site.get("/jobs", headers={"X-Request-ID": odd}).headers["x-request-id"] not in {odd, ""}


def test_a_fault_is_logged_and_its_inside_is_not_told(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise RuntimeError("the secret inside")

    site.app.add_api_route("/broken", broken)
    with caplog.at_level(logging.ERROR):
        answer = site.get("/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "the secret inside" in caplog.text


def test_the_log_has_no_query_and_no_key(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        site.get("/jobs?before=secretquery", headers={"Authorization": "Bearer secretkey"})
    told = [vars(record) for record in caplog.records if record.name == "halfgig.api"]
    assert [record["facts"]["path"] for record in told if record["msg"] == "request"] == ["/jobs"]
    assert "secret" not in str(told)


def test_wrong_methods_are_told_the_right_ones(site: Site) -> None:
    answer = site.ask("PUT", "/jobs")
    assert answer.status_code == 405
    assert {"GET", "POST"} & set(answer.headers["allow"].split(", "))


def test_a_large_body_is_refused_everywhere(site: Site) -> None:
    for path in ("/jobs", "/jobs/x/cancel", "/nowhere"):
        form = {"content-type": "text/plain"}
        assert site.post(path, content=b"x" * 70_000, headers=form).status_code == 413


def test_health_is_told(site: Site) -> None:
    assert site.get("/healthz").json() == {"status": "ok"}
    assert site.get("/readyz").json() == {"status": "ok"}


def test_a_server_that_can_do_no_work_is_not_ready(open_site: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halfgig.api.health.free_space", lambda _: 0)
    assert "disk" in site.get("/readyz").json()["detail"]
    monkeypatch.undo()
    site.services.stopping.set()
    site.run(asyncio.sleep(0.01))
    told = site.get("/readyz")
    assert (told.status_code, told.json()["detail"]) == (503, "The server is stopping.")


def test_a_server_without_a_supervisor_is_not_ready(open_site: Any) -> None:
    with open_site(supervise=None) as site:
        assert site.get("/readyz").json()["detail"] == "The supervisor is not running."


def test_a_queue_that_cannot_be_written_is_not_ready(site: Site) -> None:
    site.queue(lambda queue: queue.database.pragma("query_only", 1))
    site.queue(lambda queue: queue.database.execute("PRAGMA max_page_count = 1"))
    site.queue(lambda queue: queue.database.close())
    assert site.get("/readyz").status_code == 503


def test_metrics_are_told(site: Site, ended_job: Callable[..., Any]) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    job = ended_job("reps")
    site.get(f"/jobs/{job.id}")
    answer = site.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    told = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert told["halfgig_memory_resident_bytes"].samples[0].value > 1_000_000
    assert told["halfgig_queue_jobs"].samples[0].labels == {"kind": "reps", "state": "succeeded"}
    routes = {sample.labels["route"] for sample in told["halfgig_http_requests"].samples}
    assert "/jobs/{job_id}" in routes
