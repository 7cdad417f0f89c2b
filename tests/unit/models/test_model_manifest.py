from __future__ import annotations

import re

import pytest

from halfgig.errors import BadRequest
from halfgig.models.manifest import DEFAULT_MODELS, MODELS, Kind, Packed, Url, find_model

FILES = [file for model in MODELS.values() for file in model.files]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_pinned_and_has_a_mirror(file) -> None:  # type: ignore[no-untyped-def]
    assert re.fullmatch("[0-9a-f]{64}", file.sha256)
    assert file.size > 0
    canonical, *mirrors = file.origins
    assert isinstance(canonical, Url)
    assert canonical.address.startswith("https://")
    assert mirrors
    assert all(isinstance(mirror, Packed) for mirror in mirrors)


def test_addresses_of_the_hub_name_a_revision() -> None:
    addresses = [str(file.origins[0]) for file in FILES if "huggingface" in str(file.origins[0])]
    assert addresses
    assert all(re.search("/resolve/[0-9a-f]{40}/", address) for address in addresses)


def test_equal_files_have_equal_pins() -> None:
    detectors = {file for file in FILES if file.name == "pose_detection.tflite"}
    assert len(detectors) == 1


def test_there_is_a_default_of_every_kind() -> None:
    assert {MODELS[name].kind for name in DEFAULT_MODELS} == set(Kind)


def test_names_are_folder_names_and_sizes_are_told() -> None:
    for name, model in MODELS.items():
        assert name == model.id
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)
        assert 0 < model.ready_size <= model.fetched_size
        assert model.licence in {"MIT", "Apache-2.0"}


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(BadRequest, match=r"called tinyen\. Choose one of: tiny\.en, base"):
        find_model(MODELS, "tinyen")
