"""The query embedder: a child that turns questions into vectors, and ends when nobody has asked for a while.

`python -m halfgig.jobs.embedder PARENT MODELS THREADS IDLE`. Each message {"id", "model", "text"} is answered by {"id",
"vector"}, base64 of float32 in this machine's order, or by {"id", "detail", "remedy"} where the model cannot be had.
"""

from __future__ import annotations

import base64
import signal
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halfgig.errors import HalfgigError
from halfgig.jobs.child import become_child, child_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.child import Wire
    from halfgig.records import Floats, Seconds

    Embed = Callable[[str, str], Floats]


def embedder_command(models_dir: Path, threads: int, idle: Seconds) -> list[str]:
    """The command that starts the child; `idle` seconds without a question end it."""
    return child_command(__name__, str(models_dir), str(threads), str(idle))


def main(parent: str, models_dir: str, threads: str, idle: str) -> None:
    """Be the child until the parent closes the wire, or for as long as it asks."""
    wire = become_child(int(parent))
    signal.signal(signal.SIGALRM, leave)
    serve(wire, open_models(Path(models_dir), int(threads)), float(idle))


def leave(*_: object) -> None:
    """End well: nobody has asked for a while."""
    raise SystemExit(0)


def serve(wire: Wire, embed: Embed, idle: Seconds) -> None:
    """Answer every question in its turn. The alarm rings only while none is in work."""
    signal.setitimer(signal.ITIMER_REAL, idle)
    for message in wire.messages():
        signal.setitimer(signal.ITIMER_REAL, 0)
        wire.send({"id": message["id"], **answer(message["model"], message["text"], embed)})
        signal.setitimer(signal.ITIMER_REAL, idle)
    signal.setitimer(signal.ITIMER_REAL, 0)


def answer(model: str, text: str, embed: Embed) -> dict[str, Any]:
    """The vector of a question, or why there is none."""
    try:
        vector = embed(model, text)
    except HalfgigError as error:
        return {"detail": error.detail, "remedy": error.remedy}
    return {"vector": base64.b64encode(memoryview(vector)).decode()}  # type: ignore[arg-type] # numpy's is a buffer


def open_models(models_dir: Path, threads: int) -> Embed:
    """Embed with a model of the store, which stays open for the next question; only one is open at a time."""
    from halfgig.models.store import ModelStore
    from halfgig.retrieval.vectors import SentenceEmbedder, meaning_of

    store = ModelStore(models_dir, offline=True)

    @lru_cache(maxsize=1)
    def opened(model: str) -> SentenceEmbedder:
        return SentenceEmbedder(store.locate(model), model, threads)

    return lambda model, text: meaning_of(text, opened(model)).vector


if __name__ == "__main__":
    main(*sys.argv[1:])
