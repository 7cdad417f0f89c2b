from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import BadRequest, ModelError
from halfgig.models.whisper import WhisperChoice, WhisperFolder, check_language, choose_whisper, is_folder, open_folder

if TYPE_CHECKING:
    from pathlib import Path


def only(*names: str):  # type: ignore[no-untyped-def]
    return lambda name: name in names


@pytest.mark.parametrize(
    ("name", "language", "translate", "first", "english"),
    [
        ("tiny", "en", False, "tiny.en", "tiny.en"),
        ("tiny", "English", False, "tiny.en", "tiny.en"),
        ("tiny", "de", False, "base", "tiny.en"),
        ("tiny", "auto", False, "base", "tiny.en"),
        ("tiny", "de", True, "base", "tiny.en"),
        ("tiny", "auto", True, "base", "tiny.en"),
        ("tiny.en", "en", False, "tiny.en", "tiny.en"),
        ("tiny.en", "en", True, "tiny.en", "tiny.en"),
        ("tiny.en", "auto", False, "tiny.en", "tiny.en"),
        ("base", "en", False, "base", "base"),
        ("base", "auto", False, "base", "base"),
        ("base", "de", True, "base", "base"),
    ],
)
def test_a_name_means_models(name: str, language: str, translate: bool, first: str, english: str) -> None:
    assert choose_whisper(name, language, translate=translate) == WhisperChoice(first, english)


def test_an_unknown_language_is_taken_for_english_where_nothing_else_fits() -> None:
    for name in ("tiny", "base"):
        choice = choose_whisper(name, "auto", fits=only("tiny.en"))
        assert (choice.first, choice.english) == ("tiny.en", "tiny.en")
        assert "base, which tells languages apart, does not fit" in choice.note


def test_english_falls_back_to_the_smaller_model() -> None:
    choice = choose_whisper("base", "en", fits=only("tiny.en"))
    assert choice == WhisperChoice("tiny.en", "tiny.en", "base does not fit; tiny.en is used instead")


@pytest.mark.parametrize(("name", "language"), [("base", "en"), ("base", "de"), ("tiny", "de"), ("tiny.en", "en")])
def test_what_the_language_needs_is_chosen_even_if_nothing_fits(name: str, language: str) -> None:
    wanted = "base" if language == "de" else name
    assert choose_whisper(name, language, fits=only()).first == wanted


@pytest.mark.parametrize("name", ["small", "large-v3", "whisper-1", "", "silero-vad", "TINY"])
def test_an_unknown_name_lists_the_known(name: str) -> None:
    with pytest.raises(BadRequest, match=r"Choose one of tiny, tiny\.en, base, or give the path"):
        choose_whisper(name, "en")


def test_an_english_model_refuses_other_languages() -> None:
    with pytest.raises(BadRequest, match=r"tiny\.en knows English only, and the speech is said to be de"):
        choose_whisper("tiny.en", "de")
    with pytest.raises(BadRequest, match="cannot translate"):
        choose_whisper("tiny.en", "auto", translate=True)


@pytest.mark.parametrize(
    ("name", "folder"), [("./m", True), ("/m", True), ("~/m", True), ("a/b", True), ("base", False)]
)
def test_folders_are_told_from_names(name: str, folder: bool) -> None:
    assert is_folder(name) is folder


def whisper_folder(path: Path, words: int, *, as_json: bool = True) -> Path:
    for name in ("model.bin", "config.json"):
        (path / name).write_text("{}")
    listing = [f"w{number}" for number in range(words)]
    if as_json:
        (path / "vocabulary.json").write_text(json.dumps(listing))
    else:
        (path / "vocabulary.txt").write_text("\n".join(listing))
    return path


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(("words", "multilingual"), [(51_864, False), (51_865, True), (51_866, True)])
def test_the_vocabulary_tells_the_languages(tmp_path: Path, words: int, multilingual: bool, as_json: bool) -> None:
    folder = open_folder(whisper_folder(tmp_path, words, as_json=as_json))
    assert folder == WhisperFolder(tmp_path, multilingual)


def test_an_incomplete_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(ModelError, match=r"it lacks config\.json, vocabulary\.json"):
        open_folder(tmp_path)
    with pytest.raises(ModelError, match="There is no folder"):
        open_folder(tmp_path / "none")


def test_a_damaged_vocabulary_is_told(tmp_path: Path) -> None:
    (whisper_folder(tmp_path, 3) / "vocabulary.json").write_bytes(b"\xff\xfe[")
    with pytest.raises(ModelError, match="cannot be read as a vocabulary"):
        open_folder(tmp_path)


def test_an_english_folder_refuses_other_languages(tmp_path: Path) -> None:
    check_language(WhisperFolder(tmp_path, multilingual=True), "de", translate=True)
    check_language(WhisperFolder(tmp_path, multilingual=False), "en")
    with pytest.raises(BadRequest, match="knows English only"):
        check_language(WhisperFolder(tmp_path, multilingual=False), "de")
