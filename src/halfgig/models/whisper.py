"""Which Whisper model a request means, and what a user's own Whisper folder must hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, ModelError
from halfgig.models.manifest import MODELS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from halfgig.models.manifest import Model

TINY = "tiny"  # not one model: the smallest that knows the language
ENGLISH = frozenset({"en", "english"})
AUTO = "auto"
ENGLISH_ONLY_WORDS = 51_864  # Whisper's English vocabulary; the multilingual ones are longer
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")


@dataclass(frozen=True, slots=True)
class WhisperChoice:
    """Ids of the models to run: `first` hears the speech, `english` takes over once it is known to be English.

    The two are equal where nothing changes. `note` tells a person what was given up; empty where nothing was.
    """

    first: str
    english: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class WhisperFolder:
    """A CTranslate2 Whisper model on disk."""

    path: Path
    multilingual: bool


def choose_whisper(
    name: str,
    language: str,
    *,
    translate: bool = False,
    fits: Callable[[str], bool] = lambda _: True,
    models: Mapping[str, Model] = MODELS,
) -> WhisperChoice:
    """The models that `name` means for speech in `language` (a code, or auto), where `fits` tells if one has room.

    Where the multilingual model of an unknown language has no room, the English one is taken and the note says so.
    A model that the language needs is chosen even if it has no room: to refuse it with figures is the caller's.
    BadRequest where there is no such model, or it does not know the language.
    """
    english, multilingual = _meaning(name, models)
    smallest = _smallest(models, multilingual=False).id
    if multilingual is None:
        _refuse_languages(name, language, translate=translate)
        return WhisperChoice(english, english)
    if language.lower() in ENGLISH:
        return _english_choice(english, smallest, fits)
    if fits(multilingual) or language != AUTO or translate:
        return WhisperChoice(multilingual, english)
    note = f"{multilingual}, which tells languages apart, does not fit; {smallest} takes the speech for English"
    return WhisperChoice(smallest, smallest, note)


def is_folder(name: str) -> bool:
    """Whether a model's name is meant as a folder: it holds a slash, or starts with a dot or a tilde."""
    return "/" in name or name.startswith((".", "~"))


def open_folder(path: Path) -> WhisperFolder:
    """Look into a CTranslate2 Whisper folder; ModelError names what it lacks."""
    path = path.expanduser()
    if not path.is_dir():
        raise ModelError(f"There is no folder {path}.", "Give a folder that holds a CTranslate2 Whisper model.")
    lacks = [name for name in ("model.bin", "config.json") if not (path / name).is_file()]
    vocabulary = next((path / name for name in _VOCABULARIES if (path / name).is_file()), None)
    if vocabulary is None:
        lacks.append("vocabulary.json")
    if lacks or vocabulary is None:
        remedy = "Convert it with: ct2-transformers-converter --model NAME --output_dir FOLDER --quantization int8."
        raise ModelError(f"{path} is no CTranslate2 Whisper model: it lacks {', '.join(lacks)}.", remedy)
    return WhisperFolder(path, _count_words(vocabulary) > ENGLISH_ONLY_WORDS)


def check_language(folder: WhisperFolder, language: str, *, translate: bool = False) -> None:
    """BadRequest where the folder's model knows English only and something else is asked of it."""
    if not folder.multilingual:
        _refuse_languages(str(folder.path), language, translate=translate)


def _meaning(name: str, models: Mapping[str, Model]) -> tuple[str, str | None]:
    """The model for English and the one for any language, None where `name` knows English only."""
    if name == TINY:
        return _smallest(models, multilingual=False).id, _smallest(models, multilingual=True).id
    model = models.get(name)
    if model is None or model.kind is not Kind.WHISPER:
        known = ", ".join([TINY, *(model.id for model in models.values() if model.kind is Kind.WHISPER)])
        raise BadRequest(
            f"There is no Whisper model called {name}.",
            f"Choose one of {known}, or give the path of a folder with a CTranslate2 Whisper model.",
        )
    return name, name if model.multilingual else None


def _smallest(models: Mapping[str, Model], *, multilingual: bool) -> Model:
    whispers = (model for model in models.values() if model.kind is Kind.WHISPER)
    return min((model for model in whispers if model.multilingual is multilingual), key=lambda model: model.ready_size)


def _english_choice(english: str, smallest: str, fits: Callable[[str], bool]) -> WhisperChoice:
    if english == smallest or fits(english) or not fits(smallest):
        return WhisperChoice(english, english)
    return WhisperChoice(smallest, smallest, f"{english} does not fit; {smallest} is used instead")


def _refuse_languages(name: str, language: str, *, translate: bool) -> None:
    remedy = "Use a multilingual model: WHISPER_MODEL=tiny or WHISPER_MODEL=base."
    if language.lower() in ENGLISH:  # what is said is English already, and a translation of it is what was said
        return
    if language != AUTO:
        raise BadRequest(f"{name} knows English only, and the speech is said to be {language}.", remedy)
    if translate:
        raise BadRequest(f"{name} knows English only, so it cannot translate.", remedy)


def _count_words(vocabulary: Path) -> int:
    try:
        with vocabulary.open(encoding="utf-8", newline="\n") as lines:
            return len(json.load(lines)) if vocabulary.suffix == ".json" else sum(1 for _ in lines)
    except ValueError:
        raise ModelError(f"{vocabulary} cannot be read as a vocabulary.", "Convert the model again.") from None
