"""The converted weights against the published ones, which are fetched anew: the store does not keep them."""

from __future__ import annotations

import json
import subprocess
import sys
from math import erf
from typing import TYPE_CHECKING, Any

import av
import ctranslate2
import numpy as np
import pytest
import tokenizers

from halfgig.errors import ModelError
from halfgig.models.encoder import build_encoder
from halfgig.models.manifest import MODELS
from halfgig.models.pull import Pull, fetch_files
from halfgig.models.quantize import quantize
from halfgig.models.store import ModelStore, ignore
from halfgig.models.tensors import read_tensors
from halfgig.operations.embedders import open_embedder
from halfgig.retrieval.vectors import SentenceEmbedder
from halfgig.settings import Settings
from halfgig.speech.mel import log_mel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

pytestmark = [pytest.mark.models, pytest.mark.slow]

SENTENCES = (
    "Keep your back straight and push through the heels.",
    "The quick brown fox jumps over the lazy dog.",
    "Memory does not grow with the length of the video.",
    "How much does a one gigabyte plan cost per month?",
    "Squats.",
    "The glycemic response differed between the cohorts, although neither reached significance (p = 0.08).",
    "Was kostet das Brot? Ça va bien.",
    "so um yeah we went to the the store and then like the car would not start so we had to walk home " * 5,
)
LOAD = """
import sys, ctranslate2
model = ctranslate2.models.Whisper(sys.argv[1], device="cpu", compute_type="int8", intra_threads=1)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def published(name: str, folder: Path) -> Path:
    """The files of a model as published."""
    if Settings.from_environment().offline:
        pytest.skip("HALFGIG_OFFLINE is set")
    pull = Pull(MODELS[name], folder, ignore)
    try:
        fetch_files(pull, {})
    except ModelError as error:
        pytest.skip(f"the published weights cannot be fetched: {error}")
    return pull.fetched


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of tiny.en as published and as int8."""
    original = published("tiny.en", tmp_path_factory.mktemp("tiny"))
    int8 = tmp_path_factory.mktemp("int8")
    quantize(original / "model.bin", int8 / "model.bin")
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (int8 / name).symlink_to(original / name)
    return original, int8


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of all-MiniLM-L6-v2 as published."""
    return published("all-MiniLM-L6-v2", tmp_path_factory.mktemp("minilm"))


@pytest.mark.parametrize("name", MODELS)
def test_installed_models_are_whole(model_store: Path, name: str) -> None:
    store = ModelStore(model_store, offline=True)
    if name not in store.installed():
        pytest.skip(f"{name} is not pulled")
    store.verify(name)


@pytest.mark.shared
def test_int8_on_disk_hears_what_int8_in_memory_hears(tiny: tuple[Path, Path], shared_data: Path) -> None:
    whispers = [open_whisper(folder) for folder in tiny]
    for path in sorted((shared_data / "speech" / "librispeech_test_clean").glob("*.flac"))[:2]:
        columns = log_mel(decode(path), 80, 3000)[None]
        states = [np.array(whisper.encode(ctranslate2.StorageView.from_array(columns))) for whisper in whispers]
        np.testing.assert_array_equal(states[0], states[1])
        heard = [hear(whisper, columns) for whisper in whispers]
        assert heard[0].sequences_ids == heard[1].sequences_ids
        assert heard[0].scores == heard[1].scores
        assert len(heard[0].sequences_ids[0]) > 5


def test_int8_on_disk_loads_in_less(tiny: tuple[Path, Path]) -> None:
    float16, int8 = (load_peak(folder) for folder in tiny)
    assert int8 < float16 - 60, f"{int8} MiB against {float16}"


def test_vectors_agree_with_float32(tmp_path: Path, minilm: Path) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    build_encoder(minilm, ready)
    encoder = ctranslate2.Encoder(str(ready), device="cpu", compute_type="int8", intra_threads=1)
    tokenizer = tokenizers.Tokenizer.from_file(str(minilm / "tokenizer.json"))
    tokenizer.no_padding()
    read = read_tensors(minilm / "model.safetensors")
    tensors = {name: np.concatenate(list(one.blocks())).reshape(one.shape) for name, one in read.items()}
    cosines = [agreement(encoder, tensors, tokenizer.encode(sentence).ids) for sentence in SENTENCES]
    assert np.mean(cosines) >= 0.995
    assert min(cosines) >= 0.98


def test_the_general_path_makes_of_a_published_folder_what_the_pinned_one_has(
    tmp_path: Path, model_store: Path
) -> None:
    """all-MiniLM-L6-v2 as its publisher lays it out: the same weights to the bit, and the same vectors."""
    folder = published("all-MiniLM-L6-v2", tmp_path)
    config = {"model_type": "bert", "num_hidden_layers": 6, "num_attention_heads": 12, "max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 256}))
    settings = Settings(models=tmp_path / "store", embedding_model=str(folder), threads=1)
    embedder = open_embedder(settings, ignore)
    made = (tmp_path / "store" / embedder.model / "model.bin").read_bytes()
    assert made == (model_store / "all-MiniLM-L6-v2" / "model.bin").read_bytes()
    pinned = SentenceEmbedder(model_store / "all-MiniLM-L6-v2")
    np.testing.assert_array_equal(np.asarray(embedder.embed(SENTENCES)), pinned.embed(SENTENCES))


def open_whisper(folder: Path) -> Any:
    return ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1)


def hear(whisper: Any, columns: Floats) -> Any:
    return whisper.generate(ctranslate2.StorageView.from_array(columns), [[50257]], beam_size=2, return_scores=True)[0]


def decode(path: Path) -> Floats:
    """Mono samples at 16 kHz."""
    resampler = av.AudioResampler("flt", "mono", 16_000)
    with av.open(str(path)) as container:
        blocks = [block for frame in container.decode(audio=0) for block in resampler.resample(frame)]
    return np.concatenate([block.to_ndarray()[0] for block in blocks]).astype(np.float32)


def load_peak(folder: Path) -> float:
    """MiB of resident memory that loading the model peaks at."""
    answer = subprocess.run([sys.executable, "-c", LOAD, str(folder)], capture_output=True, text=True, check=True)
    return int(answer.stdout) / 1024


def agreement(encoder: Any, tensors: Mapping[str, Floats], ids: list[int]) -> float:
    """Cosine between the mean vectors of the int8 encoder and of float32 arithmetic by the model's definition."""
    output = encoder.forward_batch([ids], token_type_ids=[[0] * len(ids)])
    ours = np.array(output.last_hidden_state)[0].mean(axis=0)
    theirs = bert(tensors, np.array(ids)).mean(axis=0)
    return float(ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs))


def bert(tensors: Mapping[str, Floats], ids: NDArray[np.int64]) -> Floats:
    """BERT's last hidden state for one text, (n, 384) float32."""
    words = tensors["embeddings.word_embeddings.weight"][ids]
    places = tensors["embeddings.position_embeddings.weight"][: len(ids)]
    state = norm(
        tensors, "embeddings.LayerNorm", words + places + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    for number in range(6):
        prefix = f"encoder.layer.{number}"
        state = norm(tensors, f"{prefix}.attention.output.LayerNorm", state + attention(tensors, prefix, state))
        hidden = gelu(linear(tensors, f"{prefix}.intermediate.dense", state))
        state = norm(tensors, f"{prefix}.output.LayerNorm", state + linear(tensors, f"{prefix}.output.dense", hidden))
    return state


def attention(tensors: Mapping[str, Floats], prefix: str, state: Floats) -> Floats:
    query, key, value = (
        linear(tensors, f"{prefix}.attention.self.{part}", state).reshape(len(state), 12, 32).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(32))
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (weights / weights.sum(axis=-1, keepdims=True)) @ value
    return linear(tensors, f"{prefix}.attention.output.dense", mixed.transpose(1, 0, 2).reshape(len(state), 384))


def linear(tensors: Mapping[str, Floats], name: str, state: Floats) -> Floats:
    return state @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def norm(tensors: Mapping[str, Floats], name: str, state: Floats) -> Floats:
    centred = state - state.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    return np.asarray(scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"], np.float32)


def gelu(values: Floats) -> Floats:
    return np.asarray(values * 0.5 * (1 + np.vectorize(erf)(values / np.sqrt(2))), np.float32)
