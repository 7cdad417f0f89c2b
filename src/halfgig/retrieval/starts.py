"""The best place to begin: where in a passage the sentence starts that answers the question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.retrieval.passages import ends_sentence
from halfgig.retrieval.words import find_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from halfgig.records import Passage, Seconds, Segment, Word
    from halfgig.retrieval.words import Question


def best_start(passage: Passage, segments: Iterable[Segment], question: Question) -> Seconds:
    """Where the sentence begins that holds most words of the question; the segment, where words have no times.

    The beginning of the passage where no sentence holds any, as where it was found by its meaning only.
    """
    best, held = passage.start, 0
    for start, text in _sentences(segments):
        here = find_runs(text, question) if passage.start <= start < passage.end else 0
        if here > held:
            best, held = start, here
    return best


def _sentences(segments: Iterable[Segment]) -> Iterator[tuple[Seconds, str]]:
    """Yield where each sentence begins, and what it says; a segment whole where its words have no times."""
    for segment in segments:
        if segment.words:
            yield from ((run[0].start, "".join(word.text for word in run)) for run in _cut(segment.words))
        else:
            yield segment.start, segment.text


def _cut(words: Iterable[Word]) -> Iterator[list[Word]]:
    run: list[Word] = []
    for word in words:
        run.append(word)
        if ends_sentence(word.text):
            yield run
            run = []
    if run:
        yield run
