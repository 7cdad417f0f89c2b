from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.models.made import MODULES, Maker

from halfgig.errors import ModelError
from halfgig.models.sentence import family, kept_recipe, read_recipe, write_recipe
from halfgig.records import Recipe

if TYPE_CHECKING:
    from pathlib import Path

ASK = "Represent this sentence for searching relevant passages: "
E5 = ("query: ", "passage: ")


def recipe(tmp_path: Path, name: str = "toy", **files: Any) -> Recipe:
    return read_recipe(Maker(tmp_path)(name, **files).folder, name)


@pytest.mark.parametrize(
    ("name", "pooling", "query", "passage"),
    [
        ("BAAI/bge-small-en-v1.5", "cls", ASK, ""),
        ("bge-base-en@0123", "cls", ASK, ""),
        ("intfloat/e5-small-v2", "mean", *E5),
        ("intfloat/multilingual-e5-small", "mean", *E5),
        ("Snowflake/snowflake-arctic-embed-xs", "cls", ASK, ""),
        ("snowflake/snowflake-arctic-embed-m-v2.0", "cls", "query: ", ""),
        ("nomic-embed-text", "mean", "search_query: ", "search_document: "),
    ],
)
def test_a_well_known_family_is_used_as_its_card_says(name: str, pooling: str, query: str, passage: str) -> None:
    known = family(name)
    assert known is not None
    assert (known.pooling, known.query, known.passage) == (pooling, query, passage)


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "thenlper/gte-small", "bge-m3", "text-embedding-3-small", "e5"])
def test_other_models_want_nothing_before_a_text(name: str) -> None:
    assert family(name) is None


def test_the_models_own_files_go_before_the_family(tmp_path: Path) -> None:
    mean = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    prompts = {"prompts": {"query": "ask: ", "document": "tell: "}, "default_prompt_name": None}
    found = recipe(tmp_path, "bge-small-en", modules=MODULES, pooling=mean, config_sentence_transformers=prompts)
    assert (found.pooling, found.query, found.passage) == ("mean", "ask: ", "tell: ")


def test_a_prompt_for_everything_goes_before_both(tmp_path: Path) -> None:
    prompts = {"prompts": {"always": "say: "}, "default_prompt_name": "always"}
    found = recipe(tmp_path, config_sentence_transformers=prompts)
    assert (found.query, found.passage) == ("say: ", "say: ")


@pytest.mark.parametrize("prompts", [{}, None, {"query": None, "passage": 7}])
def test_prompts_that_say_nothing_leave_it_to_the_family(tmp_path: Path, prompts: object) -> None:
    found = recipe(tmp_path, "e5-small", config_sentence_transformers={"prompts": prompts})
    assert (found.query, found.passage) == E5


@pytest.mark.parametrize(
    ("told", "pooling"),
    [
        ({"pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": False}, "max"),
        ({"pooling_mode": "cls"}, "cls"),
    ],
)
def test_pooling_is_read(tmp_path: Path, told: dict[str, Any], pooling: str) -> None:
    assert recipe(tmp_path, modules=MODULES, pooling=told).pooling == pooling


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"pooling_mode_lasttoken": True},
        {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True},
        {"pooling_mode": "weightedmean"},
    ],
)
def test_pooling_that_is_not_known_is_refused(tmp_path: Path, told: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="pools in a way that is not known"):
        recipe(tmp_path, modules=MODULES, pooling=told)


def test_a_part_that_is_not_known_is_refused(tmp_path: Path) -> None:
    dense = [*MODULES, {"type": "sentence_transformers.models.Dense", "path": "3_Dense"}]
    with pytest.raises(ModelError, match="has a part Dense"):
        recipe(tmp_path, modules=dense, pooling={"pooling_mode": "mean"})


@pytest.mark.parametrize(
    ("kind", "files", "longest"),
    [
        ("bert", {}, 40),
        ("xlm-roberta", {}, 40),
        ("bert", {"sentence_bert_config": {"max_seq_length": 24}}, 24),
        ("bert", {"tokenizer_config": {"model_max_length": 32}}, 32),
        (
            "bert",
            {"sentence_bert_config": {"max_seq_length": None}, "tokenizer_config": {"model_max_length": 10**30}},
            40,
        ),
    ],
)
def test_the_longest_text_is_the_least_that_is_said(tmp_path: Path, kind: str, files: Any, longest: int) -> None:
    assert read_recipe(Maker(tmp_path)(kind=kind, **files).folder, "toy").longest == longest


def test_a_recipe_is_kept_beside_the_weights(tmp_path: Path) -> None:
    kept = Recipe("cls", 99, "fragen: ", "antworten: ü")
    write_recipe(kept, tmp_path)
    assert kept_recipe(tmp_path) == kept


def test_without_a_recipe_it_is_minilm(tmp_path: Path) -> None:
    assert kept_recipe(tmp_path) == Recipe("mean", 256, "", "")


@pytest.mark.parametrize("content", ["{", json.dumps({"pool": 1})])
def test_a_damaged_recipe_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "embedding.json").write_text(content)
    with pytest.raises(ModelError, match=r"embedding\.json"):
        kept_recipe(tmp_path)
