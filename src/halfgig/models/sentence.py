"""What a sentence model's own files say of its use: pooling, the longest text, and what goes before a text.

A folder is laid out as sentence-transformers does: config.json, modules.json, the pooling's config.json in a folder
of its own, sentence_bert_config.json, config_sentence_transformers.json. Where they are silent, a table of well-known
families speaks, by the model cards.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from halfgig.errors import ModelError
from halfgig.records import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

RECIPE = "embedding.json"  # in a converted folder
CONFIG, MODULES, LENGTHS = "config.json", "modules.json", "sentence_bert_config.json"
PROMPTS, TOKENS = "config_sentence_transformers.json", "tokenizer_config.json"
MEAN, CLS, MAX = "mean", "cls", "max"
POOLINGS = {"pooling_mode_mean_tokens": MEAN, "pooling_mode_cls_token": CLS, "pooling_mode_max_tokens": MAX}
KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")
AROUND = 2  # wordpieces that are around every text
LONGEST = 512  # wordpieces, where nothing says less: what BERT's positions reach
QUERY_PROMPTS, PASSAGE_PROMPTS = ("query", "search_query"), ("passage", "document", "search_document")


MINILM = Recipe()  # all-MiniLM-L6-v2, by its model card


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are used alike, by a pattern of their names without the publisher."""

    names: str
    pooling: str
    query: str = ""
    passage: str = ""


_ASK = "Represent this sentence for searching relevant passages: "
FAMILIES = (
    Family(
        r"(multilingual-)?e5-.*instruct",
        MEAN,
        "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
    ),
    Family(r"(multilingual-)?e5-.*", MEAN, "query: ", "passage: "),
    Family(r"bge-(small|base|large)-en.*", CLS, _ASK),
    Family(r"bge-(small|base|large)-zh.*", CLS, "为这个句子生成表示以用于检索相关文章："),
    Family(r"snowflake-arctic-embed-\w+-v2.*", CLS, "query: "),
    Family(r"snowflake-arctic-embed.*", CLS, _ASK),
    Family(r"mxbai-embed-large.*", CLS, _ASK),
    Family(r"nomic-embed-text.*", MEAN, "search_query: ", "search_document: "),
)


def family(model: str) -> Family | None:
    """The family of a model by its name, with or without publisher and revision; None where none is known."""
    name = model.partition("@")[0].rpartition("/")[2].lower()
    return next((one for one in FAMILIES if re.fullmatch(one.names, name)), None)


@contextmanager
def understood(model: str) -> Iterator[None]:
    """Turns what goes wrong while a model's files are read, where they are not as they should be, into ModelError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(
            f"The files of {model} are not as a sentence model's should be ({type(error).__name__}: {error}).",
            "Choose another model, or mend them.",
        ) from error


def read_recipe(folder: Path, model: str) -> Recipe:
    """The recipe of the model in a folder, to be read while `understood`.

    ModelError where it is used in a way that is not known here.
    """
    known = family(model)
    modules = [(row["type"].rpartition(".")[2], row["path"]) for row in _told(folder / MODULES) or []]
    strange = [kind for kind, _ in modules if kind not in KNOWN_MODULES]
    if strange:
        raise ModelError(f"{model} has a part {strange[0]} that is not known here.", "Choose another model.")
    pooling = next((_pooling(folder / path / CONFIG, model) for kind, path in modules if kind == "Pooling"), None)
    query, passage = _prompts(folder) or ((known.query, known.passage) if known else ("", ""))
    return Recipe(pooling or (known.pooling if known else MEAN), _longest(folder), query, passage)


def write_recipe(recipe: Recipe, into: Path) -> None:
    """Keep the recipe beside the converted weights."""
    (into / RECIPE).write_text(json.dumps(asdict(recipe), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def kept_recipe(folder: Path) -> Recipe:
    """The recipe beside converted weights; that of MiniLM where there is none. ModelError where it is damaged."""
    told = _told(folder / RECIPE)
    try:
        return MINILM if told is None else Recipe(**told)
    except TypeError as error:
        raise ModelError(f"{folder / RECIPE} is damaged.", "Remove the model and fetch it again.") from error


def read_config(folder: Path) -> Mapping[str, Any]:
    """The model's config.json. ModelError where there is none."""
    told = _told(folder / CONFIG)
    if not isinstance(told, dict):
        raise ModelError(f"{folder} holds no {CONFIG}.", "Give a folder with a sentence model as its publisher has it.")
    return told


def _pooling(path: Path, model: str) -> str:
    """The one way of pooling that a pooling's config.json names, by a name or by flags."""
    told = _told(path) or {}
    chosen = {pooling for flag, pooling in POOLINGS.items() if told.get(flag)}
    chosen |= {told["pooling_mode"]} if isinstance(told.get("pooling_mode"), str) else set()
    others = [flag for flag, on in told.items() if flag.startswith("pooling_mode_") and on and flag not in POOLINGS]
    if len(chosen) != 1 or others or not chosen <= set(POOLINGS.values()):
        raise ModelError(f"{model} pools in a way that is not known here.", "Choose a model that pools by mean or CLS.")
    return chosen.pop()


def _prompts(folder: Path) -> tuple[str, str] | None:
    """What goes before a question and before a passage, where the model's files name prompts for either."""
    told = _told(folder / PROMPTS) or {}
    prompts = {name: text for name, text in (told.get("prompts") or {}).items() if isinstance(text, str)}
    always = prompts.get(told.get("default_prompt_name") or "", "")
    query = next((prompts[name] for name in QUERY_PROMPTS if name in prompts), always)
    passage = next((prompts[name] for name in PASSAGE_PROMPTS if name in prompts), always)
    return (query, passage) if query or passage else None


def _longest(folder: Path) -> int:
    """Wordpieces that the model sees of a text: the least of what its files say."""
    config = read_config(folder)
    said = [LONGEST, (_told(folder / LENGTHS) or {}).get("max_seq_length")]
    said.append((_told(folder / TOKENS) or {}).get("model_max_length"))
    positions = int(config.get("max_position_embeddings", LONGEST))
    said.append(
        positions if config.get("model_type") == "bert" else positions - int(config.get("pad_token_id") or 0) - 1
    )
    longest = min(int(length) for length in said if length)
    if longest <= AROUND:
        raise ValueError(f"{longest} pieces hold no text")
    return longest


def _told(path: Path) -> Any:
    """What a JSON file says; None where there is none. ModelError where it is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}).", "Fetch the model again.") from error
