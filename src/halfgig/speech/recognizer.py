"""Windows of speech become segments, by Whisper on CTranslate2.

Whisper always looks at 30 s; here its encoder sees the window and a little silence, which is faster and smaller.
A window whose text loops, guesses or leaves speech out is split where it is quietest and heard again in parts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import ctranslate2
import numpy as np

from halfgig.errors import ModelError
from halfgig.speech.mel import COLUMNS_PER_SECOND, log_mel
from halfgig.speech.segments import FREE, UNSURE, Decoding, accounts_for, fitted, split_segments
from halfgig.speech.tokens import START, TRANSCRIBE, TRANSLATE, is_special, read_special_ids
from halfgig.speech.words import Alignment, token_times, with_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from halfgig.records import Segment
    from halfgig.speech.windows import Window

MAX_COLUMNS = 3000  # mel columns that Whisper can see: 30 s
PADDING = 600  # mel columns of silence after the speech; with fewer the decoder loops or stops early more often
POSITIONS = 1300  # of the encoder's output, for the longest window and its padding; two columns make one
FEW_TOKENS, MAX_TOKENS = 80, 112  # of a decoding side by side, and of one alone: people say 30 to 75 in a window
SHORTEST = 4.0  # seconds; a window that short is not split again
FEW_SHAPES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "2")  # it would keep 2 MB for every length of window it ever saw
TEMPERATURES = (0.4, 0.8)
SEED = 1  # the same sound gives the same text, whatever was heard before


@dataclass(frozen=True, slots=True)
class Hearing:
    """How to listen: language code (en, de, ...), task, texts that are weighed at each step (the beam), windows
    that are decoded side by side, mel columns of silence after the speech, and whether each word is timed."""

    language: str = "en"
    translate: bool = False
    beam_size: int = 5
    together: int = 2
    padding: int = PADDING
    words: bool = False


class Recognizer:
    """A Whisper model on CTranslate2, int8. `mels` is the number of mel bands that it was trained with."""

    def __init__(self, model: Any, special_ids: Mapping[str, int]) -> None:
        self.model = model
        self.mels: int = model.n_mels
        self.multilingual: bool = model.is_multilingual
        self._special_ids = special_ids

    @classmethod
    def open(cls, folder: Path, threads: int) -> Recognizer:
        """Load the model of a folder, or raise ModelError; it holds its weights until it is closed."""
        os.environ.setdefault(*FEW_SHAPES)
        try:
            model = ctranslate2.models.Whisper(str(folder), compute_type="int8", intra_threads=threads)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"The Whisper model in {folder} cannot be opened ({error}).", "Run halfgig models verify."
            ) from error
        return cls(model, read_special_ids(folder))

    def close(self) -> None:
        """Give the weights back; the model's own `unload_model` keeps them as long as the object lives."""
        self.model = None

    def encode(self, window: Window, padding: int) -> ctranslate2.StorageView:
        """Encoder output for a window and `padding` mel columns of silence."""
        columns = int(window.duration * COLUMNS_PER_SECOND) + padding
        columns = min(MAX_COLUMNS, columns + columns % 2)
        features = log_mel(window.samples, self.mels, columns)
        return self.model.encode(ctranslate2.StorageView.from_array(features[None]))

    def decode(
        self, encoded: Sequence[ctranslate2.StorageView], hearing: Hearing, temperature: float = 0.0
    ) -> list[Decoding]:
        """Text of each encoded window; above temperature 0 it is sampled, by a fixed seed.

        They are decoded side by side, and those that are longer than usual, mostly because they loop, again by
        themselves: what the decoder holds grows with the tokens of all of them.
        """
        if temperature:
            return self._decode(encoded, hearing, temperature, MAX_TOKENS)
        decodings = self._decode(encoded, hearing, temperature, FEW_TOKENS)
        for place, decoding in enumerate(decodings):
            if len(decoding.tokens) >= FEW_TOKENS:
                [decodings[place]] = self._decode([encoded[place]], hearing, temperature, MAX_TOKENS)
        return decodings

    def _decode(
        self, encoded: Sequence[ctranslate2.StorageView], hearing: Hearing, temperature: float, tokens: int
    ) -> list[Decoding]:
        sampling: dict[str, float] = {"beam_size": hearing.beam_size}
        if temperature:
            ctranslate2.set_random_seed(SEED)
            sampling = {"beam_size": 1, "sampling_topk": 0, "sampling_temperature": temperature}
        results = self.model.generate(
            side_by_side(encoded),
            [self._prompt(hearing)] * len(encoded),
            max_length=2 * tokens,  # of which CTranslate2 leaves one half to a prompt
            return_scores=True,
            return_no_speech_prob=True,
            **sampling,
        )
        least = FREE if hearing.translate else UNSURE
        return [_decoding(result, temperature, least) for result in results]

    def align(
        self, encoded: ctranslate2.StorageView, decoding: Decoding, hearing: Hearing, columns: int
    ) -> list[Alignment]:
        """When each text token of a decoding was spoken, and how sure the decoder is of it."""
        ids = [n for n, token in zip(decoding.ids, decoding.tokens, strict=True) if not is_special(token)]
        prompt = [self._special_ids[token] for token in self._prompt(hearing)]
        [found] = self.model.align(encoded, prompt, [ids], columns, median_filter_width=7)
        return token_times(found.alignments, found.text_token_probs)

    def language_probabilities(self, window: Window) -> dict[str, float]:
        """Probability of each language code for one window; a multilingual model only."""
        [found] = self.model.detect_language(self.encode(window, PADDING))
        return {token.strip("<|>"): probability for token, probability in found}

    def _prompt(self, hearing: Hearing) -> list[str]:
        if not self.model.is_multilingual:
            return [START]
        return [START, f"<|{hearing.language}|>", TRANSLATE if hearing.translate else TRANSCRIBE]


def side_by_side(encoded: Sequence[ctranslate2.StorageView]) -> ctranslate2.StorageView:
    """Encoder outputs, (1, positions, dim) each, as one of (windows, POSITIONS, dim).

    The last position, of silence, is repeated to the same length for all, whatever they stand beside: so a window's
    text does not depend on what it is decoded with.
    """
    arrays = [np.asarray(one) for one in encoded]
    longest = max(POSITIONS, *(array.shape[1] for array in arrays))
    padded = [np.pad(array, ((0, 0), (0, longest - array.shape[1]), (0, 0)), mode="edge") for array in arrays]
    return ctranslate2.StorageView.from_array(np.concatenate(padded))


def _decoding(result: Any, temperature: float, least: float) -> Decoding:
    tokens = result.sequences[0]
    mean = result.scores[0] * len(tokens) / (len(tokens) + 1)  # over the end token too, as in Whisper
    return Decoding(tuple(tokens), tuple(result.sequences_ids[0]), mean, result.no_speech_prob, temperature, least)


def recognize(
    windows: Iterable[Window], recognizer: Recognizer, hearing: Hearing, tidy: Callable[[], object]
) -> Iterator[tuple[Window, list[tuple[Window, list[Segment]]]]]:
    """Each window with the parts that it was heard in: itself, or what it was split into, each with its segments.

    `tidy` is called behind each encoding, and once all that were heard side by side are through.
    """
    windows = iter(windows)
    group = list(islice(windows, 1))  # alone: somebody waits for the first text
    while group:
        yield from hear(group, recognizer, hearing, tidy)
        tidy()
        group = list(islice(windows, hearing.together))


def hear(
    windows: Sequence[Window], recognizer: Recognizer, hearing: Hearing, tidy: Callable[[], object]
) -> Iterator[tuple[Window, list[tuple[Window, list[Segment]]]]]:
    """Decode windows side by side; yield each as `recognize` does."""
    encoded = [_encoded(window, recognizer, hearing, tidy) for window in windows]
    decodings = recognizer.decode(encoded, hearing)
    for window, decoding in zip(windows, decodings, strict=True):
        yield window, list(_judged(window, encoded.pop(0), decoding, recognizer, hearing, tidy=tidy))


def _encoded(
    window: Window, recognizer: Recognizer, hearing: Hearing, tidy: Callable[[], object]
) -> ctranslate2.StorageView:
    """The encoder's output for a window; what it worked with is given back, since what comes next fits it badly."""
    encoded = recognizer.encode(window, hearing.padding)
    tidy()
    return encoded


def _judged(
    window: Window,
    encoded: ctranslate2.StorageView,
    decoding: Decoding,
    recognizer: Recognizer,
    hearing: Hearing,
    *,
    tidy: Callable[[], object],
) -> Iterator[tuple[Window, list[Segment]]]:
    """The window with its segments; in parts, heard again, where the text does not account for the speech.

    It is judged before words are timed, so that the text is the same with and without them.
    """
    segments = _plain(window, decoding)
    if not decoding.is_silence and not (decoding.is_sound and accounts_for(window, segments)):
        if window.duration > SHORTEST:
            del encoded  # its parts need the room
            parts = _heard_in_parts(window, recognizer, hearing, tidy)
            if not (decoding.is_sound and _length(segments) >= sum(_length(heard) for _, heard in parts)):
                yield from parts
                return
            encoded = _encoded(window, recognizer, hearing, tidy)
        elif not decoding.is_sound:
            decoding = _last_resort(recognizer, encoded, hearing, decoding)
    yield window, _segments(window, recognizer, hearing, encoded, decoding)


def _heard_in_parts(
    window: Window, recognizer: Recognizer, hearing: Hearing, tidy: Callable[[], object]
) -> list[tuple[Window, list[Segment]]]:
    return [heard for _, parts in hear(window.split(), recognizer, hearing, tidy) for heard in parts]


def _length(segments: Iterable[Segment]) -> int:
    return sum(len(segment.text) for segment in segments)


def _last_resort(
    recognizer: Recognizer, encoded: ctranslate2.StorageView, hearing: Hearing, decoding: Decoding
) -> Decoding:
    """Sample at rising temperatures, as Whisper does, until the text neither loops nor guesses; else the likeliest."""
    tries = [decoding]
    for temperature in TEMPERATURES:
        tries += recognizer.decode([encoded], hearing, temperature)
        if tries[-1].is_sound:
            return tries[-1]
    calm = [one for one in tries if not one.is_looping]
    return max(calm or tries, key=lambda one: one.avg_logprob)


def _segments(
    window: Window,
    recognizer: Recognizer,
    hearing: Hearing,
    encoded: ctranslate2.StorageView,
    decoding: Decoding,
) -> list[Segment]:
    """The segments of a decoding, with their words where these are asked for."""
    if decoding.is_silence or not hearing.words:
        return _plain(window, decoding)
    segments = list(split_segments(decoding, window.duration))
    if not segments:
        return []
    columns = int(window.duration * COLUMNS_PER_SECOND)
    alignments = recognizer.align(encoded, decoding, hearing, columns)
    return [fitted(segment, window) for segment in with_words(segments, decoding, alignments, hearing.language)]


def _plain(window: Window, decoding: Decoding) -> list[Segment]:
    """The segments of a decoding without their words; none where nobody speaks."""
    if decoding.is_silence:
        return []
    return [fitted(segment, window) for segment in split_segments(decoding, window.duration)]
