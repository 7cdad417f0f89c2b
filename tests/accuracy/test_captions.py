"""Captions that are there already, indexed by the command line with the real embedding model."""

from __future__ import annotations

import argparse
import wave
from typing import TYPE_CHECKING

import pytest

from halfgig.commands import export, index
from halfgig.errors import BadRequest
from halfgig.operations.captions import index_captions
from halfgig.operations.searching import search
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.models]

VTT = "WEBVTT\n\n00:01.000 --> 00:03.000\nThe rainbow is a bridge.\n\n00:03.000 --> 00:05.000\nLobsters were boiled.\n"


def call(settings: Settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    index.add_parser(subparsers)
    export.add_parser(subparsers)
    arguments = parser.parse_args(words)
    return int(arguments.run(arguments, settings))


@pytest.fixture
def settings(tmp_path: Path, model_store: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", models=model_store, offline=True, language="en")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six seconds of silence, which no recogniser would make words of."""
    with wave.open(str(tmp_path / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000 * 6))
    (tmp_path / "talk.vtt").write_text(VTT)
    return tmp_path / "talk.wav"


def test_captions_are_indexed_found_and_exported(
    settings: Settings, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captions = str(source.with_suffix(".vtt"))
    assert call(settings, "index", str(source), "--captions", captions, "--tag", "myths") == 0
    assert "talk.wav indexed: 1 passage" in capsys.readouterr().out
    (hit,) = search("crustacean", settings=settings).hits
    assert (hit.title, hit.start) == ("talk.wav", 1.0)
    (hit,) = search("lobsters", settings=settings).hits
    assert (hit.at, hit.link) == (3.0, f"{source.as_uri()}#t=3")
    assert call(settings, "export", "talk.wav", "-f", "vtt") == 0
    assert capsys.readouterr().out.split() == VTT.replace("\n00:0", "\n00:00:0").replace("> 00:0", "> 00:00:0").split()


def test_captions_take_the_place_of_others(settings: Settings, source: Path) -> None:
    index_captions(source, source.with_suffix(".vtt"), settings=settings)
    source.with_suffix(".vtt").write_text(VTT.replace("rainbow", "causeway"))
    indexed = index_captions(source, source.with_suffix(".vtt"), settings=settings)
    assert (indexed.source.state, indexed.source.model, indexed.source.duration) == ("ready", "captions", 6.0)
    with open_library(settings.library_path) as connection:
        assert next(Library(connection).segments(indexed.source.id)).text == " The causeway is a bridge."
    assert search('"rainbow"', settings=settings).hits == ()


@pytest.mark.parametrize("words", [["a.mp4", "b.mp4"], ["a.mp4", "--server"]])
def test_captions_are_of_one_source_and_indexed_here(settings: Settings, words: list[str]) -> None:
    with pytest.raises(BadRequest, match="one source"):
        call(settings, "index", *words, "--captions", "a.vtt")
