from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.retrieval.slips import MOST_MEANT, allowed, likely_meant, slips_between

WORDS = st.text("abcd", max_size=7)


@pytest.mark.parametrize(
    ("a", "b", "slips"),
    [
        ("rainbow", "rainbow", 0),
        ("ranbow", "rainbow", 1),
        ("rainbbow", "rainbow", 1),
        ("raimbow", "rainbow", 1),
        ("rianbow", "rainbow", 1),
        ("rainbwo", "rainbow", 1),
        ("rnibow", "rainbow", 2),
        ("", "ab", 2),
        ("lobster", "rainbow", 3),
    ],
)
def test_slips_are_counted_up_to_one_more_than_most(a: str, b: str, slips: int) -> None:
    assert slips_between(a, b, 2) == slips


@given(a=WORDS, b=WORDS)
def test_it_does_not_matter_which_is_the_slip(a: str, b: str) -> None:
    slips = slips_between(a, b, 9)
    assert slips == slips_between(b, a, 9)
    assert abs(len(a) - len(b)) <= slips <= max(len(a), len(b))
    assert (slips == 0) == (a == b)


@given(a=WORDS, b=WORDS, most=st.integers(0, 3))
def test_giving_up_early_changes_nothing_below(a: str, b: str, most: int) -> None:
    assert slips_between(a, b, most) == min(slips_between(a, b, 9), most + 1)


def test_short_words_hold_no_slip_and_long_ones_two() -> None:
    assert [allowed(word) for word in ("cat", "cats", "crustaceans", "perseverance")] == [0, 1, 1, 2]
    assert likely_meant("cot", ["cat"]) == []
    assert likely_meant("crustaecan", ["crustacean"]) == ["crustacean"]
    assert likely_meant("persuveranse", ["perseverance"]) == ["perseverance"]


def test_another_form_of_a_word_is_no_slip() -> None:
    assert likely_meant("steely", ["steel", "stealy"]) == []
    assert likely_meant("lobste", ["lobster"]) == []


def test_the_nearest_are_meant_and_of_those_the_ones_with_the_same_first_letter() -> None:
    assert likely_meant("lobstr", ["mobstr", "lobster", "lobsters", "lobsta"]) == ["lobster", "lobsta"]
    assert likely_meant("bost", ["lost", "most", "cost"]) == ["lost", "most", "cost"]
    assert len(likely_meant("bost", ["lost", "most", "cost", "post"])) == MOST_MEANT
    assert likely_meant("zebra", ["lobster"]) == likely_meant("zebra", []) == []
