"""Hits: a question answered by meaning, by keyword and by what is seen, fused, as moments with text and a link."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from halfgig.errors import BadRequest, NotFound, ServerTrouble
from halfgig.records import Answer, Hit
from halfgig.retrieval.index import Bounds, check_model
from halfgig.retrieval.links import link_at
from halfgig.retrieval.moments import MOTION, SPEECH, fuse, group_moments, join_moments
from halfgig.retrieval.reading import read_question
from halfgig.retrieval.starts import best_start
from halfgig.retrieval.words import mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from halfgig.records import Floats, Passage, Query, Scope, Seconds, Segment, StoredSource
    from halfgig.retrieval.index import EmbeddingModel, Found, Index
    from halfgig.retrieval.moments import Moment
    from halfgig.retrieval.words import Question

MAX_HITS = 1000
POOL = 50  # passages asked of each ranking at least: what is deep in one may be high in the other
KINDS = (SPEECH, MOTION)
NOTHING_TYPED = ""  # where a search is for what resembles a moment

KEYWORD_ONLY = "Searched by keyword only: no embedding model was at hand."
CUT_OFF = "Searched by keyword only: {why}"
MENDED = "Nothing holds {typed}; {read} was looked for instead."


@dataclass(frozen=True, slots=True)
class Meaning:
    """The vector of a question, (dim,) float32, and the model that made it."""

    model: EmbeddingModel
    vector: Floats


class Shelf(Protocol):
    """What a search wants to know of the sources. `Library` is one."""

    def within(self, scope: Scope) -> tuple[str, ...] | None:
        """Ids of the sources that a scope means; None where it means all."""
        ...

    def shown(self, source_id: str, kind: str = SPEECH) -> StoredSource | None:
        """The source of an id; None where what is known of it by this kind is not to be shown."""
        ...

    def segments_between(self, source_id: str, start: Seconds, end: Seconds) -> Iterable[Segment]:
        """The segments of a source that touch this stretch of it."""
        ...


class Events(Protocol):
    """What is seen in sources, found by its words. `EventIndex` is one."""

    def matching(self, question: Question, k: int, bounds: Bounds) -> list[Found]:
        """The k events that hold every word of the question, best first."""
        ...


class NoEvents:
    """Nothing was seen."""

    def matching(self, question: Question, k: int, bounds: Bounds) -> list[Found]:  # noqa: ARG002
        """None."""
        return []


def search(query: Query, index: Index, meaning: Meaning | None, shelf: Shelf, events: Events | None = None) -> Answer:
    """The best moments that answer what a person typed, in words or as a question; "quoted phrases" must occur.

    `meaning` is that of `read_question(...).meant`. Without it the answer is by keyword only and its notes say so.
    BadRequest where the text holds no word, k is out of range, or the meaning is of another model than the index.
    """
    check_query(query)
    question = read_question(query.text, index)
    asked = _Search(question, meaning, bounds_of(query.scope, shelf), query.scope.kind, max(POOL, 4 * query.k))
    rankings, notes = _rankings(asked, index, events or NoEvents())
    hits = tuple(_hits(fuse(rankings), query, shelf, question))
    return Answer(question.text, hits, (*_mendings(question), *notes))


def search_alike(source_id: str, at: Seconds, query: Query, index: Index, shelf: Shelf) -> Answer:
    """The moments whose meaning is nearest to what is said at a second of a source, which itself is left out.

    NotFound where nothing is said there or later.
    """
    check_query(query)
    asked = index.vector_at(source_id, at) if shelf.shown(source_id) else None
    if asked is None:
        raise NotFound(f"Nothing is said at {at:g} s of {source_id}.", "Give an earlier second of an indexed source.")
    itself, vector = asked
    near = index.nearest(vector, max(POOL, 4 * query.k), bounds_of(query.scope, shelf))
    others = [one for one in near if one.source_id != source_id or not _overlap(one.passage, itself)]
    return Answer(NOTHING_TYPED, tuple(_hits(fuse({"meaning": others}), query, shelf, None)))


def check_query(query: Query) -> None:
    """BadRequest where the number of hits or the kind is not one."""
    if not 1 <= query.k <= MAX_HITS:
        raise BadRequest(f"{query.k} hits were asked for.", f"Ask for 1 to {MAX_HITS}.")
    if query.scope.kind not in ("", *KINDS):
        raise BadRequest(f"There is no kind {query.scope.kind}.", f"The kinds are {' and '.join(KINDS)}.")


def bounds_of(scope: Scope, shelf: Shelf) -> Bounds:
    """What part of an index the scope means."""
    everywhere = Bounds()
    after = everywhere.after if scope.after is None else scope.after
    before = everywhere.before if scope.before is None else scope.before
    return Bounds(shelf.within(scope), after, before)


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for, how deep, and where."""

    question: Question
    meaning: Meaning | None
    bounds: Bounds
    kind: str
    pool: int


def _rankings(asked: _Search, index: Index, events: Events) -> tuple[dict[str, list[Found]], list[str]]:
    """What each ranking finds, and what a person should know of it."""
    rankings: dict[str, list[Found]] = {}
    notes: list[str] = []
    if asked.kind != MOTION:
        by_keyword = index.matching(asked.question, asked.pool, asked.bounds)
        by_meaning, notes = _told_by_meaning(asked, index, by_keyword)
        rankings = {"meaning": by_meaning, "keyword": by_keyword}
    if asked.kind != SPEECH:
        rankings[MOTION] = events.matching(asked.question, asked.pool, asked.bounds)
    return rankings, notes


def _told_by_meaning(asked: _Search, index: Index, by_keyword: list[Found]) -> tuple[list[Found], list[str]]:
    """What is nearest to the meaning; nothing, and why, where an index outside cannot be asked."""
    if asked.meaning is None:
        return [], [KEYWORD_ONLY]
    try:
        return _by_meaning(asked, index, by_keyword), index.notes()
    except ServerTrouble as error:
        return [], [CUT_OFF.format(why=error)]


def _by_meaning(asked: _Search, index: Index, by_keyword: list[Found]) -> list[Found]:
    """What is nearest to the meaning; where phrases are asked for, of what holds them."""
    if asked.meaning is None or index.model is None:
        return []
    check_model(asked.meaning.model, index.model)
    found = index.nearest(asked.meaning.vector, asked.pool, asked.bounds)
    if not asked.question.phrases:
        return found
    holding = {(one.source_id, one.passage.number) for one in by_keyword}
    return [one for one in found if (one.source_id, one.passage.number) in holding]


def _mendings(question: Question) -> list[str]:
    return [MENDED.format(typed=typed, read=read) for typed, read in question.mended]


def _hits(found: list[Found], query: Query, shelf: Shelf, question: Question | None) -> list[Hit]:
    described = {(one.source_id, one.kind) for one in found}
    sources = {key: source for key in described if (source := shelf.shown(*key)) is not None}
    shown = (one for one in found if (one.source_id, one.kind) in sources)
    if query.grouped:
        moments = list(group_moments(join_moments(shown, len(found)), query.k))
    else:
        moments = list(islice(join_moments(shown, query.k), query.k))
    return [_hit(moment, sources[moment.source_id, moment.best.kind], shelf, question) for moment in moments]


def _hit(moment: Moment, source: StoredSource, shelf: Shelf, question: Question | None) -> Hit:
    passage = moment.passage
    at = _start(moment, shelf, question)
    hit = Hit(
        source_id=moment.source_id,
        title=source.title,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        marked=passage.text if question is None else mark(passage.text, question),
        score=moment.score,
        link=link_at(source.address, at),
    )
    return replace(hit, at=at, kind=moment.best.kind, ranks=moment.best.ranks)


def _start(moment: Moment, shelf: Shelf, question: Question | None) -> Seconds:
    best = moment.best.passage
    if question is None or moment.best.kind == MOTION:
        return best.start
    return best_start(best, shelf.segments_between(moment.source_id, best.start, best.end), question)


def _overlap(a: Passage, b: Passage) -> bool:
    return a.start < b.end and b.start < a.end
