"""The routes of search and of the library, over a real library in a temporary folder."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.records import Passage, Segment, Word
from halfgig.retrieval.events import EventIndex
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.reps import Event
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.api.conftest import Site

MODEL = EmbeddingModel("all-MiniLM-L6-v2", 2)
RAIN = "The Norsemen considered the rainbow as a bridge."
SEGMENTS = (
    Segment(0.0, 4.0, RAIN, words=(Word(0.0, 0.4, " The", 0.9),)),
    Segment(5.0, 8.0, "Others did not."),
)


def add(path: Path, source_id: str, *, title: str = "Rain.mp4", ready: bool = True, day: int = 0) -> None:
    """A source with two segments and, where it is ready, one passage."""
    clock = lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)  # noqa: E731
    with open_library(path) as connection:
        library, index = Library(connection, clock), SqliteIndex(connection, MODEL)
        source = library.add_source(source_id, "https://example.org/rain.mp4", title, "tiny.en", duration=8.0)
        for _ in library.append_segments(source, SEGMENTS):
            pass
        if ready:
            library.close_transcript(source, "en")
            passages = [(Passage(0, 0.0, 4.0, RAIN), array("f", [1.0, 0.0]))]
            index.replace(source_id, passages, lambda: library.finish(source))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def rain(path: Path) -> str:
    add(path, "a" * 64)
    return "a" * 64


def test_a_search_finds_moments_by_keyword(site: Site, rain: str) -> None:
    told = site.get("/search", params={"q": " rainbow bridge? ", "mode": "keyword"}).json()
    assert told["question"] == "rainbow bridge?"
    (hit,) = told["hits"]
    assert (hit["source_id"], hit["title"], hit["start"], hit["end"]) == (rain, "Rain.mp4", 0.0, 4.0)
    assert hit["marked"] == "The Norsemen considered the [[rainbow]] as a [[bridge]]."
    assert hit["link"] == "https://example.org/rain.mp4#t=0"
    assert hit["score"] > 0
    assert told["notes"] == ["Searched by keyword only: no embedding model was at hand."]


def test_without_the_model_it_says_what_to_pull(site: Site, rain: str) -> None:
    """A real child looks for it in the models' folder, which is empty."""
    told = site.get("/search", params={"q": "rainbow"}).json()
    assert len(told["hits"]) == 1
    assert "halfgig models pull all-MiniLM-L6-v2" in told["notes"][-1]


def test_without_a_library_the_answer_is_empty(site: Site, path: Path) -> None:
    told = site.get("/search", params={"q": "rainbow"}).json()
    assert told["hits"] == []
    assert "Nothing is indexed yet" in told["notes"][0]
    assert site.get("/sources").json() == {"sources": [], "next": None}
    assert not path.exists()


def test_a_library_that_has_only_begun_is_empty_too(site: Site, path: Path) -> None:
    add(path, "a" * 64, ready=False)
    assert site.get("/search", params={"q": "rainbow", "mode": "keyword"}).json()["hits"] == []


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        *[({"q": "rain", "k": k}, 422) for k in (0, 101, "many")],
        ({}, 422),
        ({"q": ""}, 422),
        ({"q": "x" * 1001}, 422),
        ({"q": "rain", "mode": "magic"}, 422),
        ({"q": " ?! "}, 400),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(site: Site, rain: str, wish: dict[str, Any], status: int) -> None:
    assert site.get("/search", params=wish).status_code == status


def test_a_damaged_library_is_a_problem_of_the_server(site: Site, path: Path) -> None:
    path.write_bytes(b"no database at all, whatever its name may say" * 40)
    answer = site.get("/search", params={"q": "rainbow"})
    assert answer.status_code == 503
    assert "Restore it" in answer.json()["remedy"]
    path.unlink()
    add(path, "a" * 64)
    assert len(site.get("/search", params={"q": "rainbow", "mode": "keyword"}).json()["hits"]) == 1


def test_sources_are_paged_newest_first(site: Site, path: Path) -> None:
    for day in range(5):
        add(path, f"{day}" * 64, day=day // 2)
    address, seen = "/sources?limit=2", []
    while address:
        answer = site.get(address)
        told = answer.json()
        seen += [source["id"][0] for source in told["sources"]]
        address = told["next"]
        assert ("link" in answer.headers) == (address is not None)
    assert seen == ["4", "3", "2", "1", "0"]
    assert site.get("/sources", params={"before": "unknown"}).json()["sources"] == []


def test_a_hit_tells_where_it_begins_and_how_it_scores(site: Site, rain: str) -> None:
    (hit,) = site.get("/search", params={"q": "rainbow", "mode": "keyword"}).json()["hits"]
    assert (hit["at"], hit["kind"]) == (0.0, "speech")
    (rank,) = hit["ranks"]
    assert (rank["ranking"], rank["rank"]) == ("keyword", 1)
    assert rank["adds"] == pytest.approx(hit["score"])


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ({}, ["b", "a"]),
        ({"source": "a" * 64}, ["a"]),
        ({"source": ["aaaa", "Snow.mp4"]}, ["b", "a"]),
        ({"language": "en"}, ["b", "a"]),
        ({"language": "de"}, []),
        ({"tag": "WEATHER"}, ["a"]),
        ({"since": "2026-01-02"}, ["b"]),
        ({"until": "2026-01-01"}, ["a"]),
        ({"after": 4}, []),
        ({"before": 1}, ["b", "a"]),
        ({"kind": "motion"}, []),
        ({"grouped": "true", "k": 1}, ["a"]),
    ],
)
def test_a_search_is_kept_to_a_scope(site: Site, path: Path, scope: dict[str, Any], found: list[str]) -> None:
    add(path, "a" * 64)
    add(path, "b" * 64, title="Snow.mp4", day=1)
    with open_library(path) as connection:
        Library(connection).tag("a" * 64, ["weather"])
    told = site.get("/search", params={"q": "rainbow", "mode": "keyword", **scope}).json()
    assert sorted(hit["source_id"][0] for hit in told["hits"]) == sorted(found)


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"source": "nobody"}, 404),
        ({"since": "2026-02-30"}, 400),
        ({"since": "yesterday"}, 422),
        ({"after": -1}, 422),
        ({"kind": "smell"}, 422),
        ({"tag": ["x"] * 21}, 422),
    ],
)
def test_a_scope_that_makes_no_sense_is_refused(site: Site, rain: str, scope: dict[str, Any], status: int) -> None:
    assert site.get("/search", params={"q": "rainbow", **scope}).status_code == status


def test_what_is_seen_is_found_too(site: Site, path: Path, rain: str) -> None:
    with open_library(path) as connection:
        Library(connection).note_source("c" * 64, "https://example.org/squats.mp4", "Squats", 9.0)
        EventIndex(connection).replace("c" * 64, [Event(0, 1.0, 3.0, "Squat 1 of 1", "squat first deepest")])
    (hit,) = site.get("/search", params={"q": "deepest squat", "mode": "keyword"}).json()["hits"]
    assert (hit["kind"], hit["marked"]) == ("motion", "[[Squat]] 1 of 1")
    assert hit["link"] == "https://example.org/squats.mp4#t=1"
    told = site.get(f"/sources/{'c' * 64}").json()
    assert (told["state"], told["model"]) == ("unheard", "")
    assert site.get(f"/sources/{'c' * 64}/transcript").headers["halfgig-complete"] == "false"
    assert site.ask("DELETE", f"/sources/{'c' * 64}").status_code == 204
    assert site.get("/search", params={"q": "deepest squat", "mode": "keyword"}).json()["hits"] == []


def test_moments_like_another_are_found_without_a_model(site: Site, path: Path, rain: str) -> None:
    add(path, "b" * 64, title="Again.mp4")
    told = site.get("/similar", params={"to": "Rain.mp4", "at": 1}).json()
    assert [hit["title"] for hit in told["hits"]] == ["Again.mp4"]
    assert site.get("/similar", params={"to": rain, "at": 100}).status_code == 404
    assert site.get("/similar", params={"to": "nobody", "at": 1}).status_code == 404
    add(path, "d" * 64, title="Again.mp4")
    assert site.get("/similar", params={"to": "Again.mp4", "at": 1}).status_code == 400


def test_nothing_is_like_anything_before_there_is_a_library(site: Site) -> None:
    assert "Nothing is indexed yet" in site.get("/similar", params={"to": "x", "at": 1}).json()["notes"][0]


def test_a_source_is_shown(site: Site, rain: str) -> None:
    told = site.get(f"/sources/{rain}").json()
    here = f"/sources/{rain}"
    parts = ("transcript", "reps", "drawings")
    assert told.pop("links") == {"self": here, **{name: f"{here}/{name}" for name in parts}}
    assert told.pop("added_at").startswith("2026-01-01")
    assert told == {
        **{"id": rain, "title": "Rain.mp4", "address": "https://example.org/rain.mp4", "duration": 8.0},
        **{"language": "en", "model": "tiny.en", "state": "ready", "tags": [], "passages": 1, "reps": {}},
        **{"thumbnail": None, "media": None, "poses": None},
    }


def test_a_source_is_forgotten_with_all_that_belongs_to_it(site: Site, path: Path, rain: str) -> None:
    assert site.ask("DELETE", f"/sources/{rain}").status_code == 204
    with open_library(path) as connection:
        assert SqliteIndex(connection).count() == 0
        assert Library(connection).sources() == []
    for method, address in (("DELETE", ""), ("GET", ""), ("GET", "/transcript")):
        assert site.ask(method, f"/sources/{rain}{address}").status_code == 404


def test_a_transcript_in_every_form(site: Site, rain: str) -> None:
    address = f"/sources/{rain}/transcript"
    told = site.get(address)
    assert told.headers["halfgig-complete"] == "true"
    assert told.headers["content-disposition"] == 'attachment; filename="Rain.json"'
    assert told.json()["source"]["id"] == rain
    assert told.json()["text"] == f"{RAIN} Others did not."
    assert [segment["start"] for segment in told.json()["segments"]] == [0.0, 5.0]
    assert site.get(address, params={"format": "txt"}).text == f"{RAIN}\nOthers did not.\n"
    assert "00:00:05,000 --> 00:00:08,000" in site.get(address, params={"format": "srt"}).text
    assert site.get(address, params={"format": "vtt"}).text.startswith("WEBVTT")
    assert site.get(address, headers={"accept": "text/tab-separated-values"}).text.startswith("start\tend")
    verbose = site.get(address, params={"format": "verbose_json"}).json()
    assert (verbose["language"], verbose["duration"], len(verbose["segments"])) == ("en", 8.0, 2)
    assert site.get(address, params={"format": "csv"}).status_code == 415


def test_a_transcript_that_still_grows_says_so(site: Site, path: Path) -> None:
    add(path, "b" * 64, ready=False)
    told = site.get(f"/sources/{'b' * 64}/transcript", params={"format": "txt"})
    assert told.headers["halfgig-complete"] == "false"
    assert "Norsemen" in told.text


def test_a_long_transcript_is_read_a_page_at_a_time(site: Site, path: Path) -> None:
    with open_library(path) as connection:
        library = Library(connection)
        source = library.add_source("c" * 64, "", "Long", "tiny.en")
        for _ in library.append_segments(source, (Segment(n, n + 1, f"Sentence {n}.") for n in range(250))):
            pass
    lines = site.get(f"/sources/{'c' * 64}/transcript", params={"format": "txt"}).text.splitlines()
    assert lines == [f"Sentence {n}." for n in range(250)]
