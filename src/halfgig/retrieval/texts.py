"""What is said, by source: passages and their words (FTS5) in the library's file, wherever their vectors are."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import accumulate, compress
from typing import TYPE_CHECKING

from halfgig.records import Passage
from halfgig.retrieval.index import EVERYWHERE, Bounds, Found, best_possible, rarity, share_of
from halfgig.retrieval.vocabulary import SqliteVocabulary
from halfgig.retrieval.words import spaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import apsw

    from halfgig.records import Seconds
    from halfgig.retrieval.words import Asked, Question

SAMPLE = 20_000  # passages that tell how rare a word is
MOST_RANKED = 30_000  # passages that hold any of the words: bm25 ranks so many in about 10 ms
COMMON = rarity(SAMPLE // 3, SAMPLE)  # a word of this weight or less is in every third passage

_FORGET = (
    "DELETE FROM passage_words WHERE rowid IN (SELECT id FROM passages WHERE source_id = :source_id)",
    "DELETE FROM passages WHERE source_id = :source_id",
)
_SETTLE = (
    """INSERT INTO passages (source_id, number, "start", "end", text)
 SELECT :source_id, number, "start", "end", text FROM temp.arrivals ORDER BY number""",
    """INSERT INTO passage_words (rowid, text)
 SELECT p.id, a.words FROM passages p JOIN temp.arrivals a USING (number) WHERE p.source_id = :source_id""",
)
_SAME = """SELECT (SELECT count(*) FROM passages WHERE source_id = :source_id) = (SELECT count(*) FROM temp.arrivals)
 AND NOT EXISTS (SELECT number, "start", "end", text FROM temp.arrivals
  EXCEPT SELECT number, "start", "end", text FROM passages WHERE source_id = :source_id)"""
_MATCHING = """SELECT p.source_id, p.number, p."start", p."end", p.text, -w.rank AS score
 FROM (SELECT rowid AS id, rank FROM passage_words WHERE passage_words MATCH :expression {within}
 ORDER BY rank LIMIT :k) w JOIN passages p ON p.id = w.id ORDER BY w.rank, p.id"""
_WITHIN = "AND {id} IN (SELECT id FROM passages WHERE {condition})"
_AT = """SELECT number, "start", "end", text FROM passages WHERE source_id = ? AND "end" > ? ORDER BY number LIMIT 1"""
_OF = 'SELECT number, "start", "end", text FROM passages WHERE source_id = ? ORDER BY number'
_ONE = 'SELECT number, "start", "end", text FROM passages WHERE source_id = ? AND number = ?'
_SOURCES = "SELECT DISTINCT source_id FROM passages ORDER BY source_id"
_LAST = "SELECT coalesce(max(id), 0) FROM passages"
_HOLDING = "SELECT count(*) FROM passage_words WHERE passage_words MATCH :run AND rowid > :before"
_COUNT = "SELECT count(*) FROM passages WHERE :source_id IS NULL OR source_id = :source_id"


class SqliteTexts:
    """Passages without their vectors, on a connection whose tables are there. Writing is for within a transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.vocabulary = SqliteVocabulary(connection)

    def are_arrivals(self, source_id: str) -> bool:
        """Whether the source's passages are the same as those that have arrived."""
        return bool(self._connection.execute(_SAME, {"source_id": source_id}).get)

    def settle(self, source_id: str, words: Iterable[str]) -> None:
        """Put what has arrived in the place of what the source had; `words` are new to the vocabulary."""
        for statement in (*_FORGET, *_SETTLE):
            self._connection.execute(statement, {"source_id": source_id})
        self.vocabulary.add(words)

    def forget(self, source_id: str) -> None:
        """Forget the source's passages."""
        for statement in _FORGET:
            self._connection.execute(statement, {"source_id": source_id})

    def matching(self, question: Question, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest bm25; of a large index, by the words that not every third of them holds."""
        weigh = cache(self._rarity)
        expression = _expression(self._telling(question, weigh))
        rows = self._connection.execute(*bounded(_MATCHING, bounds, "rowid", expression=expression, k=k))
        found = [Found(row[0], Passage(*row[1:5]), row[5]) for row in rows]
        whole = best_possible(question, weigh) if found else 1.0
        return [replace(one, share=min(one.score / whole, 1.0)) for one in found]

    def _telling(self, question: Question, weigh: Callable[[Asked], float]) -> Question:
        """The question without its commonest words, which cost most and tell least; the rarest stays in any case."""
        last = int(self._connection.execute(_LAST).get)
        return question if not question.choices or last <= SAMPLE else without_common(question, weigh, last)

    def _rarity(self, run: Asked) -> float:
        """The weight that bm25 gives to a run of words, by the latest passages."""
        last = self._connection.execute(_LAST).get
        holding = self._connection.execute(_HOLDING, {"run": quoted(run), "before": last - SAMPLE}).get
        return rarity(holding, min(last, SAMPLE))

    def at(self, source_id: str, at: Seconds) -> Passage | None:
        """The passage said at this second of a source, else the next one; None after the last."""
        row = self._connection.execute(_AT, (source_id, at)).fetchone()
        return Passage(*row) if row else None

    def passage(self, source_id: str, number: int) -> Passage | None:
        """The passage of this number."""
        row = self._connection.execute(_ONE, (source_id, number)).fetchone()
        return Passage(*row) if row else None

    def passages(self, source_id: str) -> Iterator[Passage]:
        """Yield the source's passages, in order."""
        return (Passage(*row) for row in self._connection.execute(_OF, (source_id,)))

    def sources(self) -> list[str]:
        """Ids of the sources that have passages, in order."""
        return [source_id for (source_id,) in self._connection.execute(_SOURCES)]

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole library, has."""
        return int(self._connection.execute(_COUNT, {"source_id": source_id}).get)


class WithTexts:
    """What of the index port is answered by the texts in the library's file, wherever the vectors are."""

    _texts: SqliteTexts

    def matching(self, question: Question, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest bm25; of a large index, by the words that not every third of them holds."""
        return self._texts.matching(question, k, bounds)

    def learn(self, words: Callable[[], Iterable[str]]) -> None:
        """Words that the embedding model has whole, and that are therefore no slips; called for once only."""
        self._texts.vocabulary.learn(words)

    def learnt(self) -> list[str]:
        """What was learnt, in its order."""
        return self._texts.vocabulary.learnt()

    def knows(self, word: str) -> bool:
        """Whether any passage holds the word, in whatever form, or it was learnt."""
        return self._texts.vocabulary.knows(word)

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words of the passages that begin with these letters, shortest first."""
        return self._texts.vocabulary.beginning(prefix, limit)

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share most runs of three letters with this one: those of passages, then those that were learnt."""
        return self._texts.vocabulary.resembling(word, limit)


def without_common(question: Question, weigh: Callable[[Asked], float], passages: int = 0) -> Question:
    """The question without the words that every third passage holds, and of the others the rarest.

    So many are kept that at most about MOST_RANKED of this many passages are to be ranked; the rarest stays anyway.
    """
    weights = {choice: max(map(weigh, choice)) for choice in question.choices}
    rarest = sorted(weights, key=weights.__getitem__, reverse=True)
    ranked = accumulate(passages * share_of(weights[choice]) for choice in rarest)
    telling = (weights[choice] >= COMMON and count <= MOST_RANKED for choice, count in zip(rarest, ranked, strict=True))
    kept = {rarest[0], *compress(rarest, telling)}
    return replace(question, choices=tuple(choice for choice in question.choices if choice in kept))


def bounded(
    statement: str, bounds: Bounds, id: str, **values: str | int | bytes
) -> tuple[str, dict[str, str | int | float | bytes | None]]:
    """The statement whose column `id` of passages is kept within bounds, and its values."""
    condition = conditions(bounds)
    within = _WITHIN.format(id=id, condition=condition) if condition else ""
    return statement.format(within=within), bound_values(bounds, **values)


def conditions(bounds: Bounds) -> str:
    """The SQL condition of rows within bounds; empty where there are none."""
    of_sources = "source_id IN (SELECT value FROM json_each(:sources))" if bounds.sources is not None else ""
    timed = (bounds.after, bounds.before) != (EVERYWHERE.after, EVERYWHERE.before)
    of_time = '"end" > :after AND "start" < :before' if timed else ""
    return " AND ".join(filter(None, (of_sources, of_time)))


def bound_values(bounds: Bounds, **values: str | int | bytes) -> dict[str, str | int | float | bytes | None]:
    """The values of `conditions`, and others."""
    return {"sources": json.dumps(bounds.sources), "after": bounds.after, "before": bounds.before, **values}


def _expression(question: Question) -> str:
    """The question in FTS5's language: every phrase, and for the ranking any word. Stems of words are safe to quote."""
    anything = " OR ".join(quoted(run) for run in (*question.phrases, *question.words))
    return " AND ".join([*(quoted(run) for run in question.phrases), f"({anything})"])


def quoted(run: Asked) -> str:
    """The run as FTS5's language has it, whatever it holds."""
    return '"' + spaced(run.text).replace('"', '""') + '"'
