"""Hits: a question answered by meaning and by keyword, fused, as moments with marked text and a link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest
from halfgig.records import Answer, Hit
from halfgig.retrieval.index import check_model
from halfgig.retrieval.links import link_at
from halfgig.retrieval.moments import fuse, join_moments
from halfgig.retrieval.words import mark, parse_question

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Floats, StoredSource
    from halfgig.retrieval.index import EmbeddingModel, Found, Index
    from halfgig.retrieval.moments import Moment
    from halfgig.retrieval.words import Question

MAX_HITS = 1000
POOL = 50  # passages asked of each ranking at least: what is deep in one may be high in the other

KEYWORD_ONLY = "Searched by keyword only: no embedding model was at hand."


@dataclass(frozen=True, slots=True)
class Meaning:
    """The vector of a question, (dim,) float32, and the model that made it."""

    model: EmbeddingModel
    vector: Floats


def search(
    text: str, index: Index, meaning: Meaning | None, describe: Callable[[str], StoredSource | None], k: int = 5
) -> Answer:
    """The k best moments that answer what a person typed, in words or as a question; "quoted phrases" must occur.

    `describe` gives the source of an id, or None where it is not to be shown. Without its meaning the answer is by
    keyword only and its notes say so. BadRequest where the text holds no word, k is out of range, or the
    meaning is of another model than the index.
    """
    if not 1 <= k <= MAX_HITS:
        raise BadRequest(f"{k} hits were asked for.", f"Ask for 1 to {MAX_HITS}.")
    question = parse_question(text)
    found = _rank(question, index, meaning, max(POOL, 4 * k))
    described = ((source_id, describe(source_id)) for source_id in {one.source_id for one in found})
    sources = {source_id: source for source_id, source in described if source is not None}
    shown = [one for one in found if one.source_id in sources]
    hits = [_hit(moment, sources[moment.source_id], question) for moment in join_moments(shown, k)]
    return Answer(question.text, tuple(hits), () if meaning else (KEYWORD_ONLY,))


def _rank(question: Question, index: Index, meaning: Meaning | None, pool: int) -> list[Found]:
    """Both rankings fused; where phrases are asked for, vectors only rank what holds them."""
    by_keyword = index.matching(question, pool)
    if meaning is None or index.model is None:
        return fuse(by_keyword)
    check_model(meaning.model, index.model)
    by_meaning = index.nearest(meaning.vector, pool)
    if question.phrases:
        holding = {(one.source_id, one.passage.number) for one in by_keyword}
        by_meaning = [one for one in by_meaning if (one.source_id, one.passage.number) in holding]
    return fuse(by_meaning, by_keyword)


def _hit(moment: Moment, source: StoredSource, question: Question) -> Hit:
    passage = moment.passage
    return Hit(
        source_id=moment.source_id,
        title=source.title,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        marked=mark(passage.text, question),
        score=moment.score,
        link=link_at(source.address, moment.best),
    )
