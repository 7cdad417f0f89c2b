"""Questions with known answers over the shared recordings' reference transcripts, and how well each ranking answers.

`python -m benchmarks.questions` prints JSON. The questions were written from the transcripts once, before anything was
measured, most of them in other words than the answer; no setting was chosen by single questions.
"""

from __future__ import annotations

import csv
import json
import random
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

from halfgig.records import Query, Segment
from halfgig.retrieval.embedding import embed_passages, meaning_of
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.passages import make_passages
from halfgig.retrieval.query import search
from halfgig.retrieval.reading import read_question
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.vectors import SentenceEmbedder
from halfgig.retrieval.words import find_terms, parse_question
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.records import Hit
    from halfgig.retrieval.index import Index

MODEL = "all-MiniLM-L6-v2"
SPEECH = Path(__file__).resolve().parents[2] / "shared" / "data" / "speech"
BEST = 5
LEAST_SLIP = 4  # letters: shorter words are left as they are
WAYS = ("keyword", "meaning", "both", "slips")

# Question: the recording whose words answer it.
QUESTIONS = {
    "a metal that flows in human veins": "1688-142285-0000",
    "which character is described as too hard and steely": "1688-142285-0000",
    "father and daughter talk about the guest's humble past in retail": "1688-142285-0001",
    "admitting that he once worked as a shop boy": "1688-142285-0004",
    "she was embarrassed and tried to hide her dismay at the visitor's story": "1688-142285-0007",
    "the death of a parent in poverty": "1688-142285-0008",
    "ending up in an institution for the poor": "1688-142285-0009",
    "what must a physician do besides rescuing the patient": "1998-15444-0000",
    "testifying in court about a toxic substance": "1998-15444-0000",
    "asking when the victim last ate": "1998-15444-0001",
    "signs to look for on a dead body": "1998-15444-0002",
    "stiffness of a corpse": "1998-15444-0002",
    "which organs to keep after an autopsy": "1998-15444-0003",
    "tying off the digestive tract so that nothing leaks": "1998-15444-0004",
    "asking an expert for help when unsure": "1998-15444-0005",
    "must the authorities be told when somebody tried to kill himself": "1998-15444-0006",
    "how to make somebody vomit": "1998-15444-0007",
    "how much should a grown-up be given": "1998-15444-0008",
    "is apomorphine related to morphine": "1998-15444-0009",
    "a servant searches for the person who sang verses in the night": "2033-164914-0002",
    "the stoker swears that he does not lie": "2033-164914-0004",
    "everybody is exhausted from marching and needs rest": "2033-164914-0006",
    "a princess thinks of her family and home and sheds tears": "2033-164914-0008",
    "poems made up on the spot": "2033-164914-0007",
    "a person's voice from among the cattle": "2414-128291-0002",
    "looking for joy in this world": "2414-128291-0004",
    "chatting with cows since the early hours": "2414-128291-0005",
    "everyone feels nausea and loathing": "2414-128291-0007",
    "Abraham Lincoln's belief about justice and strength": "2609-156975-0002",
    "endurance and perseverance are a form of brilliance": "2609-156975-0001",
    "what the inscriptions of the pharaohs say about the Israelites": "2609-156975-0004",
    "why do records of the Nile hardly mention the Jews": "2609-156975-0005",
    "did every tribe migrate to Egypt": "2609-156975-0006",
    "scripture is inconsistent about how many years they stayed": "2609-156975-0008",
    "an angry crowd gathers at a yard": "3005-163389-0000",
    "shouting to pull down the barrier": "3005-163389-0001",
    "a man stares down a mob until they look away": "3005-163389-0003",
    "jurors fear revenge and so they find everybody not guilty": "3005-163389-0006",
    "hanging a criminal without trial": "3005-163389-0006",
    "people without a leader are pitiful": "3005-163389-0008",
    "cocking a rifle and sending them away": "3005-163389-0009",
    "her talk is more attractive than her looks": "3080-5032-0002",
    "a quarrel over something silly": "3080-5032-0005",
    "rejected suitors return like phantoms in Shakespeare": "3080-5032-0006",
    "a neighbour who flirts with every woman around": "3080-5032-0009",
    "a girl sits by the fire with her cat and ponders": "3331-159605-0000",
    "imagining that he asks for her hand": "3331-159605-0003",
    "helping the family with the money": "3331-159605-0005",
    "she longed for the romantic meetings that brightened her job": "3331-159605-0008",
    "was she drawn to him because he was rich": "3331-159605-0009",
    "visitors to the bay confuse two kinds of shellfish": "367-130732-0002",
    "locals defend the taste of their own seafood": "367-130732-0003",
    "the history of this eatery would fill a volume": "367-130732-0004",
    "a dish made by famous cooks for splendid banquets": "367-130732-0005",
    "ingredients with yolk, cream and wine": "367-130732-0007",
    "stir while heating in a water bath": "367-130732-0008",
    "what bread accompanies the meal": "367-130732-0009",
    "shut in a freight train with nothing to drink": "533-1066-0001",
    "she embraced two people by mistake": "533-1066-0002",
    "single men doing the housework rarely and cooking oddly": "533-1066-0004",
    "an invitation to something strange late in the evening": "533-1066-0007",
    "a hearty meat casserole with root vegetables": "1089-134686-0000",
    "walking back and forth impatiently": "1089-134691-0001",
    "East Asian carvings that came before European presses": "LJ001-0003",
    "when were letters cast in metal invented": "LJ001-0005",
    "the scripture from around 1455": "LJ001-0007",
    "pretty characters cost no more than unsightly ones": "LJ001-0012",
    "handwriting reached its peak in medieval times": "LJ001-0016",
    "where do small letters come from": "LJ001-0020",
    "a rounder style that is more comfortable for readers": "LJ001-0025",
    "towns in which this typeface was used": "LJ001-0028",
    "a cloister close to the Italian capital that set up a press": "LJ001-0031",
}

# What people type who remember a name or a word of it.
TERMS = {
    "apomorphine": "1998-15444-0009",
    "ten minims": "1998-15444-0008",
    "rigor mortis": "1998-15444-0002",
    "alimentary canal": "1998-15444-0003",
    "Zarathustra": "2414-128291-0002",
    "Nuzhat al Zaman": "2033-164914-0008",
    "Zau al Makan": "2033-164914-0005",
    "distichs": "2033-164914-0007",
    "King Merneptah": "2609-156975-0004",
    "Ephraim and Manasseh": "2609-156975-0007",
    "Lincoln": "2609-156975-0002",
    "Sherburn": "3005-163389-0003",
    "garland": "3080-5032-0003",
    "Richard the Third's ghosts": "3080-5032-0006",
    "Mister Fish": "3080-5032-0009",
    "Puttel": "3331-159605-0000",
    "crayfish": "367-130732-0002",
    "Delmonico": "367-130732-0005",
    "chafing dish": "367-130732-0009",
    "Liddy and Jamieson": "533-1066-0002",
    "bachelor hall": "533-1066-0003",
    "Miss Innes nerves": "533-1066-0005",
    "mutton pieces": "1089-134686-0000",
    "Helstone": "1688-142285-0005",
    "Margaret said Mister Hale": "1688-142285-0001",
    "Peter Schoeffer": "LJ001-0024",
    "missal type": "LJ001-0022",
    "Strasburg, Basle and Lubeck": "LJ001-0028",
    "Sweynheim and Pannartz": "LJ001-0031",
    "Subiaco": "LJ001-0031",
    "ne plus ultra": "LJ001-0026",
    "woodcutters of the Netherlands": "LJ001-0003",
}


@dataclass(frozen=True, slots=True)
class Corpus:
    """The recordings of each reader as one source, and where in it each recording lies."""

    segments: dict[str, list[Segment]]
    places: dict[str, tuple[str, Segment]]


def read_corpus(folder: Path = SPEECH) -> Corpus:
    """The reference transcripts, the recordings of one reader and chapter one after another."""
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["language"] == "en" and "long" not in row["file"]]
    names = [(Path(row["file"]).stem, float(row["duration_s"]), row["reference"].lower()) for row in rows]
    segments: dict[str, list[Segment]] = {}
    places: dict[str, tuple[str, Segment]] = {}
    for reader, group in groupby(sorted(names), key=lambda row: row[0].rpartition("-")[0]):
        clock = 0.0
        for name, duration, text in group:
            segment = Segment(clock, clock + duration, f" {text}")
            segments.setdefault(reader, []).append(segment)
            places[name] = reader, segment
            clock += duration
    return Corpus(segments, places)


@contextmanager
def indexed(corpus: Corpus, embedder: SentenceEmbedder) -> Iterator[tuple[SqliteIndex, Library]]:
    """The corpus in a library of its own."""
    with tempfile.TemporaryDirectory() as folder, open_library(Path(folder) / "library.db") as connection:
        library, index = Library(connection), SqliteIndex(connection, EmbeddingModel(embedder.model, embedder.dim))
        index.learn(embedder.words)
        for reader, segments in corpus.segments.items():
            source = library.add_source(reader, f"/{reader}.flac", reader, "reference")
            for _ in library.append_segments(source, segments):
                pass
            source = library.close_transcript(source, "en")
            index.replace(reader, embed_passages(make_passages(segments), embedder, 5))
            library.finish(source)
        yield index, library


def measure(embedder: SentenceEmbedder) -> dict[str, float]:
    """For each way, how often the answer is the first hit and among five, and the mean reciprocal rank.

    Over all questions and over those in words alone; the slips are in those.
    """
    corpus = read_corpus()
    figures: dict[str, float] = {"questions": len(QUESTIONS), "terms": len(TERMS)}
    figures["share_no_word"] = _share_no_word(corpus)
    with indexed(corpus, embedder) as (index, library):
        figures["passages"] = index.count()
        for way in WAYS:
            asked = [_rank(corpus, index, library, embedder, way, *pair) for pair in QUESTIONS.items()]
            named = (
                []
                if way == "slips"
                else [_rank(corpus, index, library, embedder, way, *pair) for pair in TERMS.items()]
            )
            figures |= _figures(way, asked) | (_figures(f"{way}_with_terms", asked + named) if named else {})
    return figures


def _figures(name: str, ranks: Sequence[int]) -> dict[str, float]:
    return {
        f"{name}_recall_1": sum(rank == 1 for rank in ranks) / len(ranks),
        f"{name}_recall_5": sum(0 < rank <= BEST for rank in ranks) / len(ranks),
        f"{name}_mrr": sum(1 / rank for rank in ranks if rank) / len(ranks),
    }


def _rank(  # noqa: PLR0917
    corpus: Corpus,
    index: SqliteIndex,
    library: Library,
    embedder: SentenceEmbedder,
    way: str,
    question: str,
    name: str,
) -> int:
    """At which rank the answer is, 0 where it is not among ten."""
    reader, answer = corpus.places[name]
    hits = _hits(index, library, embedder, way, question)
    found = (rank for rank, hit in enumerate(hits, 1) if hit.source_id == reader and _covers(hit, answer))
    return next(found, 0)


def _hits(index: SqliteIndex, library: Library, embedder: SentenceEmbedder, way: str, question: str) -> Sequence[Hit]:
    text = slip(question) if way == "slips" else question
    meaning = None if way == "keyword" else meaning_of(read_question(text, index).meant, embedder)
    searched = _Wordless(index) if way == "meaning" else index
    return search(Query(text, 10), cast("Index", searched), meaning, library).hits


class _Wordless:
    """An index whose words nobody finds, so that meaning alone ranks."""

    def __init__(self, index: SqliteIndex) -> None:
        self._index = index

    def matching(self, *_: object) -> list[object]:
        return []

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)


def _covers(hit: Hit, answer: Segment) -> bool:
    return hit.start <= (answer.start + answer.end) / 2 < hit.end


def slip(question: str, seed: int = 7) -> str:
    """The question with one slip in each word of four letters or more: a letter lost, doubled, mistaken or swapped."""
    rng = random.Random(f"{seed} {question}")
    words = question.split()
    return " ".join(_slipped(word, rng) if len(word) >= LEAST_SLIP and word.isalpha() else word for word in words)


def _slipped(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word) - 1)
    before, letter, after, rest = word[:place], word[place], word[place + 1], word[place + 2 :]
    ways = (
        before + after + rest,
        before + letter + letter + after + rest,
        before + rng.choice("abcdefghijklmnopqrstuvwxyz") + after + rest,
        before + after + letter + rest,
    )
    return rng.choice(ways)


def _share_no_word(corpus: Corpus) -> float:
    """Of how many questions no word occurs in the answer."""
    apart = 0
    for question, name in QUESTIONS.items():
        said = {term.stem for term in find_terms(corpus.places[name][1].text)}
        asked = {stem for word in parse_question(question).words for stem in word.stems}
        apart += not asked & said
    return apart / len(QUESTIONS)


def main() -> None:
    """Print the figures."""
    embedder = SentenceEmbedder(Settings.from_environment().models_dir / MODEL, MODEL)
    json.dump({name: round(figure, 3) for name, figure in measure(embedder).items()}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
