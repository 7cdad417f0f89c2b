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
_NUMBERS = frozenset((*ORDINALS, *CARDINALS))  # the eleventh is not a slip for the seventh, where only ten are
_ADD = "INSERT OR IGNORE INTO vocabulary (word) VALUES (?)"
_LAST = "SELECT coalesce(max(id), 0) FROM vocabulary"
_ADD_TRIGRAMS = """INSERT INTO vocabulary_trigrams (rowid, word)
 SELECT id, ' ' || word || ' ' FROM vocabulary WHERE id > ?"""
_IS_THERE = "SELECT 1 FROM vocabulary WHERE word = ?"
_LEARN = "INSERT OR IGNORE INTO lexicon VALUES (?)"
_LEARNT = "SELECT 1 FROM lexicon WHERE word = ?"
_HELD = """SELECT EXISTS (SELECT 1 FROM passage_words WHERE passage_words MATCH :word)
 OR EXISTS (SELECT 1 FROM event_words WHERE event_words MATCH :word)"""
_BEGINNING = "SELECT word FROM vocabulary WHERE word >= :prefix AND word < :past ORDER BY length(word), word"
_RESEMBLING = """SELECT word FROM vocabulary WHERE id IN (
 SELECT rowid FROM vocabulary_trigrams WHERE vocabulary_trigrams MATCH ? ORDER BY rank LIMIT ?)"""
_TEXTS = "SELECT text FROM passages UNION ALL SELECT words FROM events"


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
        """Remember words that are no slips, though no passage may hold them; they are called for once only."""
        if self._connection.execute("SELECT EXISTS (SELECT 1 FROM lexicon)").get:
            return
        with self._connection:
            self._connection.executemany(_LEARN, ((word,) for word in words()))

    def gather(self) -> None:
        """Begin anew, from all texts that there are."""
        self._connection.execute("DELETE FROM vocabulary")
        self._connection.execute("INSERT INTO vocabulary_trigrams (vocabulary_trigrams) VALUES ('delete-all')")
        words: set[str] = set()
        for (text,) in self._connection.execute(_TEXTS):
            words.update(word for word in find_words(text) if len(word) <= MOST_LETTERS)
        self.add(words)

    def knows(self, word: str) -> bool:
        """Whether any text holds the word, in whatever form, or it was learnt."""
        if word in _NUMBERS or self._connection.execute(_LEARNT, (word,)).get is not None:
            return True
        return self._is_held(word)

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """Words that begin with these letters, shortest first."""
        rows = self._connection.execute(_BEGINNING, {"prefix": prefix, "past": prefix + "\U0010ffff"})
        return list(islice(self._held(rows), limit))

    def resembling(self, word: str, limit: int) -> list[str]:
        """Words that share most runs of three letters with this one, best first."""
        padded = f" {word} "
        runs = {padded[place : place + 3] for place in range(len(padded) - 2)}
        expression = " OR ".join(f'"{run}"' for run in sorted(runs))
        return list(self._held(self._connection.execute(_RESEMBLING, (expression, limit))))

    def _held(self, rows: Iterable[tuple[str]]) -> Iterator[str]:
        return (word for (word,) in list(rows) if self._is_held(word))

    def _is_held(self, word: str) -> bool:
        return bool(self._connection.execute(_HELD, {"word": f'"{word}"'}).get)
