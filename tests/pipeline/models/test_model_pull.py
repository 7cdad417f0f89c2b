"""Pulling models over HTTP from an origin that misbehaves in every way we could think of."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import PATIENCE, until

from halfgig.errors import ModelError
from halfgig.models import download as download_module
from halfgig.models.download import ATTEMPTS, Unreachable, download
from halfgig.models.manifest import File, Url
from halfgig.models.pull import PullEvent, Step
from halfgig.models.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.models.manifest import Model

    Origin = Any


PULL = """
import sys
from pathlib import Path
from halfgig.models.manifest import File, Kind, Model, Url
from halfgig.models.store import ModelStore
root, name, size, sha256, address = sys.argv[1:]
model = Model("thing", Kind.VAD, "a thing", "MIT", (File(name, int(size), sha256, (Url(address),)),), 1)
folder = ModelStore(Path(root), models={"thing": model}).ensure("thing", lambda event: print(event.step, flush=True))
print(folder)
"""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "BACKOFF", 0.0)


def store_of(root: Path, *models: Model, **options: Any) -> ModelStore:
    return ModelStore(root, models={model.id: model for model in models}, **options)


def pull(origin: Origin, root: Path, *script: object) -> tuple[bytes, list[PullEvent]]:
    """Pull one model while the origin plays `script`; returns the file's bytes and the events."""
    model = origin.model()
    origin.script[:] = script
    events: list[PullEvent] = []
    folder = store_of(root, model).ensure("thing", events.append)
    return (folder / "weights").read_bytes(), events


@pytest.mark.parametrize(
    "script",
    [
        (),
        ("redirect",),
        (("drop", 100_000),),
        (("drop", 0),),
        (("drop", 100_000), ("drop", 50_000), ("drop", 1)),
        (503, 429),
        (("drop", 100_000), "ignore-range"),
        (("drop", 100_000), "elsewhere"),
        (("drop", 100_000), 416),
        (("drop", 100_000), 503, "redirect"),
    ],
    ids=str,
)
def test_a_pull_gets_over_it(origin: Origin, tmp_path: Path, script: tuple[object, ...]) -> None:
    data, events = pull(origin, tmp_path, *script)
    assert data == origin.files["/weights"]
    assert events[-1].step is Step.READY


def test_a_dropped_download_goes_on_where_it_stopped(origin: Origin, tmp_path: Path) -> None:
    pull(origin, tmp_path, ("drop", 100_000))
    assert origin.ranges == [None, "bytes=100000-"]


def test_a_later_pull_goes_on_where_an_earlier_one_gave_up(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="failed 4 times"):
        pull(origin, tmp_path, *[("drop", 1000)] * ATTEMPTS)
    store = store_of(tmp_path, origin.model())
    assert store.fetched_so_far("thing") == 4000
    pull(origin, tmp_path)
    assert origin.ranges[-1] == "bytes=4000-"
    assert store.fetched_so_far("thing") == 0


def test_a_damaged_part_of_an_earlier_pull_is_thrown_away(origin: Origin, tmp_path: Path) -> None:
    part = tmp_path / ".pulling" / "thing" / "fetched" / "weights.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"captive portal" * 1000)
    data, _ = pull(origin, tmp_path)
    assert data == origin.files["/weights"]
    assert origin.ranges == ["bytes=14000-", None]


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("wrong", "are not those that the manifest pins"),
        ("longer", "sent more than the 300000 bytes"),
        ("shorter", "offers 299999 bytes instead of 300000"),
        (404, "answers 404"),
        (403, "answers 403"),
    ],
)
def test_what_cannot_be_mended_is_refused_at_once(origin: Origin, tmp_path: Path, act: object, says: str) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        pull(origin, tmp_path, act)
    assert f"{origin.address}/weights" in caught.value.detail
    assert len(origin.ranges) == 1
    store = store_of(tmp_path, origin.model())
    assert store.fetched_so_far("thing") == 0, "bad bytes must not stay"
    assert store.installed() == {}


def test_the_next_origin_serves_what_the_first_damaged(origin: Origin, tmp_path: Path) -> None:
    file = origin.file("weights")
    file = dataclasses.replace(file, origins=(*file.origins, Url(f"{origin.address}/weights?mirror")))
    origin.files["/weights?mirror"] = origin.files["/weights"]
    origin.script[:] = ["wrong"]
    events: list[PullEvent] = []
    store_of(tmp_path, origin.model("thing", file)).ensure("thing", events.append)
    told = [(event.step, event.origin) for event in events if event.step in (Step.FAILED, Step.SERVED)]
    assert told == [(Step.FAILED, f"{origin.address}/weights"), (Step.SERVED, f"{origin.address}/weights?mirror")]


def test_an_unreachable_host_is_tried_once_for_all_files(origin: Origin, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{closed_port()}"
    files = [origin.file(name) for name in ("a", "b", "c")]
    files = [dataclasses.replace(file, origins=(Url(f"{address}/{file.name}"), *file.origins)) for file in files]
    events: list[PullEvent] = []
    store_of(tmp_path, origin.model("thing", *files)).ensure("thing", events.append)
    failed = [event.note for event in events if event.step is Step.FAILED]
    assert len(failed) == 1
    assert "cannot be reached" in failed[0]


def test_a_host_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "READ_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/weights"
        with pytest.raises(ModelError, match="failed 4 times: no answer in time"):
            download(address, tmp_path / "part", 10, lambda _: None)


def test_one_address_of_each_family_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(10, 1, 6, "", ("::1", 80, 0, 0)), (10, 1, 6, "", ("::2", 80, 0, 0)), (2, 1, 6, "", ("127.0.0.9", 80))]
    tried = []

    def refuse(address: tuple[str, int], timeout: float, source_address: None) -> None:
        tried.append(address)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(TimeoutError):
        download_module.connect_soon(("host", 80), 5.0)
    assert tried == [("::1", 80), ("127.0.0.9", 80)]


def test_no_connection_is_told_at_once(tmp_path: Path) -> None:
    file = File("weights", 10, "0" * 64, (Url(f"http://127.0.0.1:{closed_port()}/weights"),))
    with pytest.raises(Unreachable, match="cannot be reached"):
        download(str(file.origins[0]), tmp_path / "part", 10, lambda _: None)


def test_progress_is_told_in_bytes(origin: Origin, tmp_path: Path) -> None:
    model = origin.model("thing", origin.file("weights", size=3_000_000))
    events: list[PullEvent] = []
    store_of(tmp_path, model).ensure("thing", events.append)
    got = [event.got for event in events if event.step is Step.FETCHING]
    assert got == sorted(got)
    assert len(got) == 3
    assert all(event.total == 3_000_000 for event in events if event.step is Step.FETCHING)


def test_a_file_that_two_models_share_is_fetched_once(origin: Origin, tmp_path: Path) -> None:
    shared, one, two = origin.file("detector"), origin.file("one"), origin.file("two")
    store = store_of(tmp_path, origin.model("first", shared, one), origin.model("second", shared, two))
    store.ensure("first")
    store.ensure("second")
    assert len(origin.ranges) == 3
    assert (tmp_path / "second" / "detector").read_bytes() == origin.files["/detector"]


def test_a_shared_file_that_was_damaged_is_fetched_again(origin: Origin, tmp_path: Path) -> None:
    shared = origin.file("detector")
    store = store_of(tmp_path, origin.model("first", shared), origin.model("second", shared))
    (store.ensure("first") / "detector").write_bytes(b"\0" * shared.size)
    assert (store.ensure("second") / "detector").read_bytes() == origin.files["/detector"]


def test_two_processes_fetch_once(origin: Origin, tmp_path: Path) -> None:
    origin.script[:] = ["held"]
    file = origin.file("weights")
    first = start_pull(tmp_path, file)
    until(lambda: origin.ranges)
    second = start_pull(tmp_path, file)
    assert second.stdout is not None
    assert second.stdout.readline() == "waiting\n"
    origin.go_on.set()
    assert finish(first).splitlines() == ["fetching", "served", "ready", str(tmp_path / "thing")]
    assert finish(second).splitlines() == [str(tmp_path / "thing")]
    assert len(origin.ranges) == 1


def test_a_killed_pull_leaves_no_half_model_and_is_gone_on_with(origin: Origin, tmp_path: Path) -> None:
    file = origin.file("weights", size=4_000_000)
    origin.script[:] = ["held"]
    first = start_pull(tmp_path, file)
    part = tmp_path / ".pulling" / "thing" / "fetched" / "weights.part"
    until(lambda: part.exists() and part.stat().st_size > 0)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    store = store_of(tmp_path, origin.model("thing", file))
    assert store.installed() == {}
    assert not (tmp_path / "thing").exists()
    kept = part.stat().st_size
    store.ensure("thing")
    assert origin.ranges[-1] == f"bytes={kept}-"
    store.verify("thing")


def start_pull(root: Path, file: File) -> subprocess.Popen[str]:
    arguments = (str(root), file.name, str(file.size), file.sha256, str(file.origins[0]))
    return subprocess.Popen([sys.executable, "-c", PULL, *arguments], stdout=subprocess.PIPE, text=True)


def finish(pull: subprocess.Popen[str]) -> str:
    output, _ = pull.communicate(timeout=PATIENCE)
    assert pull.returncode == os.EX_OK
    return output


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
