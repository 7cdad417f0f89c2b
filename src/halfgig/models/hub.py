"""Sentence models from a hub or a folder, as models of the store: what files they are of, and where these come from.

A hub names a model PUBLISHER/NAME, and any state of it by a commit. Which state was taken is part of the model's name
in the store and in an index, PUBLISHER/NAME@COMMIT: vectors of two states cannot be compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from halfgig.errors import MIB, BadRequest, ModelError
from halfgig.models.download import download_json
from halfgig.models.manifest import GIT, Conversion, File, Kind, Local, Model, Url
from halfgig.models.pull import sha256_of
from halfgig.models.sentence import CONFIG, LENGTHS, MODULES, PROMPTS, TOKENS, understood

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from halfgig.records import Bytes

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
NEEDED = (CONFIG, TOKENIZER, WEIGHTS)
WANTED = (*NEEDED, MODULES, LENGTHS, PROMPTS, TOKENS)
POOLING = re.compile(r"\d+_Pooling/config\.json")
LARGEST: Bytes = 2400 * MIB  # of all files: larger models embed too slowly on the machines that this is for
SHORT = 12  # digits of a folder's hash that its name keeps
HUB_ID = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A model on a hub: its address, PUBLISHER/NAME, and a commit, tag or branch of it."""

    hub: str
    repository: str
    revision: str = "main"


def place_of(name: str, hub: str) -> Place:
    """The place that PUBLISHER/NAME or PUBLISHER/NAME@REVISION means. BadRequest where it is none."""
    told = HUB_ID.fullmatch(name)
    if told is None:
        raise BadRequest(f"{name} is no model of a hub.", "Give PUBLISHER/NAME, or PUBLISHER/NAME@REVISION.")
    return Place(hub.rstrip("/"), told["repository"], told["revision"] or "main")


def hub_model(place: Place) -> Model:
    """The model as the hub has it now, its files with their digests. ModelError where it cannot be had, or run."""
    told = download_json(f"{place.hub}/api/models/{place.repository}/revision/{quote(place.revision)}?blobs=true")
    try:
        commit = str(told["sha"])
        there = {row["rfilename"]: _pinned(row) for row in told["siblings"] if _is_wanted(row["rfilename"])}
    except (KeyError, TypeError) as error:
        raise ModelError(f"{place.hub} does not list the files of {place.repository}.", "Check MODEL_HUB.") from error
    _check_complete(place.repository, there)
    base = f"{place.hub}/{place.repository}/resolve/{commit}"
    _check_type(place.repository, download_json(f"{base}/{CONFIG}"))
    files = (File(name, *there[name], (Url(f"{base}/{quote(name)}"),)) for name in sorted(there))
    return _model(f"{place.repository}@{commit}", tuple(files), _licence(told))


def folder_model(folder: Path) -> Model:
    """The sentence model in a folder, named for it and for what its files hold. ModelError where it is none."""
    if not folder.is_dir():
        raise ModelError(f"There is no folder {folder}.", "Give a folder that holds a sentence model.")
    names = [name for name in WANTED if (folder / name).is_file()]
    names += [f"{path.parent.name}/{CONFIG}" for path in sorted(folder.glob("*_Pooling/config.json"))]
    digests = {name: ((folder / name).stat().st_size, sha256_of(folder / name)) for name in names}
    _check_complete(str(folder), digests)
    files = tuple(File(name, *digests[name], (Local(str((folder / name).resolve())),)) for name in sorted(digests))
    return _model(f"{folder.resolve().name}@{_digest_of(digests)}", files, "")


def known_model(name: str) -> Model:
    """A model of the store that is known by its name alone: its files are told by its record."""
    return _model(name, (), "")


def _model(name: str, files: tuple[File, ...], licence: str) -> Model:
    return Model(name, Kind.EMBEDDER, "Sentence vectors", licence, files, 0, conversion=Conversion.SENTENCE_INT8)


def _is_wanted(name: str) -> bool:
    return name in WANTED or POOLING.fullmatch(name) is not None


def _pinned(row: Mapping[str, Any]) -> tuple[Bytes, str]:
    """Length and digest of a file as a hub lists it: the sha256 of a large one, git's id of a small one."""
    large = row.get("lfs")
    return (int(large["size"]), str(large["sha256"])) if large else (int(row["size"]), f"{GIT}{row['blobId']}")


def _check_type(name: str, config: Mapping[str, Any]) -> None:
    """ModelError for a model that could not be run, before its weights are fetched."""
    from halfgig.models.encoder import read_shape  # it brings numpy and the engine

    with understood(name):
        read_shape(config)


def _check_complete(name: str, there: Mapping[str, tuple[Bytes, str]]) -> None:
    lacks = [needed for needed in NEEDED if needed not in there]
    if lacks:
        raise ModelError(
            f"{name} lacks {', '.join(lacks)}.",
            "Choose a BERT-class sentence model with safetensors and tokenizer.json.",
        )
    size = sum(size for size, _ in there.values())
    if size > LARGEST:
        raise ModelError(f"{name} has {size // MIB} MB, more than is taken here.", "Choose a smaller model.")


def _licence(told: Mapping[str, Any]) -> str:
    card = told.get("cardData")
    return str(card.get("license") or "") if isinstance(card, dict) else ""


def _digest_of(digests: Mapping[str, tuple[Bytes, str]]) -> str:
    lines = (f"{digest}  {name}\n" for name, (_, digest) in sorted(digests.items()))
    return sha256("".join(lines).encode()).hexdigest()[:SHORT]
