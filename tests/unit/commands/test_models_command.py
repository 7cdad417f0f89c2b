from __future__ import annotations

import argparse
import io
from typing import TYPE_CHECKING

import pytest

from halfgig.commands import models as command
from halfgig.errors import BadRequest, ModelError
from halfgig.models.manifest import DEFAULT_MODELS, MODELS
from halfgig.models.pull import PullEvent, Step
from halfgig.models.record import FileRecord, Record, write_record
from halfgig.models.store import ModelStore
from halfgig.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def run(data: Path, *words: str, offline: bool = True) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return command.run(parser.parse_args(["models", *words]), Settings(data_dir=data, offline=offline))


def install(data: Path, name: str) -> Path:
    folder = data / "models" / name
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * 2_000_000)
    write_record(Record(name, "none", (FileRecord("weights", 2_000_000, "0" * 64),), {}), folder)
    return folder


def test_list_is_a_table_of_every_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(tmp_path, "base")
    fetched = tmp_path / "models" / ".pulling" / "tiny.en" / "fetched"
    fetched.mkdir(parents=True)
    (fetched / "model.bin.part").write_bytes(b"w" * 1_500_000)
    assert run(tmp_path, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["MODEL", "KIND", "SIZE", "LICENCE", "STATE", "WHAT"]
    assert [line.split()[0] for line in lines[1:-1]] == list(MODELS)
    rows = {line.split()[0]: line for line in lines[1:-1]}
    assert "1.5 MB fetched" in rows["tiny.en"]
    assert rows["base"].split()[2:6] == ["2.0", "MB", "MIT", "ready"]
    assert "absent" in rows["silero-vad"]
    assert lines[-1] == f"in {tmp_path / 'models'}"


def test_pull_takes_the_default_set_or_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pulled: list[str] = []
    monkeypatch.setattr(ModelStore, "ensure", lambda self, name, report: pulled.append(name))
    run(tmp_path, "pull")
    assert pulled == list(DEFAULT_MODELS)
    pulled.clear()
    run(tmp_path, "pull", "all", "base")
    assert pulled == list(MODELS)
    pulled.clear()
    run(tmp_path, "pull", "base", "base")
    assert pulled == ["base"]


def test_wrong_names_are_refused_before_anything_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelStore, "ensure", lambda *_: pytest.fail("pulled"))
    with pytest.raises(BadRequest, match="no model called huge"):
        run(tmp_path, "pull", "base", "huge")


def test_offline_pull_raises_for_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="HALFGIG_OFFLINE is set"):
        run(tmp_path, "pull", "base")


def test_verify_goes_through_all_and_tells_the_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("base", "tiny.en"):
        install(tmp_path, name)
    assert run(tmp_path, "verify") == ModelError.exit_code
    told = capsys.readouterr().err
    assert "base is damaged: weights" in told
    assert "tiny.en is damaged: weights" in told


def test_verify_of_an_empty_store_is_fine(tmp_path: Path) -> None:
    assert run(tmp_path, "verify") == 0


def test_remove_says_what_was_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = install(tmp_path, "base")
    assert run(tmp_path, "remove", "base", "tiny.en") == 0
    assert capsys.readouterr().out == "base: removed\ntiny.en: was not there\n"
    assert not folder.exists()


def test_what_a_broken_off_pull_from_a_hub_left_is_listed_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = tmp_path / "models" / ".pulling" / "maker--bge-small@0123" / "fetched"
    (fetched / "1_Pooling").mkdir(parents=True)
    (fetched / "model.safetensors").symlink_to(tmp_path / "a folder that is gone")
    (fetched / "1_Pooling" / "config.json").write_bytes(b"w" * 1_500_000)
    run(tmp_path, "list")
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("maker/bge-small@0123 "))
    assert "1.5 MB fetched" in row
    assert run(tmp_path, "remove", "maker/bge-small") == 0
    assert capsys.readouterr().out == "maker/bge-small@0123: removed\n"
    assert not fetched.exists()


def test_remove_wants_a_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "remove")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


STORY = [
    PullEvent(Step.WAITING, "m"),
    PullEvent(Step.FAILED, "m", "f", "https://far/f", note="far cannot be reached (no answer in time)."),
    PullEvent(Step.FETCHING, "m", "f", "https://near/f", 1_000_000, 4_000_000),
    PullEvent(Step.FETCHING, "m", "f", "https://near/f", 2_000_000, 4_000_000),
    PullEvent(Step.FETCHING, "m", "f", "https://near/f", 4_000_000, 4_000_000),
    PullEvent(Step.SERVED, "m", "f", "https://near/f", 4_000_000, 4_000_000),
    PullEvent(Step.CONVERTING, "m"),
    PullEvent(Step.READY, "m"),
]


def tell(out: io.StringIO, story: list[PullEvent]) -> str:
    ticks = iter(range(100))
    progress = command.PullProgress(out, clock=lambda: float(next(ticks)))
    for event in story:
        progress(event)
    return out.getvalue()


def test_progress_without_a_terminal_is_whole_lines() -> None:
    assert tell(io.StringIO(), STORY).splitlines() == [
        "m: another process is pulling it; waiting",
        "m: far cannot be reached (no answer in time).",
        "m: f 4.0 MB from https://near/f",
        "m: converting to int8",
    ]


def test_progress_on_a_terminal_is_one_line_with_the_rate() -> None:
    told = tell(Terminal(), STORY)
    assert "\r\033[Km: f 2.0 of 4.0 MB, 1.0 MB/s, https://near/f" in told
    assert told.count("\n") == 4


def test_a_package_tells_what_arrived_but_no_total() -> None:
    story = [PullEvent(Step.FETCHING, "m", "f", "wheel w 1.0", got, 10) for got in (0, 5_000_000)]
    assert "m: f 5.0 MB, 5.0 MB/s, wheel w 1.0" in tell(Terminal(), story)
