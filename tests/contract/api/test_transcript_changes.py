"""PATCH of a segment: kept at once, indexed by a job, and not lost by whatever comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.api.test_search import add

from halfgig.store.edits import Edits
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.api.conftest import Site

ID = "a" * 64
NEW = "The Norsemen considered the rainbow a bridge."


@pytest.fixture
def rain(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    add(path, ID)
    return path


def change(site: Site, number: int = 0, text: str = NEW, source: str = ID) -> Any:
    return site.ask("PATCH", f"/sources/{source}/segments/{number}", json={"text": text})


def test_a_changed_segment_is_told_in_every_form(site: Site, rain: Path) -> None:
    told = change(site, text=f"  {NEW[:13]}\n{NEW[13:]} ").json()
    assert (told["number"], told["start"], told["end"], told["text"]) == (0, 0.0, 4.0, NEW)
    assert told["original"].endswith("as a bridge.")
    address = f"/sources/{ID}/transcript"
    first, second = site.get(address).json()["segments"]
    assert (first["number"], first["text"], first["original"]) == (0, NEW, told["original"])
    assert (second["number"], "original" in second, "words" in first) == (1, False, False)
    for form in ("txt", "srt", "vtt", "md"):
        assert NEW in site.get(address, params={"format": form}).text
    assert site.get(address, params={"format": "md"}).text.startswith("# Rain.mp4\n")


def test_it_is_indexed_again_by_one_job(site: Site, rain: Path) -> None:
    first, second = change(site).json()["job"], change(site, 1, "Others did.").json()["job"]
    assert first == second
    job = site.get(first).json()
    assert (job["kind"], job["state"], job["source_id"], job["source"]["title"]) == (
        "reindex",
        "queued",
        ID,
        "Rain.mp4",
    )
    assert "transcript" not in job["links"]
    assert site.get(f"{first}/transcript").status_code == 404
    assert len(site.get("/jobs?kind=reindex").json()["jobs"]) == 1


def test_what_changes_nothing_needs_no_job(site: Site, rain: Path) -> None:
    assert change(site, 1, "Others did not.").json() == {
        **{"number": 1, "start": 5.0, "end": 8.0, "text": "Others did not.", "original": None, "job": None}
    }
    assert site.get("/jobs").json()["jobs"] == []


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": " \n "}, {"text": "x" * 5001}, {"text": 1}])
def test_what_is_no_text_is_refused(site: Site, rain: Path, body: dict[str, Any]) -> None:
    assert site.ask("PATCH", f"/sources/{ID}/segments/0", json=body).status_code == 422


def test_what_is_not_there_cannot_be_changed(site: Site, rain: Path) -> None:
    assert change(site, 2).status_code == 404
    assert change(site, source="b" * 64).status_code == 404
    assert site.ask("PATCH", f"/sources/{ID}/segments/-1", json={"text": "x"}).status_code == 422
    add(rain, "c" * 64, ready=False)
    assert change(site, source="c" * 64).status_code == 409


def test_a_change_that_no_job_was_made_for_is_indexed_after_the_next_start(open_site: Any, rain: Path) -> None:
    """As after a kill between the two."""
    with open_library(rain) as connection:
        Edits(connection).change(ID, 0, NEW)
    with open_site() as site:
        site.run(wait_for_sweep(site))
        (job,) = site.get("/jobs").json()["jobs"]
        assert (job["kind"], job["source_id"]) == ("reindex", ID)


async def wait_for_sweep(site: Site) -> None:
    import asyncio

    async with asyncio.timeout(120):
        while not await site.services.ask(lambda queue: queue.page()):
            await asyncio.sleep(0.01)


def test_a_change_that_no_segment_takes_is_told(site: Site, rain: Path) -> None:
    change(site)
    with open_library(rain) as connection:
        Library(connection).restart(ID, "base")
    (unused,) = site.get(f"/sources/{ID}/transcript").json()["unused"]
    assert unused["text"] == NEW
