"""What belongs to sources, wherever it is kept: whole, replaced whole, counted, and gone with its source."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import MIB, Conflict, ServerTrouble
from halfgig.jobs.fetching import Fetching
from halfgig.settings import Settings
from halfgig.store.blob_file import BlobFile
from halfgig.store.drawings import Drawing, Drawn
from halfgig.store.place import belongings_size, open_belongings
from halfgig.store.stills import is_content

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.s3 import Front

    from halfgig.store.belongings import Belongings

ID, OTHER = "a" * 64, "b" * 64
NOT_IDS = ["", ".", "..", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n", "/etc"]


@pytest.fixture(params=["disk", "folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, s3_of_all: Front | None) -> Settings:
    if request.param == "disk":
        return Settings(data_dir=tmp_path)
    url = f"file://{tmp_path}/shared" if request.param == "folder" else request.getfixturevalue("s3").make_bucket()
    return Settings(data_dir=tmp_path, blob_url=url)


@pytest.fixture
def belongings(settings: Settings) -> Belongings:
    return open_belongings(settings)


def read(kept: Path | BlobFile | None) -> bytes:
    assert kept is not None
    return kept.read_bytes()


def draft(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "draft"
    path.write_bytes(content)
    return path


def ignore() -> None:
    """Take no notice."""


# --- stills


def test_the_nearest_still_is_found(belongings: Belongings) -> None:
    stills = belongings.stills
    stills.keep(ID, [(0.0, b"begin"), (10.04, b"middle"), (20.0, b"end")], b"poster")
    found = [read(stills.near(ID, at)) for at in (0.0, 4.9, 5.1, 14.0, 16.0, 1e9)]
    assert found == [b"begin", b"begin", b"middle", b"middle", b"end", b"end"]
    assert read(stills.poster(ID)) == b"poster"
    assert stills.known([ID, OTHER, "none"]) == {ID}


def test_new_ones_take_the_place_of_all(belongings: Belongings) -> None:
    stills = belongings.stills
    stills.keep(ID, [(0.0, b"old"), (10.0, b"old")], b"old")
    stills.keep(ID, [(5.0, b"new")], b"new")
    assert {read(stills.near(ID, at)) for at in (0.0, 10.0)} == {b"new"}
    stills.remove(ID)
    assert stills.poster(ID) is stills.near(ID, 1.0) is None
    stills.remove(ID)


def test_without_moments_the_poster_stands_for_all(belongings: Belongings) -> None:
    belongings.stills.keep(ID, [], b"poster")
    assert read(belongings.stills.near(ID, 3.0)) == b"poster"


@pytest.mark.parametrize("name", NOT_IDS)
def test_only_ids_of_content_become_paths(tmp_path: Path, name: str) -> None:
    belongings = open_belongings(Settings(data_dir=tmp_path))
    assert not is_content(name)
    (tmp_path / "thumbnails").mkdir()
    (tmp_path / "poster.jpg").write_bytes(b"another's")
    assert belongings.stills.poster(name) is belongings.stills.near(name, 0.0) is None
    assert belongings.poses.find(name) is belongings.drawings.count(name) is None
    assert belongings.stills.known([name]) == belongings.poses.known([name]) == set()
    belongings.forget(name)
    with pytest.raises(ValueError, match="no id"):
        belongings.stills.keep(name, [], b"")
    for keep in (belongings.poses.keep, belongings.drawings.keep_count):
        with pytest.raises(ValueError, match="no id"):
            keep(name, tmp_path / "poster.jpg", ignore)
    assert (tmp_path / "poster.jpg").exists()


# --- poses, counts and drawings


def test_poses_are_kept_and_replaced_whole(belongings: Belongings, tmp_path: Path) -> None:
    poses = belongings.poses
    assert poses.find(ID) is None
    for content in (b"HGP1 old", b"HGP1 newer"):
        poses.keep(ID, draft(tmp_path, content), ignore)
        assert read(poses.find(ID)) == content
    assert not (tmp_path / "draft").exists()
    assert (poses.known([OTHER, ID]), poses.sources(), poses.size()) == ({ID}, {ID}, len(b"HGP1 newer"))
    poses.remove(ID)
    assert poses.find(ID) is None


def test_a_large_one_comes_back_as_it_was(belongings: Belongings, tmp_path: Path) -> None:
    content, beats = random.Random(1).randbytes(17 * MIB + 5), list[int]()
    belongings.drawings.keep_count(ID, draft(tmp_path, content), lambda: beats.append(1))
    kept = belongings.drawings.count(ID)
    assert read(kept) == content
    if isinstance(kept, BlobFile):
        assert len(beats) >= 3
        assert kept.read(8 * MIB - 5, 10) == content[8 * MIB - 5 : 8 * MIB + 5]


def test_nothing_is_seen_of_one_whose_sending_is_broken_off(settings: Settings, tmp_path: Path) -> None:
    if not settings.blob_url.startswith("s3:"):
        return  # a rename is not broken off
    belongings, beats = open_belongings(settings), list[int]()

    def beat() -> None:
        beats.append(1)
        if len(beats) == 3:
            raise Conflict("The job is no longer this one's.")

    with pytest.raises(Conflict):
        belongings.drawings.keep_count(ID, draft(tmp_path, bytes(20 * MIB)), beat)
    assert belongings.drawings.count(ID) is None
    assert (belongings.sources(), belongings.size()) == (set(), 0)
    assert (tmp_path / "draft").exists()


def test_drawings_are_those_of_the_count(belongings: Belongings, tmp_path: Path) -> None:
    drawings = belongings.drawings
    assert drawings.version(ID) is None
    drawings.keep_count(ID, draft(tmp_path, b"one count"), ignore)
    old = drawings.version(ID)
    assert old
    drawings.keep(Drawn(ID, old, Drawing.PLOT), draft(tmp_path, b"plot"), ignore)
    assert (read(drawings.find(ID, Drawing.PLOT)), drawings.sizes(ID)) == (b"plot", {Drawing.PLOT: 4})
    assert drawings.find(ID, Drawing.OVERLAY) is None
    drawings.keep_count(ID, draft(tmp_path, b"another count"), ignore)
    new = drawings.version(ID)
    assert new not in (None, old)
    assert (drawings.find(ID, Drawing.PLOT), drawings.sizes(ID), drawings.size()) == (None, {}, len(b"another count"))
    for version in (new, old):  # as by one that draws the earlier count still
        drawings.keep(Drawn(ID, str(version), Drawing.PLOT), draft(tmp_path, str(version).encode()), ignore)
    assert read(drawings.find(ID, Drawing.PLOT)) == str(new).encode()
    drawings.remove(ID, Drawing.PLOT)
    assert (drawings.find(ID, Drawing.PLOT), read(drawings.count(ID))) == (None, b"another count")


def test_what_is_read_is_never_mixed_with_what_takes_its_place(belongings: Belongings, tmp_path: Path) -> None:
    first, second = bytes(MIB), b"x" * MIB
    belongings.poses.keep(ID, draft(tmp_path, first), ignore)
    kept = belongings.poses.find(ID)
    assert kept is not None
    with kept.open("rb", buffering=0) if not isinstance(kept, BlobFile) else kept.open() as stream:
        assert stream.read(1000) == first[:1000]
        belongings.poses.keep(ID, draft(tmp_path, second), ignore)
        rest = b""
        with suppress(ServerTrouble):  # which is tried again
            while piece := stream.read(100_000):
                rest += piece
        assert rest == first[1000 : 1000 + len(rest)]
    assert read(belongings.poses.find(ID)) == second


def test_all_goes_with_its_source(belongings: Belongings, tmp_path: Path) -> None:
    for source_id in (ID, OTHER):
        belongings.stills.keep(source_id, [(1.0, b"jpeg")], b"poster")
        belongings.poses.keep(source_id, draft(tmp_path, b"poses"), ignore)
        belongings.drawings.keep_count(source_id, draft(tmp_path, b"count"), ignore)
    assert (belongings.sources(), belongings.size()) == ({ID, OTHER}, 20)
    belongings.forget(ID)
    assert (belongings.sources(), belongings.size()) == ({OTHER}, 10)
    assert read(belongings.stills.near(OTHER, 0.0)) == b"jpeg"
    belongings.forget(OTHER)
    assert belongings.sources() == set()


# --- on one machine


def test_files_lie_where_they_always_did(tmp_path: Path) -> None:
    belongings = open_belongings(Settings(data_dir=tmp_path))
    belongings.stills.keep(ID, [(1.5, b"jpeg")], b"poster")
    belongings.poses.keep(ID, draft(tmp_path, b"poses"), ignore)
    belongings.drawings.keep_count(ID, draft(tmp_path, b"count"), ignore)
    os.utime(tmp_path / "drawings" / ID / "count", ns=(255, 255))
    drawn = Drawn(ID, belongings.drawings.version(ID) or "", Drawing.PLOT)
    belongings.drawings.keep(drawn, draft(tmp_path, b"png"), ignore)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {
        *(f"thumbnails/{ID}/1500.jpg", f"thumbnails/{ID}/poster.jpg"),
        *(f"poses/{ID}", f"drawings/{ID}/count", f"drawings/{ID}/ff-plot.png"),
    }


def test_drafts_of_killed_workers_go_in_time(tmp_path: Path) -> None:
    belongings, poses = open_belongings(Settings(data_dir=tmp_path)), tmp_path / "poses"
    poses.mkdir()
    stay, go = {ID, "a.txt", ".draft-young"}, {f"{ID}.job.2", ".draft-0123"}
    for name in stay | go:
        (poses / name).write_bytes(b"HGP1")
        os.utime(poses / name, (1000, 1000 if name != ".draft-young" else 3000))
    assert {key.rpartition("/")[2] for key in belongings.poses.drop_drafts(2000)} == go
    assert {path.name for path in poses.iterdir()} == stay


def test_what_is_in_storage_is_asked_for_seldom(tmp_path: Path) -> None:
    for url, seen in (("", 5), (f"file://{tmp_path}/shared", 0)):
        settings = Settings(data_dir=tmp_path, blob_url=url)
        size = belongings_size(settings)
        assert size() == 0
        open_belongings(settings).poses.keep(ID, draft(tmp_path, b"poses"), ignore)
        assert size() == seen


def test_all_jobs_of_a_process_share_one_look_at_s3(tmp_path: Path, s3: Front) -> None:
    settings = Settings(data_dir=tmp_path, blob_url=s3.make_bucket(), disk_quota_mb=1)
    Fetching(settings, tmp_path / "own", ignore)(1, None)
    looked = len(s3.asked)
    assert looked > 0
    Fetching(settings, tmp_path / "other", ignore)(1, None)
    assert len(s3.asked) == looked
