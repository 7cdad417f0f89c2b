"""The words of the embedded index as they are written: which there are, and which look like one that is not there."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from halfgig.retrieval.reps import CARDINALS, ORDINALS
from halfgig.retrieval.words import find_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import apsw

MOST_LETTERS = 30  # of a word that is remembered; longer ones are addresses and noise
NUMBERS = frozenset((*ORDINALS, *CARDINALS))  # the eleventh is not a slip for the seventh, where only ten are
_ADD = "INSERT OR IGNORE INTO vocabulary (word) VALUES (?)"
_LAST = "SELECT coalesce(max(id), 0) FROM vocabulary"
_ADD_TRIGRAMS = """INSERT INTO vocabulary_trigrams (rowid, word)
 SELECT id, ' ' || word || ' ' FROM vocabulary WHERE id > ?"""
_IS_THERE = "SELECT 1 FROM vocabulary WHERE word = ?"
_ANY_LEARNT = "SELECT EXISTS (SELECT 1 FROM index_facts WHERE name = 'learnt')"
_SAY_LEARNT = "INSERT OR IGNORE INTO index_facts VALUES ('learnt', 'yes')"
_LEARN = "INSERT INTO vocabulary (word, place) VALUES (?, ?) ON CONFLICT (word) DO UPDATE SET place = excluded.place"
_LEARNT = "SELECT 1 FROM vocabulary WHERE word = ? AND place IS NOT NULL"
_HELD = """SELECT EXISTS (SELECT 1 FROM passage_words WHERE passage_words MATCH :word)
 OR EXISTS (SELECT 1 FROM event_words WHERE event_words MATCH :word)"""
_BEGINNING = "SELECT word FROM vocabulary WHERE word >= :prefix AND word < :past ORDER BY length(word), word"
_RESEMBLING = """SELECT v.word, v.place FROM (
  SELECT rowid AS id, rank FROM vocabulary_trigrams WHERE vocabulary_trigrams MATCH ? ORDER BY rank LIMIT ?) t
 JOIN vocabulary v ON v.id = t.id ORDER BY t.rank"""
_TEXTS = "SELECT text FROM passages UNION ALL SELECT words FROM events"
_LEARNT_WORDS = "SELECT word, place FROM vocabulary WHERE place IS NOT NULL ORDER BY place"


class SqliteVocabulary:
    """The vocabulary on a connection whose tables are there. Writing is for within a transaction of the caller's."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def unknown(self, text: str, besides: set[str]) -> set[str]:
        """The words of a text that are neither in the vocabulary nor among others."""
        words = {word for word in find_words(text) if len(word) <= MOST_LETTERS} - besides
        return {word for word in words if self._connection.execute(_IS_THERE, (word,)).get is None}

    def add(self, words: Iterable[str]) -> None:
        """Remember words."""
        last = self._connection.execute(_LAST).get
        self._connection.executemany(_ADD, ((word,) for word in sorted(words)))
        self._connection.execute(_ADD_TRIGRAMS, (last,))

    def learn(self, words: Callable[[], Iterable[str]]) -> None:
        """Remember words that are no slips, the commonest first, though no passage may hold them; called for once."""
        if self._connection.execute(_ANY_LEARNT).get:
            return
        with self._connection:
            self._take_in(((word, place) for place, word in enumerate(words())))
            self._connection.execute(_SAY_LEARNT)

    def learnt(self) -> list[str]:
        """The words that were learnt, in their order."""
        words = self._connection.execute(_LEARNT_WORDS)
        return [word for word, _ in words]

    def gather(self) -> None:
        """Begin anew, from all texts that there are, and what was learnt."""
        learnt = list(self._connection.execute(_LEARNT_WORDS))
        self._connection.execute("DELETE FROM vocabulary")
        self._connection.execute("INSERT INTO vocabulary_trigrams (vocabulary_trigrams) VALUES ('delete-all')")
        words: set[str] = set()
        for (text,) in self._connection.execute(_TEXTS):
            words.update(word for word in find_words(text) if len(word) <= MOST_LETTERS)
        self.add(words)
        self._take_in(learnt)

    def _take_in(self, learnt: Iterable[tuple[str, int]]) -> None:
        last = self._connection.execute(_LAST).get
        self._connection.executemany(_LEARN, learnt)
        self._connection.execute(_ADD_TRIGRAMS, (last,))

    def knows(self, word: str) -> bool:
        """Whether any text holds the word, in whatever form, or it was learnt."""
        if word in NUMBERS or self._connection.execute(_LEARNT, (word,)).get is not None:
            return True
        return self._is_held(word)

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words that begin with these letters, shortest first."""
        rows = self._connection.execute(_BEGINNING, {"prefix": prefix, "past": prefix + "\U0010ffff"})
        return list(islice(self._held(rows), limit))

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share most runs of three letters with this one: those that a text holds, then the commonest."""
        padded = f" {word} "
        runs = {padded[place : place + 3] for place in range(len(padded) - 2)}
        expression = " OR ".join(f'"{run}"' for run in sorted(runs))
        found = list(self._connection.execute(_RESEMBLING, (expression, limit)))
        held = [(not self._is_held(other), place or 0, other) for other, place in found]
        learnt = {other for other, place in found if place is not None}
        return [other for unheld, _, other in sorted(held, key=lambda one: one[:2]) if not unheld or other in learnt]

    def _held(self, rows: Iterable[tuple[str]]) -> Iterator[str]:
        return (word for (word,) in list(rows) if self._is_held(word))

    def _is_held(self, word: str) -> bool:
        return bool(self._connection.execute(_HELD, {"word": f'"{word}"'}).get)
