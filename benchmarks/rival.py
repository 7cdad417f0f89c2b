"""faster-whisper as its README runs it: `python -m benchmarks.rival WEIGHTS AUDIO sequential|batched THREADS`.

Prints the text alone, so that it is measured from outside like any other command.
"""

from __future__ import annotations

import sys

from faster_whisper import BatchedInferencePipeline, WhisperModel

BATCH = 8


def transcribed(weights: str, audio: str, way: str, threads: int) -> str:
    """The text that faster-whisper hears, greedily, int8, English."""
    model = WhisperModel(weights, device="cpu", compute_type="int8", cpu_threads=threads)
    if way == "batched":
        batched = BatchedInferencePipeline(model)
        segments, _ = batched.transcribe(audio, language="en", beam_size=1, batch_size=BATCH)
    else:
        segments, _ = model.transcribe(audio, language="en", beam_size=1)
    return "\n".join(segment.text.strip() for segment in segments)


if __name__ == "__main__":
    weights, audio, way, threads = sys.argv[1:]
    print(transcribed(weights, audio, way, int(threads)))
