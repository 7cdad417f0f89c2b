from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

import pytest

from halfgig.commands.standard import add_speech_options, given, open_output, speech_settings, tell
from halfgig.errors import BadRequest
from halfgig.settings import Settings


def write(path: str | None, text: str = "new") -> None:
    with open_output(path) as out:
        out(text)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with open_output(str(target)) as out:
        out("part")
        assert not target.exists()
        out(" and rest ä")
    assert target.read_text(encoding="utf-8") == "part and rest ä"
    assert names(tmp_path) == {"a.txt"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_what_was_there_is_kept_when_the_work_fails(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a.txt").write_text("old")

    def work() -> None:
        with open_output(str(tmp_path / "a.txt")) as out:
            out("new")
            raise error

    with pytest.raises(error):
        work()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == {"a.txt"}


def test_a_link_is_followed_and_rights_are_kept(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    write(str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_rights_that_the_user_gives_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(str(tmp_path / "a"))
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path: Path) -> None:
    write(str(tmp_path / ("a" * 255)))
    with pytest.raises(BadRequest, match="cannot be written: File name too long"):
        write(str(tmp_path / ("a" * 256)))


def test_a_named_pipe_is_written_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(str(tmp_path / "pipe"))
    assert os.read(reader, 99) == b"new"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(("path", "why"), [("", "is a folder"), (".", "is a folder"), ("none/a", "No such file")])
def test_places_that_take_no_file_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRequest, match=why):
        write(path)
    assert names(tmp_path) == set()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(BadRequest, match="/dev/full cannot be written: No space left on device"):
        write("/dev/full")
    assert Path("/dev/full").exists()


@pytest.mark.parametrize("path", [None, "-", "/dev/stdout"])
def test_standard_output_has_three_names(path: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    write(path, "x")
    assert capsys.readouterr().out == "x"


def test_closed_standard_streams_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(BadRequest, match="Standard output is closed"):
        write(None)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(BadRequest, match="Standard input is closed"):
        given("-")


def test_a_closed_pipe_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        write(None)


def test_a_source_is_standard_input_only_as_a_dash() -> None:
    assert given("a-.mp4") == "a-.mp4"
    assert given("--") == "--"


def test_notes_are_lines_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    tell("", "one\x1b[31m", "two")
    assert capsys.readouterr().err == "Note: one [31m\nNote: two\n"


def spoken(*options: str, settings: Settings | None = None) -> Settings:
    parser = argparse.ArgumentParser()
    add_speech_options(parser)
    return speech_settings(parser.parse_args(options), settings or Settings())


def test_options_of_speech_take_the_place_of_settings() -> None:
    theirs = Settings(language="de", whisper_model="base")
    assert spoken(settings=theirs) == theirs
    given = spoken("--language", "French", "--model", "tiny", settings=theirs)
    assert (given.language, given.whisper_model) == ("fr", "tiny")


def test_a_language_that_there_is_not_is_told_at_once() -> None:
    with pytest.raises(BadRequest, match="no language klingon"):
        spoken("--language", "klingon")
