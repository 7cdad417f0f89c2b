from __future__ import annotations

import re

import numpy as np
import pytest

from halfgig.errors import BadRequest
from halfgig.speech.language import CODES, ENOUGH, check_code, detect_language
from halfgig.speech.vad import CHUNK
from halfgig.speech.windows import CHUNKS_PER_SECOND, Span, Window


def speech(start: int, seconds: float, probability: float = 0.9) -> Window:
    count = round(seconds * CHUNKS_PER_SECOND)
    span = Span(0, start * 16_000, count * CHUNK)
    return Window(np.zeros(count * CHUNK, np.float32), (span,), np.full(count, probability, np.float32))


def test_two_sure_windows_are_enough() -> None:
    windows = [speech(n, 20) for n in range(9)]
    guess = detect_language(windows, lambda _: {"de": 0.95, "en": 0.05})
    assert guess.language == "de"
    assert guess.probability == pytest.approx(0.95)
    assert guess.windows == tuple(windows[:2])


def test_one_window_is_not_enough_however_sure() -> None:
    windows = [speech(0, 20), speech(20, 20)]
    answers = iter([{"cy": 0.99, "en": 0.01}, {"cy": 0.0, "en": 1.0}])
    guess = detect_language(windows, lambda _: next(answers))
    assert guess.language == "en"


def test_an_unclear_language_is_listened_to_for_a_while_and_no_longer() -> None:
    windows = (speech(n * 20, 20) for n in range(1000))
    guess = detect_language(windows, lambda _: {"de": 0.5, "nl": 0.4})
    assert guess.language == "de"
    assert ENOUGH <= 20 * len(guess.windows) < ENOUGH + 20
    assert next(windows).start == 20.0 * len(guess.windows)  # nothing was taken and lost


def test_windows_weigh_what_is_spoken_in_them() -> None:
    windows = [speech(0, 20, probability=0.1), speech(20, 20), speech(40, 1)]
    answers = iter([{"ja": 1.0}, {"de": 0.6, "nl": 0.4}, {"nl": 1.0}])
    assert detect_language(windows, lambda _: next(answers)).language == "de"


def test_nobody_speaks_in_the_default_language() -> None:
    guess = detect_language([], lambda _: {}, default="en")
    assert (guess.language, guess.probability, guess.windows) == ("en", 0.0, ())


@pytest.mark.parametrize(("given", "code"), [("de", "de"), ("DE", "de"), ("German", "de"), ("auto", "auto")])
def test_codes_and_english_names_are_understood(given: str, code: str) -> None:
    assert check_code(given) == code


@pytest.mark.parametrize("given", ["xx", "", "english-us", "de ", "transcribe"])
def test_other_words_are_refused(given: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(f"no language {given}")):
        check_code(given)


def test_every_language_of_whisper_is_known() -> None:
    assert len(CODES) == 100
    assert all(re.fullmatch("[a-z]{2,3}", code) for code in CODES)
