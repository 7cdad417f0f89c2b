"""Word error rate as Whisper's authors count it: over text that their English normaliser has made alike."""

from __future__ import annotations

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer


def word_error_rate(reference: str, text: str) -> float:
    """Per cent of the reference's words that were missed, changed or added."""
    normal = EnglishTextNormalizer()
    return 100 * float(jiwer.wer(normal(reference), normal(text)))
