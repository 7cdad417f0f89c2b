"""Sentence models from folders and from a hub, converted by the general path, against plain arithmetic in float64."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from huggingface_hub import HfApi
from tests.pipeline.models.conftest import serving
from tests.unit.models.made import MODULES, Maker

from halfgig.errors import BadRequest, ModelError
from halfgig.memory.jail import run_limited
from halfgig.models.hub import folder_model
from halfgig.models.store import ModelStore, ignore, known_models
from halfgig.operations.embedders import ensure_model, open_embedder, reopen_embedder
from halfgig.operations.indexing import file_transcript
from halfgig.records import Segment, StoredSource
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.settings import Settings
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pipeline.models.conftest import Origin
    from tests.unit.models.made import Published

TEXTS = ("the red dog sleeps", "cat", "a old house runs over the cat : unknown words under", "")
BUILD = {"model_type": "bert", "num_hidden_layers": 3, "num_attention_heads": 4}
COMMIT = "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a"


def settings_of(tmp_path: Path, **values: Any) -> Settings:
    return Settings(data_dir=tmp_path / "data", threads=1, **values)


def least_cosine(published: Published, settings: Settings, pooling: str, before: str = "") -> float:
    embedder = open_embedder(settings, ignore)
    vectors = np.asarray(embedder.embed(TEXTS))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    return min(
        float(vector @ published.vector(before + text, pooling)) for vector, text in zip(vectors, TEXTS, strict=True)
    )


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_a_folder_is_embedded_as_it_is_defined(tmp_path: Path, kind: str, pooling: str) -> None:
    published = Maker(tmp_path)(kind=kind, modules=MODULES, pooling={"pooling_mode": pooling})
    assert least_cosine(published, settings_of(tmp_path, embedding_model=str(published.folder)), pooling) > 0.995


@pytest.mark.parametrize(
    "build", [{"type": "F16"}, {"type": "BF16"}, {"activation": "relu"}, {"prefix": "bert."}], ids=str
)
def test_other_types_and_builds_are_too(tmp_path: Path, build: dict[str, str]) -> None:
    published = Maker(tmp_path)(**build)
    assert least_cosine(published, settings_of(tmp_path, embedding_model=str(published.folder)), "mean") > 0.995


def test_wrong_arithmetic_would_be_seen(tmp_path: Path) -> None:
    """The threshold tells a model from its like: another pooling, and positions two too early."""
    published = Maker(tmp_path)(kind="xlm-roberta")
    settings = settings_of(tmp_path, embedding_model=str(published.folder))
    assert least_cosine(published, settings, "cls") < 0.9
    assert least_cosine(dataclasses.replace(published, kind="bert"), settings, "mean") < 0.9


def test_questions_and_passages_get_what_goes_before_them(tmp_path: Path) -> None:
    published = Maker(tmp_path)("e5-toy")
    settings = settings_of(tmp_path, embedding_model=str(published.folder))
    assert least_cosine(published, settings, "mean", "passage: ") > 0.995
    asked = np.asarray(open_embedder(settings, ignore).embed_question("red dog"))
    assert float(asked @ published.vector("query: red dog", "mean")) > 0.995


def test_a_folder_is_known_by_what_it_holds(tmp_path: Path) -> None:
    published = Maker(tmp_path)("mine")
    settings = settings_of(tmp_path, embedding_model=str(published.folder))
    name = ensure_model(settings.embedding_model, settings, ignore)
    moved = published.folder.parent.rename(tmp_path / "elsewhere") / "mine"
    assert ensure_model(str(moved), settings, ignore) == name
    (moved / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 9}))
    assert ensure_model(str(moved), settings, ignore) not in {name, ""}
    assert name.startswith("mine@")


def test_a_folder_needs_no_connection(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, embedding_model=str(Maker(tmp_path)("mine").folder), offline=True)
    assert open_embedder(settings, ignore).model.startswith("mine@")
    with pytest.raises(ModelError, match="HALFGIG_OFFLINE is set"):
        ensure_model("maker/mine", settings, ignore)


def test_a_folder_that_is_gone_is_meant_by_a_path_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published, settings = Maker(tmp_path)("mine"), settings_of(tmp_path, offline=True)
    monkeypatch.chdir(tmp_path)
    name = ensure_model("made-1/mine", settings, ignore)
    published.folder.rename(tmp_path / "gone")
    assert ensure_model("./made-1/mine", settings, ignore) == name
    with pytest.raises(ModelError, match="The model made-1/mine is absent"):
        ensure_model("made-1/mine", settings, ignore)


def test_a_folder_is_left_as_it_was_and_may_go_afterwards(tmp_path: Path) -> None:
    published = Maker(tmp_path)()
    before = {path.name: path.stat().st_mtime_ns for path in published.folder.iterdir()}
    settings = settings_of(tmp_path, embedding_model=str(published.folder))
    name = ensure_model(settings.embedding_model, settings, ignore)
    assert {path.name: path.stat().st_mtime_ns for path in published.folder.iterdir()} == before
    vectors = np.asarray(reopen_embedder(name, settings).embed(TEXTS))
    published.folder.rename(tmp_path / "gone")
    np.testing.assert_array_equal(np.asarray(reopen_embedder(name, settings).embed(TEXTS)), vectors)
    store = settings.models_dir / name
    assert sorted(path.name for path in store.iterdir()) == sorted(
        ["config.json", "embedding.json", "model.bin", "record.json", "tokenizer.json", "vocabulary.json"]
    )
    assert not any(path.is_symlink() for path in store.iterdir())
    ModelStore(settings.models_dir, models=known_models(settings.models_dir)).verify(name)


def test_a_folder_is_read_for_the_first_source_alone(tmp_path: Path) -> None:
    """What changes in it would make another model, which an index does not take, and one that is gone would be none."""
    published = Maker(tmp_path)("mine")
    settings = settings_of(tmp_path, embedding_model=str(published.folder))
    made = [indexed("one", settings)]
    (published.folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 9}))
    made.append(indexed("two", settings))
    published.folder.rename(tmp_path / "gone")
    made.append(indexed("three", settings))
    assert made[0].startswith("mine@")
    assert len(set(made)) == 1
    assert open_embedder(settings, ignore).model == made[0]


def indexed(name: str, settings: Settings) -> str:
    """Index a source of this name; the model that the index then has."""
    known = StoredSource(name, f"file:///{name}", name, 9.0, "en", "captions", "", "", 1)
    assert file_transcript(known, [Segment(0.0, 9.0, " the red dog sleeps")], settings=settings).passages == 1
    with open_library(settings.library_path) as connection:
        model = SqliteIndex(connection).model
    assert model is not None
    return model.name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"config": {"model_type": "t5"}}, "type t5 are not known"),
        ({"config": {"model_type": "bert", "hidden_act": "silu"}}, "activation"),
        ({"modules": [{"type": "x.Dense", "path": ""}]}, "part Dense"),
        ({"config": {"model_type": "bert"}}, "KeyError: 'num_hidden_layers'"),
        ({"config": BUILD | {"num_attention_heads": 0}}, "3 layers of 0 heads"),
        ({"config": BUILD | {"num_attention_heads": 5}}, "not of the build"),
        ({"config": BUILD | {"pad_token_id": -9, "model_type": "roberta"}}, "not of the build"),
        ({"modules": {"type": "Pooling"}}, "TypeError"),
        ({"config_sentence_transformers": {"prompts": ["query: "]}}, "AttributeError"),
        ({"sentence_bert_config": {"max_seq_length": "many"}}, "ValueError"),
        ({"sentence_bert_config": {"max_seq_length": -5}}, "hold no text"),
    ],
)
def test_a_model_of_another_kind_or_with_odd_files_is_refused(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    published = Maker(tmp_path)(**change)
    settings = settings_of(tmp_path, embedding_model=str(published.folder))
    with pytest.raises(ModelError, match=told):
        open_embedder(settings, ignore)
    assert list((settings.models_dir / ".pulling").iterdir()) == []


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    published = Maker(tmp_path)()
    config = json.loads((published.folder / "config.json").read_text())
    (published.folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(ModelError, match=r"lack 'encoder\.layer\.3"):
        open_embedder(settings_of(tmp_path, embedding_model=str(published.folder)), ignore)


def test_a_folder_without_weights_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"lacks config\.json, tokenizer\.json, model\.safetensors"):
        folder_model(tmp_path / "empty")
    with pytest.raises(ModelError, match="There is no folder"):
        folder_model(tmp_path / "nowhere")


def test_a_name_that_means_nothing_is_refused(tmp_path: Path) -> None:
    for name in ("tiny.en", "nonsense"):
        with pytest.raises(BadRequest, match=f"no embedding model called {name}"):
            open_embedder(settings_of(tmp_path, embedding_model=name), ignore)


# --- a hub --------------------------------------------------------------------------------------------


@contextmanager
def hub_of(published: Published, name: str = "maker/e5-toy", **told: Any) -> Iterator[Origin]:
    """A hub that has the model: large files by their sha256, the others by git's id."""
    with serving() as origin:
        siblings = []
        for path in sorted(path for path in published.folder.rglob("*") if path.is_file()):
            relative, data = path.relative_to(published.folder).as_posix(), path.read_bytes()
            origin.files[f"/{name}/resolve/{COMMIT}/{relative}"] = data
            git = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
            row: dict[str, Any] = {"rfilename": relative, "size": len(data), "blobId": git}
            if path.suffix == ".safetensors":
                sha256 = hashlib.sha256(data).hexdigest()
                row |= {"blobId": "0" * 40, "lfs": {"sha256": sha256, "size": len(data), "pointerSize": 130}}
            siblings.append(row)
        siblings.append({"rfilename": "onnx/model.onnx", "size": 99, "blobId": "1" * 40})
        listing = {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": {"license": "mit"}} | told
        for revision in ("main", "v1", COMMIT):
            origin.files[f"/api/models/{name}/revision/{revision}?blobs=true"] = json.dumps(listing).encode()
        yield origin


def test_a_model_of_a_hub_is_fetched_converted_and_found_again(tmp_path: Path) -> None:
    published = Maker(tmp_path)("e5-toy", modules=MODULES, pooling={"pooling_mode": "mean"})
    with hub_of(published) as origin:
        settings = settings_of(tmp_path, embedding_model="maker/e5-toy", model_hub=origin.address)
        assert least_cosine(published, settings, "mean", "passage: ") > 0.995
        asked = len(origin.ranges)
        assert ensure_model("maker/e5-toy", settings, ignore) == f"maker/e5-toy@{COMMIT}"
        assert len(origin.ranges) == asked  # what is here is not asked for again
        assert ensure_model("maker/e5-toy@v1", settings, ignore) == f"maker/e5-toy@{COMMIT}"
    offline = dataclasses.replace(settings, offline=True)
    assert open_embedder(offline, ignore).model == f"maker/e5-toy@{COMMIT}"
    assert list(known_models(settings.models_dir))[-1] == f"maker/e5-toy@{COMMIT}"


def test_the_hub_of_these_tests_speaks_as_hubs_do(tmp_path: Path) -> None:
    """The publisher's own client reads it, and finds the digests that the files have."""
    published = Maker(tmp_path)("e5-toy")
    with hub_of(published) as origin:
        info = HfApi(endpoint=origin.address, token=False).model_info(
            "maker/e5-toy", revision="main", files_metadata=True
        )
    weights = next(one for one in info.siblings or () if one.rfilename == "model.safetensors")
    assert info.sha == COMMIT
    assert weights.lfs is not None
    assert weights.lfs.sha256 == hashlib.sha256((published.folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_other_bytes_than_the_hub_lists_are_refused(tmp_path: Path, file: str) -> None:
    published = Maker(tmp_path)("e5-toy")
    with hub_of(published) as origin:
        path = f"/maker/e5-toy/resolve/{COMMIT}/{file}"
        origin.files[path] = origin.files[path][::-1]
        settings = settings_of(tmp_path, embedding_model="maker/e5-toy", model_hub=origin.address)
        with pytest.raises(ModelError, match=f"The bytes of {file} from .* are not those"):
            open_embedder(settings, ignore)
    store = ModelStore(settings.models_dir, models=known_models(settings.models_dir))
    assert store.installed() == {}
    assert store.remove(f"maker/e5-toy@{COMMIT}")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"siblings": [{"rfilename": "pytorch_model.bin", "size": 9, "blobId": "2"}]}, r"lacks .*model\.safetensors"),
        ({"siblings": None}, "does not list the files"),
    ],
)
def test_a_hub_that_has_no_such_model_is_told(tmp_path: Path, told: dict[str, Any], why: str) -> None:
    with hub_of(Maker(tmp_path)("e5-toy"), **told) as origin:
        with pytest.raises(ModelError, match=why):
            open_embedder(settings_of(tmp_path, embedding_model="maker/e5-toy", model_hub=origin.address), ignore)
        with pytest.raises(ModelError, match="answers 404"):
            open_embedder(settings_of(tmp_path, embedding_model="maker/other", model_hub=origin.address), ignore)


def test_a_model_that_could_not_be_run_is_refused_before_its_weights_are_fetched(tmp_path: Path) -> None:
    with hub_of(Maker(tmp_path)("e5-toy", config={"model_type": "gpt2"})) as origin:
        settings = settings_of(tmp_path, embedding_model="maker/e5-toy", model_hub=origin.address)
        with pytest.raises(ModelError, match="type gpt2"):
            open_embedder(settings, ignore)
        assert len(origin.ranges) == 2  # the list of files, and config.json


def test_a_large_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halfgig.models.hub.LARGEST", 1000)
    with hub_of(Maker(tmp_path)("e5-toy")) as origin, pytest.raises(ModelError, match="more than is taken"):
        open_embedder(settings_of(tmp_path, embedding_model="maker/e5-toy", model_hub=origin.address), ignore)


def test_nothing_is_asked_offline(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, embedding_model="maker/e5-toy", model_hub="http://127.0.0.1:9", offline=True)
    with pytest.raises(ModelError, match="HALFGIG_OFFLINE is set"):
        open_embedder(settings, ignore)


def test_a_model_that_an_index_names_and_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"halfgig models pull maker/e5-toy@{COMMIT}"):
        reopen_embedder(f"maker/e5-toy@{COMMIT}", settings_of(tmp_path))


def test_conversion_holds_little_more_than_the_imports(tmp_path: Path) -> None:
    """Measured on the machine of the figures: 5 to 9 MiB for 33 to 118 million weights."""
    published = Maker(tmp_path)()
    grow(published.folder, words=60_000, dim=384)
    code = f"""
import sys
from pathlib import Path
from halfgig.memory.meter import peak_rss
from halfgig.models.encoder import build_encoder, Shape
into = Path({str(tmp_path / "into")!r})
into.mkdir()
before = peak_rss()
build_encoder(Path({str(published.folder)!r}), into, Shape(0, 4))
print((peak_rss() - before) / 2**20)
"""
    run = run_limited([sys.executable, "-c", code])
    assert run.exit_code == 0, run.stderr
    assert float(run.stdout) < 20  # of a file of 93 MB


def grow(folder: Path, words: int, dim: int) -> None:
    """Put many words and no layer in the place of the weights."""
    from tests.unit.models.made import write_safetensors

    table = np.zeros((words, dim), "<f4").tobytes()
    few = np.ones((2, dim), "<f4").tobytes()
    row = few[: len(few) // 2]
    write_safetensors(
        folder / "model.safetensors",
        {
            "embeddings.word_embeddings.weight": ("F32", (words, dim), table),
            "embeddings.position_embeddings.weight": ("F32", (2, dim), few),
            "embeddings.token_type_embeddings.weight": ("F32", (2, dim), few),
            "embeddings.LayerNorm.weight": ("F32", (dim,), row),
            "embeddings.LayerNorm.bias": ("F32", (dim,), row),
        },
    )
