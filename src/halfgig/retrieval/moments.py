"""Moments: rankings fused into one, and neighbouring passages joined, so that each moment of a source is one answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from halfgig.records import Passage, Rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from halfgig.retrieval.index import Found

SPEECH, MOTION = "speech", "motion"
RANK_OFFSET = 20  # of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009, with 60); decision 0110
WEIGHTS = {"keyword": 0.5, "motion": 1.5}  # what is seen has this one ranking only, and holds every word asked for
MAX_PASSAGES = 3  # joined into one moment: about two minutes of speech, still one answer to look at
MAX_GROUPED = 3  # moments of one source where answers are grouped by source
SURE_OVERLAP = 8  # characters: a shorter common end and beginning counts at word borders only


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of one source: its joined passages `first` to `last`, and what was found best of them."""

    source_id: str
    first: int
    last: int
    passage: Passage
    best: Found

    @property
    def score(self) -> float:
        """That of its best passage."""
        return self.best.score


def fuse(rankings: Mapping[str, Iterable[Found]]) -> list[Found]:
    """One ranking out of several: the sum of weight * share / (20 + rank) over the rankings that something is in.

    The share is how much of the question it holds: the best of those that hold one word in five is no good answer.
    Each of the found tells in `ranks` which ranking added what.
    """
    ranks: dict[tuple[str, str, int], list[Rank]] = {}
    found: dict[tuple[str, str, int], Found] = {}
    for name, ranking in rankings.items():
        for rank, one in enumerate(ranking, start=1):
            key = one.kind, one.source_id, one.passage.number
            adds = one.share * WEIGHTS.get(name, 1.0) / (RANK_OFFSET + rank)
            ranks.setdefault(key, []).append(Rank(name, rank, one.score, adds))
            found.setdefault(key, one)
    scored = {key: sum(rank.adds for rank in told) for key, told in ranks.items()}
    best = sorted(scored, key=lambda key: (-scored[key], key))
    return [replace(found[key], score=scored[key], ranks=tuple(ranks[key])) for key in best]


def join_moments(ranked: Iterable[Found], k: int) -> list[Moment]:
    """The best k moments, best first, no two of which overlap.

    Of the best k passages, those that overlap are joined, up to three together; further passages fill the places that
    this frees, where they do not overlap what is there.
    """
    moments: list[Moment] = []
    for rank, one in enumerate(ranked):
        touching = [n for n, moment in enumerate(moments) if _overlap(moment, one)]
        if not touching and len(moments) < k:
            moments.append(_moment(one))
        elif len(touching) == 1 and rank < k:
            moments[touching[0]] = _joined(moments[touching[0]], one)
    return moments


def group_moments(moments: Iterable[Moment], k: int) -> Iterator[Moment]:
    """Yield the best moments of the k best sources, up to three each, source by source; best first in each."""
    sources: dict[str, list[Moment]] = {}
    for moment in moments:
        if moment.source_id in sources or len(sources) < k:
            sources.setdefault(moment.source_id, []).append(moment)
    for found in sources.values():
        yield from found[:MAX_GROUPED]


def _moment(one: Found) -> Moment:
    number = one.passage.number
    return Moment(one.source_id, number, number, one.passage, one)


def _overlap(moment: Moment, one: Found) -> bool:
    here, there = moment.passage, one.passage
    alike = moment.source_id == one.source_id and moment.best.kind == one.kind
    return alike and there.start < here.end and here.start < there.end


def _joined(moment: Moment, one: Found) -> Moment:
    """The moment with a neighbour joined on; as it was where the other is no neighbour, or it is long enough."""
    number = one.passage.number
    if moment.last - moment.first + 1 >= MAX_PASSAGES or one.kind != SPEECH:
        return moment
    if number == moment.first - 1:
        return replace(moment, first=number, passage=_join(one.passage, moment.passage))
    if number == moment.last + 1:
        return replace(moment, last=number, passage=_join(moment.passage, one.passage))
    return moment


def _join(earlier: Passage, later: Passage) -> Passage:
    text = join_texts(earlier.text, later.text)
    return Passage(earlier.number, earlier.start, max(earlier.end, later.end), text)


def join_texts(earlier: str, later: str) -> str:
    """The two texts as one, what the end of the first and the beginning of the second share said once."""
    for size in range(min(len(earlier), len(later)), 0, -1):
        if earlier.endswith(later[:size]) and (size >= SURE_OVERLAP or _whole_words(earlier, later, size)):
            return earlier + later[size:]
    return f"{earlier} {later}"


def _whole_words(earlier: str, later: str, size: int) -> bool:
    return earlier[: len(earlier) - size][-1:] in ("", " ") and later[size : size + 1] in ("", " ")
