from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.commands import library, search
from halfgig.errors import BadRequest, LibraryError
from halfgig.jobs.job import State
from halfgig.jobs.queue import JobQueue
from halfgig.records import Answer, Hit, Passage, StoredSource
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from pathlib import Path

HIT = Hit("a" * 64, "A talk", 61.0, 3725.5, "The cat sat.", "The [[cat]] sat.", 0.0328, "file:///talk.mp4#t=61")


def call(settings: Settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    search.add_parser(subparsers)
    library.add_parser(subparsers)
    arguments = parser.parse_args(words)
    status = arguments.run(arguments, settings)
    assert isinstance(status, int)
    return status


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def filled(settings: Settings) -> Settings:
    with open_library(settings.library_path) as connection:
        index, books = SqliteIndex(connection, EmbeddingModel("all-MiniLM-L6-v2", 4)), Library(connection)
        for name in ("aaaa" * 16, "bbbb" * 16):
            source = books.add_source(name, f"/talks/{name[0]}.mp4", f"Talk {name[0]}", "tiny.en", duration=65.0)
            index.replace(name, [(Passage(0, 1, 9, f"A cat in talk {name[0]}."), np.ones(4, np.float32))])
            books.finish(source)
        books.add_source("cccc" * 16, "/talks/c.mp4", "Half", "tiny.en")
    return settings


def test_a_search_prints_title_times_text_and_link(filled: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(filled, "search", "cat", "-k", "1", "--keyword-only") == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].startswith("Talk a  [00:01-00:09]  score 0.0")
    assert "  A **cat** in talk a." in printed.out
    assert "  file:///talks/a.mp4#t=1" in printed.out
    assert "keyword only" in printed.err


def test_json_is_one_object(filled: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(filled, "search", "a", "cat", "--json", "--keyword-only") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["question"] == "a cat"
    assert [hit["marked"] for hit in answer["hits"]] == ["A [[cat]] in talk a.", "A [[cat]] in talk b."]
    assert answer["notes"]


def test_without_its_model_it_says_so_and_searches_by_keyword(
    filled: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(filled, "search", "cat") == 0
    printed = capsys.readouterr()
    assert "halfgig models pull all-MiniLM-L6-v2" in printed.err
    assert "**cat**" in printed.out


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        ([], ["Talk a", "Talk b"]),
        (["--source", "bbbb"], ["Talk b"]),
        (["--source", "Talk a", "--source", "bbbb"], ["Talk a", "Talk b"]),
        (["--tag", "yoga"], ["Talk b"]),
        (["--language", "de"], []),
        (["--since", "2100-01-01"], []),
        (["--until", "2100-01-01"], ["Talk a", "Talk b"]),
        (["--after", "0:09"], []),
        (["--before", "2"], ["Talk a", "Talk b"]),
        (["--kind", "motion"], []),
        (["--grouped", "-k", "1"], ["Talk a"]),
    ],
)
def test_a_search_is_kept_to_a_scope(
    filled: Settings, options: list[str], titles: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with open_library(filled.library_path) as connection:
        Library(connection).tag("bbbb" * 16, [" Yoga"])
    assert call(filled, "search", "cat", "--keyword-only", "--json", *options) == 0
    assert [hit["title"] for hit in json.loads(capsys.readouterr().out)["hits"]] == titles


def test_groups_and_reasons_are_told(filled: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(filled, "search", "cat", "--keyword-only", "--grouped", "--explain") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Talk a"
    assert lines[2].startswith("  [00:01-00:09]  score 0.0")
    assert lines[4].startswith("    keyword #1 (")
    assert "): +0.0" in lines[4]


def test_what_resembles_a_moment_is_found(filled: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(filled, "search", "--like", "/talks/a.mp4@0:03") == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("Talk b  [00:01-00:09]")
    assert printed.err == ""
    assert call(filled, "search", "--like", "aaaa@3", "--source", "aaaa") == 0
    assert capsys.readouterr().out == "Nothing resembles it.\n"


@pytest.mark.parametrize("words", [[], ["cat", "--like", "a@1"], ["--like", "a"], ["--like", "a@b"], ["--like", "@1"]])
def test_what_is_neither_a_question_nor_a_moment_is_refused(filled: Settings, words: list[str]) -> None:
    with pytest.raises(BadRequest):
        call(filled, "search", *words)


def test_nothing_found_is_said(filled: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(filled, "search", "zebra", "--keyword-only") == 0
    assert capsys.readouterr().out == "Nothing found for: zebra\n"


def test_searching_before_indexing_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(BadRequest, match="Nothing is indexed"):
        call(settings, "search", "cat")
    assert not settings.library_path.exists()


def test_found_words_shine_on_a_terminal_and_control_characters_do_not_reach_it() -> None:
    hit = replace(HIT, title="evil\x1b[2Jtitle")
    told = search.describe_answer(Answer("cat", (hit,)), search.Look(color=True, width=80))
    assert "evil [2Jtitle  [01:01-1:02:05]  score 0.0328" in told
    assert "The \x1b[1;4mcat\x1b[0m sat." in told


def test_a_mark_over_two_lines_is_a_mark() -> None:
    hit = Hit("a", "A", 0, 1, "", "word " * 4 + "[[a long phrase]] more", 1.0, "")
    told = search.describe_answer(Answer("q", (hit,)), search.Look(color=False, width=32))
    assert "[[" not in told
    assert told.count("**") == 2


def test_the_library_lists_its_sources(filled: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(filled, "library", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split() == ["aaaaaaaaaaaa", "01:05", "Talk", "a", "/talks/a.mp4"]
    assert "recognizing" in lines[2]


def test_the_library_lists_as_json(filled: Settings, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(filled, "library", "list", "--json") == 0
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["ready", "ready", "recognizing"]


def test_an_empty_library_says_what_to_do(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(settings, "library", "list") == 0
    assert "halfgig index VIDEO" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["aaaa", "AAAAAA", "a" * 64, "/talks/a.mp4", "Talk a"])
def test_removal_by_any_of_its_names(filled: Settings, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(filled, "library", "remove", name) == 0
    assert capsys.readouterr().out == "Removed Talk a (1 passage).\n"
    assert call(filled, "search", "cat", "--keyword-only", "--json") == 0
    assert [hit["title"] for hit in json.loads(capsys.readouterr().out)["hits"]] == ["Talk b"]


def test_removal_lets_go_of_what_a_server_has_of_it(filled: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    uploads = UploadStore(filled.data_dir / "uploads", clock=lambda: clock[0], expiry=filled.upload_expiry_seconds)
    kept, other = (uploads.create(length=0).id for _ in range(2))
    with JobQueue(filled.data_dir / "jobs.db") as queue:
        job, _ = queue.create("reps", {"upload": kept, "sha256": "a" * 64}, {}, keep_source=True)
        queue.create("reps", {"upload": other, "sha256": "b" * 64}, {}, keep_source=True)
        assert call(filled, "library", "remove", "aaaa") == 0
        assert "is deleted by a server 24 hours after it came." in capsys.readouterr().out
        done = queue.get(job.id)
        assert done is not None
        assert done.state is State.CANCELLED
        clock[0] = filled.upload_expiry_seconds
        assert uploads.expire(queue.uses) == [kept]


@pytest.mark.parametrize("name", ["zzzz", "aaa", ""])
def test_removal_of_what_is_not_there(filled: Settings, name: str) -> None:
    with pytest.raises(BadRequest, match="no source"):
        call(filled, "library", "remove", name)


def test_an_ambiguous_name_is_refused() -> None:
    sources = [StoredSource(n * 64, "", "Same", None, None, "m", "t", "ready", 1) for n in "ab"]
    with pytest.raises(BadRequest, match="2 sources"):
        library.find_source("Same", sources)


def test_the_library_is_checked_vacuumed_copied_exported_and_imported(
    filled: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, copy = tmp_path / "lines.jsonl", tmp_path / "copy.db"
    assert call(filled, "library", "check") == 0
    assert call(filled, "library", "vacuum") == 0
    assert call(filled, "library", "backup", str(copy)) == 0
    assert call(filled, "library", "export", "-o", str(lines)) == 0
    other = Settings(data_dir=tmp_path / "other")
    assert call(other, "library", "import", str(lines)) == 0
    assert "Imported 3 sources" in capsys.readouterr().out
    assert call(other, "library", "export") == 0
    assert capsys.readouterr().out == lines.read_text()
    with pytest.raises(BadRequest, match="cannot be read"):
        call(other, "library", "import", str(tmp_path / "nothing"))
    with open_library(copy) as connection:
        connection.execute("DELETE FROM passages")
    with pytest.raises(LibraryError, match="damaged"):
        call(Settings(data_dir=tmp_path, library=copy), "library", "check")
    assert "passage_vectors and passages differ in 2 rows" in capsys.readouterr().out


def test_a_source_is_found_by_the_address_that_it_was_given_by() -> None:
    kept = StoredSource("a" * 64, "https://example.org/a.mp4", "A", None, None, "m", "t", "ready", 1)
    for name in (kept.address, "https://me:secret@example.org/a.mp4", "https://example.org/a.mp4?token=secret"):
        assert library.find_source(name, [kept]) is kept
