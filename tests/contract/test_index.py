"""What every index of passages must do."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.databases import fresh_postgres, library_at
from tests.fakes.exact import ExactIndex

from halfgig.errors import BadRequest
from halfgig.operations.indexes import own_index
from halfgig.records import Passage
from halfgig.retrieval.index import EVERYWHERE, Bounds, EmbeddingModel, Index
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.words import parse_question
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fakes.outside import Outside

    from halfgig.records import Floats, Vector

DIM = 16
MODEL = EmbeddingModel("toy", DIM)
TALK = (
    "The Norsemen considered the rainbow as a bridge over which the gods passed.",
    "A lobster is not a lobster when it is a crayfish, said the café's chef.",
    "Printing may be considered the art of making books by movable types.",
    "我喜欢吃苹果和香蕉。彩虹很漂亮。",
)


@pytest.fixture(params=["exact", "sqlite", "sqlite by signs", "postgres", "pinecone", "qdrant", "library postgres"])
def index(request: pytest.FixtureRequest, tmp_path: Path, outside: Outside) -> Iterator[Index]:
    kind: str = request.param
    if kind == "exact":
        yield ExactIndex(MODEL)
        return
    if kind == "library postgres":
        url = fresh_postgres(request.getfixturevalue("postgres"))
        with library_at(url) as database:
            yield own_index(database, MODEL)
        return
    with open_library(tmp_path / "library.db") as connection:
        if kind.startswith("sqlite"):
            yield SqliteIndex(connection, MODEL, exact=0 if kind == "sqlite by signs" else 20_000)
        else:
            with outside.open(kind) as place:
                yield place.open(connection, MODEL)


def vectors(count: int, seed: int = 0) -> list[Vector]:
    rows = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return list(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def embedded(texts: tuple[str, ...] = TALK, seed: int = 0) -> list[tuple[Passage, Vector]]:
    passages = [Passage(number, 30.0 * number, 30.0 * number + 35, text) for number, text in enumerate(texts)]
    return list(zip(passages, vectors(len(texts), seed), strict=True))


def numbers(index: Index, question: str, bounds: Bounds = EVERYWHERE) -> list[int]:
    return [found.passage.number for found in index.matching(parse_question(question), 10, bounds)]


class TestIndex:
    def test_a_new_index_finds_nothing(self, index: Index) -> None:
        assert index.count() == 0
        assert index.nearest(vectors(1)[0], 5) == []
        assert index.matching(parse_question("rainbow"), 5) == []

    def test_it_finds_the_passage_of_a_vector_with_cosine_1(self, index: Index) -> None:
        rows = embedded()
        assert index.replace("talk", iter(rows)) == 4
        for passage, vector in rows:
            best = index.nearest(vector, 1)[0]
            assert (best.source_id, best.passage) == ("talk", passage)
            assert best.score == pytest.approx(1.0, abs=1e-5)

    def test_nearest_is_ordered_by_cosine_and_no_longer_than_k(self, index: Index) -> None:
        rows = embedded(("text",) * 50)
        index.replace("talk", rows)
        asked = vectors(1, seed=7)[0]
        found = index.nearest(asked, 10)
        cosines = sorted((float(vector @ asked) for _, vector in rows), reverse=True)[:10]
        assert [one.score for one in found] == pytest.approx(cosines, abs=1e-5)
        assert len(index.nearest(asked, 4000)) == 50

    def test_the_length_of_the_asked_vector_does_not_matter(self, index: Index) -> None:
        index.replace("talk", embedded())
        asked = vectors(1, seed=3)[0]
        assert [f.passage.number for f in index.nearest(asked, 4)] == [
            f.passage.number for f in index.nearest(asked * np.float32(9), 4)
        ]

    @pytest.mark.parametrize(
        "given", [memoryview, lambda v: memoryview(v.tobytes()).cast("f"), lambda v: array("f", v)]
    )
    def test_a_vector_need_not_be_numpys(self, index: Index, given: Callable[[Vector], Floats]) -> None:
        rows = [(passage, given(vector)) for passage, vector in embedded()]
        assert index.replace("talk", rows) == 4
        assert index.nearest(rows[2][1], 1)[0].passage.number == 2

    @pytest.mark.parametrize("bad", [b"\0" * DIM, b"\0" * 4 * DIM, array("d", [1.0] * DIM), array("f", [1.0] * 3)])
    def test_what_is_no_vector_is_refused(self, index: Index, bad: Floats) -> None:
        with pytest.raises(BadRequest, match="float32"):
            index.nearest(bad, 1)

    def test_replacing_leaves_only_the_new(self, index: Index) -> None:
        index.replace("talk", embedded())
        index.replace("other", embedded(("An apple a day.",), seed=5))
        index.replace("talk", embedded(("Nothing of the kind.",), seed=9))
        assert index.count("talk") == 1
        assert index.count() == 2
        assert numbers(index, "rainbow") == []
        assert numbers(index, "kind") == [0]
        assert len(index.nearest(vectors(1)[0], 10)) == 2

    def test_replacing_by_nothing_removes(self, index: Index) -> None:
        index.replace("talk", embedded())
        assert index.replace("talk", []) == 0
        assert index.count() == 0
        assert numbers(index, "rainbow") == []

    def test_a_failing_stream_leaves_the_old(self, index: Index) -> None:
        index.replace("talk", embedded())

        def failing() -> Iterator[tuple[Passage, Vector]]:
            yield embedded(("Half of it.",))[0]
            raise RuntimeError("the stream broke")

        with pytest.raises(RuntimeError, match="the stream broke"):
            index.replace("talk", failing())
        assert index.count() == 4
        assert numbers(index, "half") == []
        assert index.replace("next", embedded(("After it.",))) == 1

    def test_the_new_is_hidden_until_the_last_has_arrived(self, index: Index) -> None:
        index.replace("talk", embedded())
        seen: list[list[int]] = []

        def watched() -> Iterator[tuple[Passage, Vector]]:
            for row in embedded(("A rainbow.", "Another rainbow.")):
                seen.append(numbers(index, "bridge rainbow"))
                yield row

        index.replace("talk", watched())
        assert seen == [[0], [0]]
        assert sorted(numbers(index, "bridge rainbow")) == [0, 1]

    def test_it_is_confirmed_once_and_after_the_last_has_arrived(self, index: Index) -> None:
        events: list[str] = []

        def watched() -> Iterator[tuple[Passage, Vector]]:
            for row in embedded():
                yield row
                events.append("arrived")

        index.replace("talk", watched(), lambda: events.append("confirmed"))
        assert events == ["arrived"] * 4 + ["confirmed"]

    def test_without_its_confirmation_the_old_stay(self, index: Index) -> None:
        def refuse() -> None:
            raise PermissionError("taken over")

        index.replace("talk", embedded())
        with pytest.raises(PermissionError, match="taken over"):
            index.replace("talk", embedded(("Something else.",)), refuse)
        assert index.count("talk") == 4
        assert numbers(index, "something") == []

    def test_removing(self, index: Index) -> None:
        index.replace("talk", embedded())
        index.replace("other", embedded(("A rainbow.",)))
        assert index.remove("talk") == 4
        assert index.remove("talk") == 0
        assert index.remove("unknown") == 0
        assert index.count() == 1
        assert [found.source_id for found in index.matching(parse_question("rainbow"), 5)] == ["other"]
        assert len(index.nearest(vectors(1)[0], 5)) == 1

    def test_both_ways_can_be_kept_to_one_source(self, index: Index) -> None:
        index.replace("talk", embedded())
        index.replace("other", embedded(("A rainbow.",), seed=4))
        asked, other = vectors(1)[0], Bounds(sources=("other",))
        assert {found.source_id for found in index.nearest(asked, 3, other)} == {"other"}
        assert {found.source_id for found in index.matching(parse_question("rainbow"), 3, other)} == {"other"}
        assert len(index.nearest(asked, 9, Bounds(sources=("other", "talk")))) == 5
        for nowhere in (Bounds(sources=("unknown",)), Bounds(sources=())):
            assert index.nearest(asked, 3, nowhere) == []
            assert index.matching(parse_question("rainbow"), 3, nowhere) == []
        assert index.count("unknown") == 0

    @pytest.mark.parametrize(
        ("bounds", "found"),
        [
            (Bounds(after=35.0), [1, 2, 3]),
            (Bounds(after=34.9), [0, 1, 2, 3]),
            (Bounds(before=30.0), [0]),
            (Bounds(before=30.1), [0, 1]),
            (Bounds(("talk",), 70.0, 80.0), [2]),
            (Bounds(("other",), 70.0, 80.0), []),
        ],
    )
    def test_both_ways_can_be_kept_to_a_stretch_of_time(self, index: Index, bounds: Bounds, found: list[int]) -> None:
        index.replace("talk", embedded(tuple(f"A rainbow. {text}" for text in TALK)))
        assert sorted(one.passage.number for one in index.nearest(vectors(1)[0], 9, bounds)) == found
        assert sorted(numbers(index, "rainbow", bounds)) == found

    def test_the_vector_at_a_second_is_that_of_the_passage_said_then(self, index: Index) -> None:
        rows = embedded()
        index.replace("talk", rows)
        for at, number in ((0.0, 0), (34.0, 0), (35.0, 1), (124.9, 3)):
            found = index.vector_at("talk", at)
            assert found is not None
            assert found[0] == rows[number][0]
            assert list(found[1]) == pytest.approx(list(rows[number][1]), rel=1e-6)
        assert index.vector_at("talk", 125.0) is None
        assert index.vector_at("unknown", 0.0) is None

    def test_it_knows_its_words_in_whatever_form(self, index: Index) -> None:
        index.replace("talk", embedded())
        assert all(map(index.knows, ("rainbow", "rainbows", "consider", "cafe")))
        assert not any(map(index.knows, ("rain", "zebra", "rainbwo")))
        index.remove("talk")
        assert not index.knows("rainbow")

    def test_it_finds_words_by_their_beginning(self, index: Index) -> None:
        index.replace("talk", embedded())
        assert index.beginning("con", 9) == ["considered"]
        assert index.beginning("ma", 9) == ["may", "making"]
        assert index.beginning("boo", 0) == []
        assert index.beginning("zeb", 9) == []
        index.remove("talk")
        assert index.beginning("con", 9) == []

    @pytest.mark.parametrize("slip", ["rainbwo", "rianbow", "ranbow", "rainbbow", "raimbow", "ainbow"])
    def test_it_finds_words_that_look_alike(self, index: Index, slip: str) -> None:
        index.replace("talk", embedded())
        assert index.resembling(slip, 9)[0] == "rainbow"
        assert index.resembling("xyzzy", 9) == []

    @pytest.mark.parametrize(
        ("question", "found"),
        [
            ("rainbow", [0]),
            ("RAINBOWS", [0]),
            ("considering a printed book", [2, 0]),
            ("cafe", [1]),
            ("CAFÉ", [1]),
            ('"movable types"', [2]),
            ('"types movable"', []),
            ('"art of making" lobster', [2]),
            ('"lobster" "rainbow"', []),
            ("彩虹", [3]),
            ("虹彩", []),
            ("苹", [3]),
            ("NEAR(rainbow bridge)", [0]),
            ("rainbow AND NOT bridge", [0]),
            ("rain*", []),
            ("text:rainbow", [0]),
            ('a "lonely quote rainbow', [0]),
            ("^rainbow + -bridge {x} [y] (z", [0]),
            ("'; DROP TABLE passages; -- rainbow", [0]),
            ("rainbow 🌈", [0]),
            ("zebra", []),
        ],
    )
    def test_keywords(self, index: Index, question: str, found: list[int]) -> None:
        index.replace("talk", embedded())
        assert numbers(index, question) == found

    def test_it_tells_how_much_of_the_question_each_holds(self, index: Index) -> None:
        index.replace("talk", embedded((*TALK, *(f"Filling number {n}." for n in range(8)))))
        for question, least, most in (
            ("rainbow bridge", 0.65, 1.0),
            ("rainbow zebra", 0.2, 0.6),
            ("rainbow zebra giraffe okapi", 0.1, 0.3),
            ('"rainbow as a bridge"', 0.65, 1.0),
        ):
            (found,) = index.matching(parse_question(question), 9)
            assert least <= found.share <= most, question

    @given(text=st.text(max_size=60))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
    def test_no_question_breaks_it(self, index: Index, text: str) -> None:
        if not index.count():
            index.replace("talk", embedded())
        try:
            question = parse_question(text)
        except BadRequest:
            return
        assert len(index.matching(question, 10)) <= 4

    def test_a_very_long_question(self, index: Index) -> None:
        index.replace("talk", embedded())
        assert numbers(index, "rainbow " + " ".join(f"word{n}" for n in range(5000))) == [0]
        assert numbers(index, " ".join(['"rainbow as a bridge"'] * 300)) == [0]

    @pytest.mark.parametrize("bad", [np.zeros(3, np.float32), np.full(DIM, np.nan, np.float32), np.zeros((2, DIM))])
    def test_a_vector_that_does_not_fit_is_refused(self, index: Index, bad: Vector) -> None:
        index.replace("talk", embedded())
        with pytest.raises(BadRequest):
            index.nearest(bad, 1)
        with pytest.raises(BadRequest):
            index.replace("talk", [(Passage(0, 0, 1, "x"), bad)])
        assert index.count() == 4

    def test_odd_texts_survive(self, index: Index) -> None:
        texts = ("", "🎉", 'quote " and \\ and %', "a" * 10_000, "nul \x00 after")
        index.replace("talk", embedded(texts))
        found = index.nearest(vectors(1)[0], 10)
        assert sorted(one.passage.text for one in found) == sorted(texts)
