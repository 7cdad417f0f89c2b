"""Webhooks from the running app: to addresses that may be visited, of jobs that have ended, also before a restart."""

from __future__ import annotations

import asyncio
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.serving import answering

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.contract.api.conftest import Site

SOURCE = {"url": "https://example.org/talk.mp4"}
PATIENCE = 120.0  # seconds; only a test that fails waits so long


class Hook:
    """A receiver on loopback that remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, Any], dict[str, str]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.told.append((json.loads(body), {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    async def heard(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.told) < count:
                await asyncio.sleep(0.01)


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    with answering(made.server):
        yield made


def end_a_job(site: Site, url: str) -> str:
    job = site.post("/jobs", json={"kind": "reps", "source": SOURCE, "callback_url": url}).json()
    site.post(f"/jobs/{job['id']}/cancel")
    return str(job["id"])


def test_the_end_of_a_job_is_told_at_once(open_site: Callable[..., AbstractContextManager[Site]], hook: Hook) -> None:
    with open_site(allowed_hosts="127.0.0.1", webhook_secret="between us") as site:
        job_id = end_a_job(site, hook.url)
        site.run(hook.heard(1))
    ((told, headers),) = hook.told
    assert (told["id"], told["state"]) == (job_id, "cancelled")
    assert headers["webhook-signature"].startswith("v1,")


def test_what_was_owed_is_sent_after_a_restart(
    open_site: Callable[..., AbstractContextManager[Site]], hook: Hook
) -> None:
    with open_site(allowed_hosts="127.0.0.1") as site:
        site.services.stop()
        site.run(asyncio.sleep(0))
        job_id = end_a_job(site, hook.url)
    assert hook.told == []
    with open_site(allowed_hosts="127.0.0.1") as site:
        site.run(hook.heard(1))
    assert hook.told[0][0]["id"] == job_id
    assert "webhook-signature" not in hook.told[0][1]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        *(("http://127.0.0.1:9/hook", 403), ("http://169.254.169.254/latest", 403), ("http://[::1]/", 403)),
        *(("http://0x7f.1/", 403), ("file:///etc/passwd", 422), ("nonsense", 422)),
    ],
)
def test_an_address_that_may_not_be_visited_makes_no_job(site: Site, url: str, status: int) -> None:
    answer = site.post("/jobs", json={"kind": "reps", "source": SOURCE, "callback_url": url})
    assert answer.status_code == status
    assert site.get("/jobs").json()["jobs"] == []


def test_a_name_that_leads_inside_is_refused_when_it_is_connected_to(site: Site, hook: Hook) -> None:
    """Nothing is sent, and it is not tried again."""
    inside = hook.url.replace("127.0.0.1", "inside.localhost.localdomain")
    job = site.post("/jobs", json={"kind": "reps", "source": SOURCE, "callback_url": inside}).json()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", hook.server.server_port))])
        site.post(f"/jobs/{job['id']}/cancel")
        site.run(given_up(site))
    assert hook.told == []


async def given_up(site: Site) -> None:
    question = "SELECT count(*) FROM deliveries WHERE due_at IS NULL AND trouble LIKE '%loopback%'"
    async with asyncio.timeout(PATIENCE):
        while not await site.services.ask(lambda queue: queue.database.execute(question).get):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "wrong", [{"webhook_secret": "whsec_?"}, {"allowed_hosts": "http://not-a-host/"}, {"jobs_at_once": "x=1"}]
)
def test_settings_that_cannot_be_read_stop_the_start(open_site: Any, wrong: dict[str, str]) -> None:
    with pytest.raises(BadRequest), open_site(**wrong):
        pass
