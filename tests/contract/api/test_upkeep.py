from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from halfgig.api import upkeep
from halfgig.api.upkeep import remove_drafts, remove_fetched, remove_homeless, see_to_end
from halfgig.jobs.attempt import Attempt
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

PATIENCE = 120.0  # seconds; only a test that fails waits so long


def test_what_was_fetched_for_a_job_goes_when_it_ends(
    site: Any, ended_job: Callable[..., Any], make_job: Callable[..., Any]
) -> None:
    job = ended_job()
    folder = site.services.settings.fetched_dir / job.id
    other = folder.with_name(make_job().id)
    for one in (folder, other):
        one.mkdir(parents=True)
        (one / "source.mp4.part").write_bytes(b"half")
    site.run(see_to_end(site.services, job))
    assert not folder.exists()
    assert other.exists()
    site.run(see_to_end(site.services, job))


def test_what_a_killed_server_left_of_ended_jobs_goes(
    site: Any, make_job: Callable[..., Any], started_job: Callable[..., Any], ended_job: Any
) -> None:
    kept = {make_job().id, started_job().id}
    fetched = site.services.settings.fetched_dir
    for name in (*kept, ended_job().id, "of-a-job-that-was-deleted"):
        (fetched / name).mkdir(parents=True)
        (fetched / name / "source.mp4.part").write_bytes(b"half")
    remove_fetched(site.services)
    assert {folder.name for folder in fetched.iterdir()} == kept


def test_what_a_killed_move_left_goes_a_day_later(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = site.services.settings.fetched_dir
    fetched.mkdir()
    (fetched / "carried").write_bytes(b"plot")
    os.utime(fetched / "carried", (1000, 1000))  # of what it is a link to
    assert remove_fetched(site.services) == []
    monkeypatch.setattr(upkeep, "DAY", -60.0)
    assert remove_fetched(site.services) == ["carried"]
    assert list(fetched.iterdir()) == []


def test_pictures_of_what_nobody_knows_go(site: Any, started_job: Callable[..., Any]) -> None:
    settings, belongings, job = site.services.settings, site.services.belongings, started_job()
    filed, worked_on, left = ("a" * 64, "b" * 64, "c" * 64)
    assert remove_homeless(site.services) == []
    for source_id in (filed, worked_on, left):
        belongings.stills.keep(source_id, [], b"jpeg")
        (settings.data_dir / "draft").write_bytes(b"HGP1")
        belongings.poses.keep(source_id, settings.data_dir / "draft", lambda: None)
    (settings.data_dir / "poses" / "notes.txt").write_bytes(b"not ours")
    site.queue(lambda queue: Attempt(queue, job).describe(fingerprint=worked_on))
    with open_library(settings.library_path) as connection:
        Library(connection).note_source(filed, "", "Filed", None)
    assert remove_homeless(site.services) == [left]
    assert belongings.stills.sources() == {filed, worked_on}
    assert {one.name for one in (settings.data_dir / "poses").iterdir()} == {filed, worked_on, "notes.txt"}


def test_drafts_of_killed_workers_go_a_day_later(site: Any) -> None:
    poses = site.services.settings.data_dir / "poses"
    assert remove_drafts(site.services) == []
    poses.mkdir()
    for name in (".draft-old", ".draft-new"):
        (poses / name).write_bytes(b"HGP1")
    os.utime(poses / ".draft-old", (1000, 1000))
    assert remove_drafts(site.services) == ["poses/.draft-old"]
    assert [one.name for one in poses.iterdir()] == [".draft-new"]


def test_a_server_sweeps_when_it_starts(open_site: Any, tmp_path: Path) -> None:
    left = tmp_path / "fetched" / "left"
    left.mkdir(parents=True)
    with open_site() as site:
        site.run(asyncio.wait_for(gone(left), PATIENCE))


async def gone(folder: Path) -> None:
    while folder.exists():
        await asyncio.sleep(0.01)
