"""Keys that may only look, and what those that may do everything can do to the server itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.api.auth import Gate, KeyHashes, Keys, key_hash
from halfgig.models.manifest import MODELS, folder_of
from halfgig.models.record import take_record, write_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.api.conftest import Site

FULL, VIEWER = ("hg_" + letter * 40 for letter in "fv")
PAGE = {"Origin": "http://localhost:8000"}
WISH = {"kind": "transcript", "source": {"url": "https://example.org/talk.mp4"}}


@pytest.fixture
def guarded(open_site: Any) -> Iterator[Site]:
    with open_site(api_keys=FULL, viewer_keys=f"sha256:{key_hash(VIEWER)}, {FULL}") as site:
        yield site


def by(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_viewer_looks_and_changes_nothing(guarded: Site) -> None:
    for address in ("/jobs", "/sources", "/operations", "/search?q=chip&mode=keyword", "/metrics"):
        assert guarded.get(address, headers=by(VIEWER)).status_code == 200
    assert guarded.post("/plan", json={"kind": "reps"}, headers=by(VIEWER)).status_code == 200
    made = guarded.post("/jobs", json=WISH, headers=by(FULL)).json()["links"]["self"]
    for method, address in (
        *(("POST", "/jobs"), ("POST", f"{made}/cancel"), ("DELETE", made), ("POST", "/uploads")),
        *(("DELETE", "/models/tiny.en"), ("DELETE", "/sources/a"), ("PATCH", "/sources/a/segments/0")),
    ):
        refused = guarded.ask(method, address, headers=by(VIEWER), json={"text": "a"})
        assert (refused.status_code, refused.json()["detail"]) == (403, "This key may only look."), address
    assert guarded.get(made, headers=by(VIEWER)).json()["state"] == "queued"
    assert guarded.get("/jobs", headers=by("hg_" + "x" * 40)).status_code == 401
    assert guarded.get("/jobs").status_code == 401


def test_a_viewers_session_is_a_viewers(guarded: Site) -> None:
    assert guarded.get("/session").json() == {"required": True, "signed_in": False, "may_change": False}
    told = {"required": True, "signed_in": True, "may_change": False}
    assert guarded.post("/session", json={"key": VIEWER}, headers=PAGE).json() == told
    assert guarded.get("/session").json() == told
    assert guarded.get("/jobs").status_code == 200
    assert guarded.post("/jobs", json=WISH, headers=PAGE).status_code == 403
    assert guarded.ask("DELETE", "/session", headers=PAGE).status_code == 204
    assert guarded.post("/session", json={"key": FULL}, headers=PAGE).json() == {**told, "may_change": True}
    assert guarded.get("/session").json()["may_change"] is True
    assert guarded.post("/jobs", json=WISH, headers=PAGE).status_code == 202


def test_without_keys_everybody_here_may_change(site: Site) -> None:
    assert site.get("/session").json() == {"required": False, "signed_in": True, "may_change": True}


def test_viewers_alone_close_the_server(open_site: Any) -> None:
    with open_site(viewer_keys=VIEWER) as site:
        assert site.get("/jobs").status_code == 401
        assert site.get("/jobs", headers=by(VIEWER)).status_code == 200
        assert site.post("/jobs", json=WISH, headers=by(VIEWER)).status_code == 403


@pytest.mark.parametrize(("path", "passed"), [("/reps/live", True), ("/elsewhere", False)])
def test_a_viewer_may_count_live_and_open_no_other_line(path: str, passed: bool) -> None:
    reached, sent = list[str](), list[str]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    layer = Keys(app, Gate(KeyHashes((key_hash(FULL),), (key_hash(VIEWER),))))
    scope = {"type": "websocket", "path": path, "headers": [(b"x-api-key", VIEWER.encode())], "state": {}}
    asyncio.run(layer(scope, receive, send))
    assert (reached == [path], bool(sent)) == (passed, not passed)


def install(models: Path, name: str) -> Path:
    folder = models / folder_of(name)
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    write_record(take_record(MODELS[name], folder, {}), folder)
    return folder


def test_a_model_is_removed_unless_a_job_is_at_work(site: Site) -> None:
    folder = install(site.services.settings.models_dir, "tiny.en")
    assert [model["name"] for model in site.get("/operations").json()["models"]] == ["tiny.en"]
    site.services.supervisor.children = (SimpleNamespace(kind="reps", pid=1, job=SimpleNamespace(id="j")),)  # type: ignore[union-attr, misc]
    assert site.ask("DELETE", "/models/tiny.en").status_code == 409
    assert folder.exists()
    site.services.supervisor.children = ()  # type: ignore[union-attr, misc]
    assert site.ask("DELETE", "/models/tiny.en").status_code == 204
    assert not folder.exists()
    for name in ("tiny.en", "nothing", "../library.db", "some/one"):
        assert site.ask("DELETE", f"/models/{name}").status_code == 404
