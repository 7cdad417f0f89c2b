from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import MIB, BadRequest
from halfgig.memory import budget
from halfgig.models.record import Record, write_record
from halfgig.operations.embedders import agrees, embedder_cost, ensure_model, model_name, wanted_models
from halfgig.operations.indexing import check_index
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.settings import Settings
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from pathlib import Path

BGE = "maker/bge@0123"


def install(settings: Settings, name: str, weights: int = 40 * MIB, tokenizer: int = MIB, age: float = 0) -> None:
    folder = settings.models_dir / name.replace("/", "--")
    folder.mkdir(parents=True)
    for file, size in (("model.bin", weights), ("tokenizer.json", tokenizer)):
        with (folder / file).open("wb") as write:
            write.truncate(size)
    write_record(Record(name, "sentence-int8", (), {}), folder)
    os.utime(folder, (1e9 - age, 1e9 - age))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, offline=True)


@pytest.mark.parametrize(
    ("recorded", "wanted", "same"),
    [
        ("all-MiniLM-L6-v2", "minilm", True),
        ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", True),
        ("all-MiniLM-L6-v2", "BAAI/bge", False),
        (BGE, "maker/bge", True),
        (BGE, BGE, True),
        (BGE, "maker/bge@4567", False),
        (BGE, "maker/bge-small", False),
        ("bge@0123", "/models/bge", True),
        ("bge@0123", "~/bge/", True),
        ("bge@0123", "/models/e5", False),
    ],
)
def test_a_recorded_model_is_known_by_what_people_call_it(recorded: str, wanted: str, *, same: bool) -> None:
    assert agrees(recorded, wanted) is same


def test_the_usual_models_are_wanted_with_the_embedder_that_is_set(settings: Settings) -> None:
    assert model_name(settings) == "all-MiniLM-L6-v2"
    assert "all-MiniLM-L6-v2" in wanted_models(settings)
    assert set(wanted_models(settings)) ^ set(
        wanted_models(dataclasses.replace(settings, embedding_model="maker/bge"))
    ) == {
        "all-MiniLM-L6-v2",
        "maker/bge",
    }


def test_a_server_embeds_in_the_place_of_any_model_here(settings: Settings) -> None:
    served = dataclasses.replace(settings, embedding_url="http://10.0.0.7", embedding_model="maker/bge")
    assert model_name(served) == "served:maker/bge"
    assert not {"all-MiniLM-L6-v2", "maker/bge"} & set(wanted_models(served))
    assert embedder_cost(model_name(served), served).peak < 30 * MIB
    assert agrees("served:maker/bge", model_name(served))
    assert not agrees(BGE, model_name(served))
    assert not agrees("served:maker/bge", "maker/bge")


def test_a_models_cost_grows_with_its_weights_and_its_pieces(settings: Settings) -> None:
    assert embedder_cost("minilm", settings) == budget.cost("search", "minilm")
    assert embedder_cost("maker/bge", settings) == budget.cost("search", "minilm")  # not here: nothing is known
    install(settings, BGE)
    install(settings, "many@1", tokenizer=17 * MIB)
    assert embedder_cost(BGE, settings).peak == embedder_cost("maker/bge", settings).peak == 104 * MIB
    assert embedder_cost("many@1", settings).peak == 444 * MIB


def test_of_several_states_the_latest_is_meant(settings: Settings) -> None:
    install(settings, "maker/bge@old", age=60)
    install(settings, BGE)
    install(settings, "maker/bge@older", age=90)
    assert ensure_model("maker/bge", settings, lambda _: None) == BGE
    assert ensure_model("maker/bge@old", settings, lambda _: None) == "maker/bge@old"


def test_a_library_of_another_model_is_refused_before_anything_is_heard(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, embedding_model="maker/bge")
    with open_library(settings.library_path) as connection:
        check_index(connection, settings)
        index = SqliteIndex(connection, EmbeddingModel("all-MiniLM-L6-v2", 2))
        check_index(connection, settings)  # it holds nothing
        vector = memoryview(bytes(8)).cast("f")
        index.replace("talk", [(Passage(0, 0.0, 1.0, "a word"), vector)])
        with pytest.raises(BadRequest, match=r"made with all-MiniLM-L6-v2 .* not with maker/bge"):
            check_index(connection, settings)
        check_index(connection, dataclasses.replace(settings, embedding_model="minilm"))
