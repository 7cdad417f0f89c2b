"""The query embedder: a child that turns questions into vectors, and ends when nobody has asked for a while.

`python -m halfgig.jobs.embedder PARENT IDLE`, with the settings in its environment. Each message {"id", "model",
"text"} is answered by {"id", "vector"}, base64 of float32 in this machine's order, or by {"id", "detail", "remedy"}
where the model cannot be had.
"""

from __future__ import annotations

import base64
import signal
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from halfgig.errors import HalfgigError
from halfgig.jobs.child import become_child, child_command
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.child import Wire
    from halfgig.records import Floats, Seconds
    from halfgig.retrieval.embedding import Embedder

    Embed = Callable[[str, str], Floats]


def embedder_command(idle: Seconds) -> list[str]:
    """The command that starts the child; `idle` seconds without a question end it."""
    return child_command(__name__, str(idle))


def main(parent: str, idle: str) -> None:
    """Be the child until the parent closes the wire, or for as long as it asks."""
    wire = become_child(int(parent))
    signal.signal(signal.SIGALRM, leave)
    serve(wire, open_models(Settings.from_environment()), float(idle))


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


def open_models(settings: Settings) -> Embed:
    """Embed with a model that an index names, which stays open for the next question; one is open at a time."""
    from halfgig.operations.embedders import reopen_embedder
    from halfgig.retrieval.embedding import meaning_of

    @lru_cache(maxsize=1)
    def opened(model: str) -> Embedder:
        return reopen_embedder(model, settings)

    return lambda model, text: meaning_of(text, opened(model)).vector


if __name__ == "__main__":
    main(*sys.argv[1:])
