from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.errors import ModelError
from halfgig.records import Passage
from halfgig.retrieval.embedding import embed_passages
from halfgig.retrieval.vectors import SentenceEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from halfgig.records import Vector


class CountingEmbedder:
    model, dim = "counting", 2

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed(self, texts: Sequence[str]) -> Vector:
        self.batches.append(len(texts))
        return np.array([[len(text), 1] for text in texts], np.float32)


def passages(count: int) -> Iterator[Passage]:
    return (Passage(n, n, n + 1, "x" * n) for n in range(count))


def test_passages_are_embedded_in_batches_and_stay_in_order() -> None:
    embedder = CountingEmbedder()
    embedded = list(embed_passages(passages(12), embedder, 5))
    assert embedder.batches == [5, 5, 2]
    assert [(passage.number, vector[0]) for passage, vector in embedded] == [(n, n) for n in range(12)]


def test_nothing_is_embedded_for_nothing() -> None:
    embedder = CountingEmbedder()
    assert list(embed_passages([], embedder, 5)) == []
    assert embedder.batches == []


def test_no_more_than_a_batch_is_taken_ahead() -> None:
    embedder = CountingEmbedder()
    source = passages(100)
    next(embed_passages(source, embedder, 3))
    assert next(source).number == 3


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x00\xff"])
def test_a_folder_that_is_no_model_is_an_error_with_a_remedy(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be opened") as raised:
        SentenceEmbedder(tmp_path)
    assert "halfgig models" in raised.value.remedy
