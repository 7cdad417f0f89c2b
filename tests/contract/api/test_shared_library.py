"""Servers whose library is in one Postgres: what one changes the other shows, and a while without it is borne."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.api.conftest import REPORT
from tests.contract.test_whole_library import MODEL
from tests.fakes.databases import library_at, stopped

from halfgig.operations.indexes import own_index
from halfgig.operations.library import file_report
from halfgig.records import Passage, Segment
from halfgig.settings import Settings
from halfgig.store.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.contract.api.conftest import Site

    from halfgig.store.database import Database

ID = "a" * 64
RAIN = "The Norsemen considered the rainbow as a bridge."
KEYWORD = {"q": "rainbow bridge", "mode": "keyword"}


def index(database: Database) -> None:
    library = Library(database)
    source = library.add_source(ID, "https://example.org/rain.mp4", "Rain.mp4", "tiny.en", duration=8.0)
    library.take_segments(source, [Segment(0.0, 4.0, RAIN), Segment(5.0, 8.0, "Others did not.")])
    library.close_transcript(source, "en")
    rows = [(Passage(0, 0.0, 4.0, RAIN), memoryview(bytes(32)).cast("f"))]
    own_index(database, MODEL).replace(ID, rows, lambda: library.finish(source))


@pytest.fixture
def site(open_site: Callable[..., AbstractContextManager[Site]], postgres_url: str) -> Iterator[Site]:
    with open_site(database_url=postgres_url) as site:
        yield site


def test_a_server_shows_what_another_machine_has_indexed(site: Site, postgres_url: str, tmp_path: Path) -> None:
    assert site.get("/sources").json()["sources"] == []
    assert site.get("/search", params=KEYWORD).json()["hits"] == []
    with library_at(postgres_url) as database:
        index(database)
    file_report(known(postgres_url), REPORT, settings=Settings(data_dir=tmp_path / "other", database_url=postgres_url))
    (hit,) = site.get("/search", params=KEYWORD).json()["hits"]
    assert (hit["source_id"], hit["marked"]) == (ID, "The Norsemen considered the [[rainbow]] as a [[bridge]].")
    told = site.get(f"/sources/{ID}").json()
    assert (told["state"], told["passages"], told["reps"]) == ("ready", 1, {"squat": 1})
    assert site.get(f"/sources/{ID}/reps").json()["count"] == 1
    texts = [segment["text"] for segment in site.get(f"/sources/{ID}/transcript").json()["segments"]]
    assert texts == [RAIN, "Others did not."]


def known(url: str) -> Any:
    with library_at(url) as database:
        return Library(database).source(ID)


def test_a_change_and_a_removal_are_everywhere(site: Site, postgres_url: str) -> None:
    with library_at(postgres_url) as elsewhere:
        index(elsewhere)
        changed = site.ask("PATCH", f"/sources/{ID}/segments/1", json={"text": "Others do."}).json()
        assert [segment.text for segment in Library(elsewhere).segments(ID)] == [RAIN, "Others do."]
        assert site.get(changed["job"]).json()["kind"] == "reindex"
        assert site.ask("DELETE", f"/sources/{ID}").status_code == 204
        assert Library(elsewhere).sources() == []
        assert own_index(elsewhere).count() == 0
    assert site.get(f"/sources/{ID}").status_code == 404


def test_while_the_database_is_away_it_says_so_and_afterwards_it_goes_on(site: Site, postgres_url: str) -> None:
    with library_at(postgres_url) as database:
        index(database)
    assert len(site.get("/search", params=KEYWORD).json()["hits"]) == 1
    with stopped(postgres_url):
        away = site.get("/search", params=KEYWORD)
        assert (away.status_code, "retry-after" in away.headers) == (503, True)
        assert "DATABASE_URL" in away.json()["remedy"]
        assert site.get("/sources").status_code == 503
    assert len(site.get("/search", params=KEYWORD).json()["hits"]) == 1
