"""Signing in on the page: a cookie in the place of the key, that no other page can use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from halfgig.api.auth import COOKIE, MOST_TRIES, NAMED, key_hash
from halfgig.api.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.api.conftest import Site

KEY = "hg_a-long-and-random-key-of-this-server"
PAGE = {"Origin": "http://localhost:8000"}
FOREIGN = {"Origin": "https://evil.example"}


@pytest.fixture
def guarded(open_site: Any) -> Iterator[Site]:
    with open_site(api_keys=f"sha256:{key_hash(KEY)}") as site:
        yield site


def sign_in(site: Site, key: str = KEY, **headers: str) -> Any:
    return site.post("/session", json={"key": key}, headers={**PAGE, **headers})


def test_a_key_becomes_a_cookie_that_no_script_reads(guarded: Site) -> None:
    assert guarded.get("/session").json() == {"required": True, "signed_in": False, "may_change": False}
    answer = sign_in(guarded)
    assert answer.json() == {"required": True, "signed_in": True, "may_change": True}
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert KEY not in cookie
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    assert guarded.get("/session").json()["signed_in"] is True
    assert guarded.get("/jobs").status_code == 200
    assert guarded.get("/metrics").status_code == 200


def test_over_https_the_cookie_stays_there(guarded: Site) -> None:
    answer = guarded.ask_raw(
        "POST", "https://localhost:8000/session", json={"key": KEY}, headers={"Origin": "https://localhost:8000"}
    )
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(("hop", "secure"), [("127.0.0.1", True), ("127.0.0.2", False)])
def test_a_proxy_tells_of_https_where_it_is_trusted(open_site: Any, hop: str, secure: bool) -> None:
    with open_site(api_keys=KEY, trusted_proxies="127.0.0.1") as site:
        config = Server(site.app, site.services.settings).config
        config.load()  # the app as uvicorn serves it
        told = {"Host": "clips.example:8443", "Origin": "https://clips.example:8443", "X-Forwarded-Proto": "https"}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(config.loaded_app, client=(hop, 5000))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
                return await client.post("/session", json={"key": KEY}, headers=told)

        answer = site.run(ask())
        assert answer.status_code == 200
        assert ("Secure" in answer.headers["set-cookie"]) is secure


def test_signing_out_ends_it(guarded: Site) -> None:
    sign_in(guarded)
    assert guarded.ask("DELETE", "/session", headers=PAGE).status_code == 204
    assert guarded.get("/session").json()["signed_in"] is False
    assert guarded.get("/jobs").status_code == 401


def test_a_wrong_key_signs_nobody_in_and_guesses_are_slowed(guarded: Site) -> None:
    wrong = [sign_in(guarded, f"guess{number}") for number in range(MOST_TRIES + 1)]
    assert [answer.status_code for answer in wrong] == [401] * MOST_TRIES + [429]
    assert all("set-cookie" not in answer.headers for answer in wrong)
    assert guarded.get("/jobs", headers={"X-API-Key": "guess"}).status_code == 429  # one brake for both
    assert sign_in(guarded).status_code == 200  # a long key passes it


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (FOREIGN, 403),
        ({"Origin": "null"}, 403),
        ({**FOREIGN, "Halfgig-Page": "1"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost:8000"}, 422),
        ({"Sec-Fetch-Site": "same-origin"}, 422),
        ({"Halfgig-Page": "1"}, 422),
    ],
)
def test_a_cookie_changes_things_for_the_page_alone(guarded: Site, headers: dict[str, str], status: int) -> None:
    """422 is the route's own answer: the request has come through."""
    sign_in(guarded)
    assert guarded.post("/jobs", json={}, headers=headers).status_code == status
    assert guarded.get("/jobs", headers=headers).status_code == 200


def test_another_page_neither_signs_in_nor_out(guarded: Site) -> None:
    assert guarded.post("/session", json={"key": KEY}, headers=FOREIGN).status_code == 403
    sign_in(guarded)
    assert guarded.ask("DELETE", "/session", headers=FOREIGN).status_code == 403
    assert guarded.get("/session").json()["signed_in"] is True


def test_a_key_in_a_header_goes_before_the_cookie(guarded: Site) -> None:
    sign_in(guarded)
    assert guarded.get("/jobs", headers={"X-API-Key": "a wrong one"}).status_code == 401
    assert guarded.post("/jobs", json={}, headers={"X-API-Key": KEY}).status_code == 422


def test_sessions_outlive_the_server_and_not_their_key(open_site: Any) -> None:
    with open_site(api_keys=KEY) as site:
        token = sign_in(site).headers["set-cookie"].partition(";")[0]
    with open_site(api_keys=f"{KEY},a-second-key") as site:
        assert site.get("/jobs", headers={"Cookie": token}).status_code == 200
    with open_site(api_keys="a-second-key") as site:
        assert site.get("/jobs", headers={"Cookie": token}).status_code == 401


def test_without_keys_nobody_has_to_sign_in(site: Site, tmp_path: Any) -> None:
    assert site.get("/session").json() == {"required": False, "signed_in": True, "may_change": True}
    answer = sign_in(site, "anything")
    assert (answer.json()["signed_in"], "set-cookie" in answer.headers) == (True, False)
    assert not (tmp_path / "session.key").exists()


@pytest.mark.parametrize("body", [{}, {"key": ""}, {"key": "x" * 513}, {"key": KEY, "more": 1}, {"key": 1}])
def test_what_is_no_key_is_refused_and_not_repeated(guarded: Site, body: dict[str, Any]) -> None:
    answer = guarded.post("/session", json=body, headers=PAGE)
    assert answer.status_code == 422
    assert KEY not in answer.text


def test_a_job_is_its_keys_whether_it_came_by_a_header_or_the_cookie(open_site: Any) -> None:
    wish = {"kind": "transcript", "source": {"url": "https://example.org/a.mp4"}}

    def clients(site: Site) -> list[str]:
        return [job.client for job in site.queue(lambda queue: queue.page())]

    with open_site(api_keys=f"{KEY},a-second-key") as site:
        for key in (KEY, "a-second-key"):
            assert site.post("/jobs", json=wish, headers={"X-API-Key": key}).status_code == 202
        sign_in(site)
        assert site.post("/jobs", json=wish, headers=PAGE).status_code == 202
        cookie, second, first = clients(site)
        assert cookie == first == key_hash(KEY)[:NAMED]
        assert second not in ("", first)


def test_without_keys_a_job_is_nobodys(site: Site) -> None:
    site.post(
        "/jobs", json={"kind": "transcript", "source": {"url": "https://example.org/a.mp4"}}, headers={"X-API-Key": KEY}
    )
    assert [job.client for job in site.queue(lambda queue: queue.page())] == [""]
