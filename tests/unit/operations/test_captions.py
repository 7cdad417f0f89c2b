from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from halfgig.commands.export import FORMS as OFFERED
from halfgig.errors import BadRequest, SourceError
from halfgig.operations.captions import FORMS, export, read_captions
from halfgig.operations.markdown import MOST_WORDS, markdown
from halfgig.records import Segment, StoredSource, Word
from halfgig.speech.cues import read_cues
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.store.sqlite_database import SqliteDatabase


ONE = "1\n00:00:01,000 --> 00:00:02,000\nÜber uns\n"
TALK = StoredSource("a" * 64, "/talks/a (1).mp4", "Rain_or *shine*", 60.0, "en", "m", "", "ready", 1)
SEGMENTS = (
    Segment(1.0, 2.5, " The <b> cat\nsat.", (Word(1.0, 1.5, " The", 1.0),)),
    Segment(61.0, 62.0, " Then it left."),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with open_library(tmp_path / "library.db") as connection:
        Library(connection).restore(TALK, SEGMENTS)
        yield connection


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_captions_are_read_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "talk.srt"
    path.write_bytes(ONE.encode(encoding))
    assert read_captions(path) == [Segment(1.0, 2.0, " Über uns")]


@pytest.mark.parametrize("content", [b"", b"no captions", b"\x00\xff" * 99, b"\xff\xfe\x00"])
def test_what_holds_no_captions_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "talk.srt").write_bytes(content)
    with pytest.raises(SourceError, match="holds no captions"):
        read_captions(tmp_path / "talk.srt")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_captions(tmp_path / "nothing.srt")
    with (tmp_path / "huge.srt").open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    with pytest.raises(SourceError, match="too large"):
        read_captions(tmp_path / "huge.srt")


def test_the_forms_offered_are_those_that_there_are(connection: SqliteDatabase) -> None:
    assert OFFERED == FORMS
    for form in FORMS:
        assert "cat sat." in " ".join(
            "".join(export(connection, TALK, form)).replace("\\n", " ").replace("\\", "").split()
        )
    with pytest.raises(BadRequest, match="srt, vtt"):
        export(connection, TALK, "docx")


def test_captions_come_back_as_they_went(connection: SqliteDatabase) -> None:
    for form in ("srt", "vtt"):
        read = list(read_cues("".join(export(connection, TALK, form)).replace("<b>", "&lt;b&gt;")))
        assert [segment.start for segment in read] == [1.0, 61.0]
        assert read[0].text == " The <b> cat sat."


def test_markdown_has_paragraphs_that_begin_with_a_link(connection: SqliteDatabase) -> None:
    assert "".join(export(connection, TALK, "md")) == (
        "# Rain\\_or \\*shine\\*\n\n[00:01](<file:///talks/a%20%281%29.mp4#t=1>) The \\<b\\> cat sat. Then it left.\n"
    )
    said = [Segment(60.0 * n, 60.0 * n + 9, " word" * 30 + ("." if n % 3 else "")) for n in range(130)]
    paragraphs = "".join(markdown(replace(TALK, address=""), said)).split("\n\n")[1:]
    assert paragraphs[0].startswith("00:00 word")
    assert paragraphs[-1].startswith("2:0")
    assert all(60 <= paragraph.count("word") <= MOST_WORDS + 30 for paragraph in paragraphs[:-1])


def test_lines_of_json_have_words_where_there_are_any(connection: SqliteDatabase) -> None:
    one, other = map(json.loads, "".join(export(connection, TALK, "jsonl")).splitlines())
    assert one["words"] == [{"start": 1.0, "end": 1.5, "word": "The"}]
    assert other.pop("link").endswith("#t=61")
    assert other == {"start": 61.0, "end": 62.0, "text": "Then it left."}
