"""Which language is spoken: the multilingual model's guesses over several windows, weighed by their speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from halfgig.records import Seconds
    from halfgig.speech.windows import Window

AUTO = "auto"
LISTED = """en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt
la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu
am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"""
CODES = frozenset(LISTED.split())
NAMES = {"english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt"}
NAMES |= {"dutch": "nl", "chinese": "zh", "japanese": "ja", "russian": "ru", "polish": "pl", "turkish": "tr"}

ENOUGH: Seconds = 90.0  # seconds of speech to listen to at the most
SURE = 0.9  # probability at which two agreeing windows are enough


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """A language code, the probability given to it, and the windows that were listened to."""

    language: str
    probability: float
    windows: tuple[Window, ...]


def detect_language(
    windows: Iterable[Window], probabilities: Callable[[Window], Mapping[str, float]], *, default: str = "en"
) -> LanguageGuess:
    """Listen to windows until the language is clear, or ENOUGH speech was heard; `default` where nobody speaks.

    The windows taken are given back in the guess, so that no speech is lost.
    """
    heard: list[Window] = []
    totals: dict[str, float] = {}
    weight = 0.0
    for window in windows:
        spoken = max(window.spoken(), 0.1)
        heard.append(window)
        weight += spoken
        for language, probability in probabilities(window).items():
            totals[language] = totals.get(language, 0.0) + spoken * probability
        if weight >= ENOUGH or (len(heard) > 1 and max(totals.values()) / weight >= SURE):
            break
    if not totals:
        return LanguageGuess(default, 0.0, ())
    best = max(totals, key=totals.__getitem__)
    return LanguageGuess(best, totals[best] / weight, tuple(heard))


def check_code(language: str) -> str:
    """A language code that Whisper knows, or auto; BadRequest otherwise."""
    code = NAMES.get(language.lower(), language.lower())
    if code != AUTO and code not in CODES:
        raise BadRequest(
            f"Whisper knows no language {language}.", "Give a code such as en, de, fr, es, zh or ja, or auto."
        )
    return code
