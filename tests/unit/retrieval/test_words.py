from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.errors import BadRequest
from halfgig.retrieval.words import MAX_WORDS, find_terms, mark, parse_question, spaced


def asked(text: str) -> tuple[list[str], list[str]]:
    question = parse_question(text)
    return [word.text for word in question.words], [phrase.text for phrase in question.phrases]


@pytest.mark.parametrize(
    ("text", "words", "phrases"),
    [
        ("braise beef", ["braise", "beef"], []),
        ("How do I braise the beef?", ["braise", "beef"], []),
        ("to be or not to be", ["to", "be", "or", "not"], []),
        ('"to be" question', ["question"], ["to be"]),
        ("“curly quotes” too", ["too"], ["curly quotes"]),
        ("«guillemets»", [], ["guillemets"]),
        ('"only the"', [], ["only the"]),
        ('lonely " quote', ["lonely", "quote"], []),
        ('"" empty', ["empty"], []),
        ('"***" stars', ["stars"], []),
        ("beef Beef BEEF", ["beef"], []),
        ("running runs", ["running"], []),
        ("don't", ["don", "t"], []),
        ("彩虹很漂亮 rainbow", ["彩 虹 很 漂 亮", "rainbow"], []),
        ("苹果 香蕉", ["苹 果", "香 蕉"], []),
        ("AND OR NOT NEAR", ["NEAR"], []),
    ],
)
def test_questions(text: str, words: list[str], phrases: list[str]) -> None:
    assert asked(text) == (words, phrases)


@pytest.mark.parametrize("text", ["", "   ", "\n", "***", '""', "🎉", "?!", "\x00"])
def test_a_question_without_a_word_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_question(text)
    assert refused.value.remedy


def test_a_question_is_bounded() -> None:
    assert len(parse_question(" ".join(f"w{n}" for n in range(1000))).words) == MAX_WORDS


@pytest.mark.parametrize(
    ("text", "question", "marked"),
    [
        ("The runner was running.", "run", "The runner was [[running]]."),
        ("Café crème", "cafe", "[[Café]] crème"),
        ("the art of making books", '"art of making"', "the [[art of making]] books"),
        ("art of making, making art", '"art of making" art', "[[art of making]], making [[art]]"),
        ("我喜欢彩虹", "彩虹", "我喜欢[[彩虹]]"),
        ("nothing here", "zebra", "nothing here"),
        ("🎉 party 🎉", "party", "🎉 [[party]] 🎉"),
        ("die Straße", "straße", "die [[Straße]]"),
        ("", "x", ""),
    ],
)
def test_found_words_are_marked(text: str, question: str, marked: str) -> None:
    assert mark(text, parse_question(question)) == marked


@given(text=st.text(max_size=80), question=st.text(max_size=20))
def test_marking_changes_nothing_but_marks(text: str, question: str) -> None:
    text = text.replace("[", "").replace("]", "")
    try:
        marked = mark(text, parse_question(question))
    except BadRequest:
        return
    assert marked.replace("[[", "").replace("]]", "") == text


@given(text=st.text(max_size=80))
def test_terms_lie_in_order_inside_the_text(text: str) -> None:
    place = 0
    for term in find_terms(text):
        assert place <= term.start < term.end <= len(text)
        place = term.end


def test_spaced_sets_only_unspaced_scripts_apart() -> None:
    assert spaced("plain words") == "plain words"
    assert spaced("ab彩虹cd").split() == ["ab", "彩", "虹", "cd"]
