"""The recogniser with a decoder that is a lambda: what it is given, and what becomes of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.errors import ModelError
from halfgig.speech.recognizer import (
    FEW_TOKENS,
    MAX_TOKENS,
    POSITIONS,
    TEMPERATURES,
    Hearing,
    Recognizer,
    recognize,
    side_by_side,
)
from halfgig.speech.vad import CHUNK
from halfgig.speech.windows import CHUNKS_PER_SECOND, Span, Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IDS = {"<|startoftranscript|>": 0, "<|en|>": 1, "<|de|>": 2, "<|transcribe|>": 3, "<|translate|>": 4}
TEXT = ["Ġa", "Ġfew", "Ġwords", "Ġthat", "Ġare", "Ġall", "Ġdifferent", "Ġand", "Ġshort", "."]


@dataclass
class Answer:
    """What the decoder says of one piece of sound: tokens, mean log probability, and whether nobody speaks."""

    tokens: list[str]
    logprob: float = -0.2
    no_speech: float = 0.0


@dataclass
class FakeModel:
    """A CTranslate2 Whisper that answers by the seconds of sound it hears and the temperature."""

    answer: Callable[[float, float], Answer]
    is_multilingual: bool = False
    n_mels: int = 80
    padding: int = 600
    calls: list[tuple[float, float]] = field(default_factory=list)
    prompts: list[list[str]] = field(default_factory=list)
    together: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    beams: list[int] = field(default_factory=list)

    def encode(self, features: Any) -> Any:
        assert features.shape[:2] == (1, self.n_mels)
        self.columns.append(features.shape[2])
        seconds = round(features.shape[2] / 100 - self.padding / 100, 1)
        return np.full((1, features.shape[2] // 2, 1), seconds)

    def generate(self, encoded: Any, prompts: list[list[str]], **options: Any) -> list[Any]:
        assert encoded.shape[0] == len(prompts)
        self.together.append(len(prompts))
        self.lengths.append(options["max_length"])
        return [self._one(sound[0, 0], prompt, options) for sound, prompt in zip(encoded, prompts, strict=True)]

    def _one(self, seconds: float, prompt: list[str], options: Any) -> Any:
        assert options["return_scores"]
        assert options["return_no_speech_prob"]
        temperature = options.get("sampling_temperature", 0.0)
        self.calls.append((seconds, temperature))
        self.prompts.append(prompt)
        self.beams.append(options["beam_size"])
        answer = self.answer(seconds, temperature)
        score = answer.logprob * (len(answer.tokens) + 1) / max(len(answer.tokens), 1)
        ids = list(range(1000, 1000 + len(answer.tokens)))
        return SimpleNamespace(
            sequences=[answer.tokens], sequences_ids=[ids], scores=[score], no_speech_prob=answer.no_speech
        )

    def align(self, encoded: Any, prompt: list[int], texts: list[list[int]], columns: int, **options: Any) -> list[Any]:
        count = len(texts[0])
        path = [(token, 10 * token) for token in range(count + 1)]
        return [SimpleNamespace(alignments=path, text_token_probs=[0.5] * count)]

    def detect_language(self, encoded: Any) -> list[Any]:
        return [[("<|de|>", 0.9), ("<|en|>", 0.1)]]


@pytest.fixture(autouse=True)
def plain_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the fake the features as an array."""
    view = SimpleNamespace(from_array=lambda array: array)
    monkeypatch.setattr("halfgig.speech.recognizer.ctranslate2.StorageView", view)


def speech(seconds: float, probability: float = 0.9) -> Window:
    count = round(seconds * CHUNKS_PER_SECOND)
    return Window(
        np.zeros(count * CHUNK, np.float32), (Span(0, 0, count * CHUNK),), np.full(count, probability, np.float32)
    )


def hear(
    answer: Callable[[float, float], Answer], *windows: Window, hearing: Hearing | None = None, **model: Any
) -> tuple[list[str], FakeModel]:
    """The texts that came of windows, and the model as it was used."""
    fake = FakeModel(answer, **model)
    heard = recognize(windows, Recognizer(fake, IDS), hearing or Hearing(), lambda: None)
    return [segment.text for _, parts in heard for _, segments in parts for segment in segments], fake


def full(seconds: float, _: float = 0.0) -> Answer:
    """Enough text for any length of speech, to its end."""
    words = [f"Ġ{sha256(bytes([n])).hexdigest()[:6]}" for n in range(int(3 * seconds) + 1)]
    return Answer(["<|0.00|>", *words, f"<|{seconds:.2f}|>"])


# --- judging ------------------------------------------------------------------------------------------


def test_text_that_accounts_for_the_speech_is_decoded_once() -> None:
    texts, model = hear(full, speech(18))
    assert len(texts) == len(model.calls) == 1


def test_silence_is_dropped_without_another_try() -> None:
    texts, model = hear(lambda *_: Answer(["ĠYou"], logprob=-1.2, no_speech=0.9), speech(18))
    assert texts == []
    assert len(model.calls) == 1


def test_nothing_at_all_is_dropped() -> None:
    texts, _ = hear(lambda *_: Answer([]), speech(18, probability=0.1))
    assert texts == []


def test_a_loop_is_heard_again_in_parts() -> None:
    def loops_when_long(seconds: float, _: float) -> Answer:
        return Answer(["Ġso"] * 60) if seconds > 12 else full(seconds)

    texts, model = hear(loops_when_long, speech(18))
    assert len(texts) == 2
    assert not any("so so" in text for text in texts)
    assert sum(seconds for seconds, _ in model.calls[1:]) == pytest.approx(18, abs=0.3)


def test_skipped_speech_is_heard_again_and_the_fuller_text_is_kept() -> None:
    def skips_when_long(seconds: float, _: float) -> Answer:
        return Answer(["<|0.00|>", *TEXT, "<|3.00|>"]) if seconds > 12 else full(seconds)

    texts, _ = hear(skips_when_long, speech(18))
    assert len(texts) == 2


def test_the_whole_is_kept_where_its_parts_say_less() -> None:
    def parts_say_nothing(seconds: float, _: float) -> Answer:
        return Answer(["<|0.00|>", *TEXT, "<|3.00|>"]) if seconds > 12 else Answer(["Ġa"])

    texts, _ = hear(parts_say_nothing, speech(18))
    assert texts == ["a few words that are all different and short."]


def test_what_loops_to_the_end_is_sampled_at_rising_temperatures() -> None:
    def calm_when_warm(seconds: float, temperature: float) -> Answer:
        return full(seconds) if temperature >= TEMPERATURES[-1] else Answer(["Ġso"] * 60)

    texts, model = hear(calm_when_warm, speech(3.5))
    assert [temperature for _, temperature in model.calls] == [0.0, *TEMPERATURES]
    assert len(texts) == 1
    assert "so so" not in texts[0]


def test_where_no_temperature_helps_a_calm_guess_is_better_than_a_loop() -> None:
    def guesses(_: float, temperature: float) -> Answer:
        return Answer(TEXT, logprob=-2 - temperature) if temperature else Answer(["Ġso"] * 60, logprob=-0.1)

    texts, _ = hear(guesses, speech(3.5))
    assert texts == ["a few words that are all different and short."]


def test_a_decoder_that_always_loops_ends() -> None:
    texts, model = hear(lambda *_: Answer(["Ġso"] * 60), speech(19.9))
    assert len(model.calls) < 60
    assert all(text.split()[0] == "so" for text in texts)


def test_windows_are_decoded_side_by_side_and_come_in_their_order() -> None:
    lengths = [18.0, 5.0, 10.0, 12.0, 7.0]
    texts, model = hear(full, *map(speech, lengths))
    assert model.together == [1, 2, 2]
    assert texts == [hear(full, speech(length))[0][0] for length in lengths]


def test_only_the_window_that_needs_it_is_heard_again() -> None:
    def loops_when_long(seconds: float, _: float) -> Answer:
        return Answer(["Ġso"] * 60) if seconds > 12 else full(seconds)

    texts, model = hear(loops_when_long, speech(5), speech(18), speech(5))
    assert len(texts) == 4
    assert model.together == [1, 2, 2]
    assert sum(seconds for seconds, _ in model.calls[3:]) == pytest.approx(18, abs=0.3)


def test_what_is_longer_than_usual_is_decoded_again_by_itself() -> None:
    def long_when_long(seconds: float, _: float) -> Answer:
        words = [f"Ġ{sha256(bytes([n])).hexdigest()[:6]}" for n in range(FEW_TOKENS)]
        return Answer(["<|0.00|>", *words, f"<|{seconds:.2f}|>"]) if seconds > 12 else full(seconds)

    _, model = hear(long_when_long, speech(5), speech(10), speech(18))
    assert model.together == [1, 2, 1]
    assert model.lengths == [2 * FEW_TOKENS, 2 * FEW_TOKENS, 2 * MAX_TOKENS]


def test_what_is_decoded_is_as_long_whatever_it_stands_beside() -> None:
    short, long = (np.arange(positions, dtype=np.float32).reshape(1, -1, 1) for positions in (3, POSITIONS - 1))
    alone, both = side_by_side([short]), side_by_side([short, long])
    assert alone.shape == (1, POSITIONS, 1)
    assert np.array_equal(both[:1], alone)
    assert alone[0, 2:].ravel().tolist() == [2.0] * (POSITIONS - 2)


def test_the_same_sound_gives_the_same_text_after_any_other() -> None:
    alone, _ = hear(full, speech(10))
    after, _ = hear(full, speech(18), speech(5), speech(10))
    assert after[-1:] == alone


# --- what the decoder is asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("multilingual", "hearing", "prompt"),
    [
        (False, Hearing("en"), ["<|startoftranscript|>"]),
        (True, Hearing("de"), ["<|startoftranscript|>", "<|de|>", "<|transcribe|>"]),
        (True, Hearing("de", translate=True), ["<|startoftranscript|>", "<|de|>", "<|translate|>"]),
    ],
)
def test_the_prompt_says_language_and_task(*, multilingual: bool, hearing: Hearing, prompt: list[str]) -> None:
    _, model = hear(full, speech(10), hearing=hearing, is_multilingual=multilingual)
    assert model.prompts == [prompt]


@pytest.mark.parametrize(("hearing", "beam"), [(None, 5), (Hearing(beam_size=1), 1), (Hearing(beam_size=2), 2)])
def test_texts_are_weighed_by_the_beam_and_sampled_without_one(hearing: Hearing | None, beam: int) -> None:
    _, model = hear(lambda *_: Answer(["Ġso"] * 60), speech(3.5), hearing=hearing)
    assert model.beams == [beam, *(1 for _ in TEMPERATURES)]


def test_the_encoder_sees_the_window_and_a_little_silence() -> None:
    _, model = hear(full, speech(10), speech(28))
    assert model.columns[:2] == [1598, 3000]


def test_words_are_timed_only_where_they_are_asked_for() -> None:
    recognizer = Recognizer(FakeModel(full), IDS)
    [(_, [(_, plain)])] = recognize([speech(5)], recognizer, Hearing(), lambda: None)
    [(_, [(_, timed)])] = recognize([speech(5)], recognizer, Hearing(words=True), lambda: None)
    assert plain[0].words == ()
    assert " ".join(word.text.strip() for word in timed[0].words) == timed[0].text
    assert timed[0].words[1].start == pytest.approx(0.2)


@pytest.mark.parametrize("last", [2.0, 9.0])
def test_the_text_is_the_same_with_and_without_the_times_of_words(last: float) -> None:
    def answer(seconds: float, _: float = 0.0) -> Answer:
        return Answer(["<|0.00|>", *TEXT * 3, f"<|{last:.2f}|>"]) if seconds > 8 else full(seconds)

    plain, timed = (hear(answer, speech(10), hearing=Hearing(words=words)) for words in (False, True))
    assert timed[0] == plain[0]
    assert timed[1].calls == plain[1].calls


def test_languages_are_told_by_code() -> None:
    recognizer = Recognizer(FakeModel(full, is_multilingual=True), IDS)
    assert recognizer.language_probabilities(speech(5)) == {"de": 0.9, "en": 0.1}


def test_a_folder_without_a_model_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be opened"):
        Recognizer.open(tmp_path, 1)
    (tmp_path / "model.bin").write_bytes(b"\x06\0\0\0garbage")
    with pytest.raises(ModelError, match="cannot be opened"):
        Recognizer.open(tmp_path, 1)
