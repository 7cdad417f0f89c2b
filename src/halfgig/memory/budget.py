"""What each kind of work costs at its peak, and which variant of it fits into the memory that there is.

A cost is the working set of the whole process: Python, weights and buffers, but not the pages of libraries and models
that the kernel can drop and read again. It is measured (`python -m benchmarks.budget`), and holds for ten hours too.
To live under a hard limit, a process needs besides the pages of the code that runs all the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from halfgig.errors import MIB, DoesNotFit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.records import Bytes, Seconds

WINDOW: Seconds = 20.0  # from this length on, a source fills the longest window that a recogniser is given
SETTLED: Seconds = 300.0  # from this length on, the longest decodings and the heap's gaps have come
LATE = 35 * MIB  # what they add
CODE = 24 * MIB  # of libraries: with less, the kernel drops what is needed again at once, and work crawls
FEW_PIECES = 4 * MIB  # of a tokenizer.json: those of one language or two have less
MANY_PIECES = 340 * MIB  # what the tokenizer of a quarter of a million pieces holds
FRAMES_HELD = 9  # frames between decoder and pose model: those decoded ahead, and the copies of the one in work


@dataclass(frozen=True, slots=True)
class Cost:
    """Peak bytes of one variant of a kind, of which `window` is held only where a window of speech has full length.

    Attention grows with the square of that length. `mkl` is held only where Intel's MKL multiplies.
    """

    kind: str
    variant: str
    peak: Bytes
    window: Bytes = 0
    mkl: Bytes = 0

    def without_mkl(self) -> Cost:
        """The cost on a processor for which another library multiplies."""
        return replace(self, peak=self.peak - self.mkl, mkl=0)

    @property
    def needs(self) -> Bytes:
        """The least hard limit under which the work goes on at full speed."""
        return self.peak + CODE

    def likely(self, seconds: Seconds | None) -> Bytes:
        """Peak bytes that a source of this length will reach; a length that is not known is a long one."""
        if not self.window or seconds is None:
            return self.peak
        missing = (1 - min(seconds / WINDOW, 1.0) ** 2) * self.window + (1 - min(seconds / SETTLED, 1.0)) * LATE
        return self.peak - round(missing)


@dataclass(frozen=True, slots=True)
class Choice:
    """The variant that will run, its peak, the bytes it needs, and why it is not what was wanted (else empty)."""

    kind: str
    variant: str
    peak: Bytes
    needs: Bytes
    reason: str = ""


TINY_WEIGHTS, BASE_WEIGHTS = 39_451_946, 75_104_236  # bytes of model.bin, int8

# Best first within a kind: what stands lower needs less and is worth less. An index costs what its transcript does:
# the recogniser is closed before the embedder is opened. Reps and overlays cost the decoder and the frames besides.
TABLE = (
    Cost("transcribe", "base", 285 * MIB, window=65 * MIB, mkl=20 * MIB),
    Cost("transcribe", "tiny.en", 195 * MIB, window=65 * MIB, mkl=8 * MIB),
    Cost("language", "base", 255 * MIB, window=65 * MIB, mkl=25 * MIB),
    Cost("reps", "full", 80 * MIB),
    Cost("reps", "lite", 69 * MIB),
    Cost("drawing", "table", 66 * MIB),
    Cost("drawing", "overlay", 56 * MIB),
    Cost("drawing", "overlay, small frames", 38 * MIB),
    Cost("live", "full", 95 * MIB),
    Cost("live", "lite", 86 * MIB),
    Cost("search", "minilm", 69 * MIB),
    Cost("question", "served", 20 * MIB),
)


def cost(kind: str, variant: str, table: Sequence[Cost] = TABLE) -> Cost:
    """The row of the table; KeyError where there is none."""
    for row in table:
        if (row.kind, row.variant) == (kind, variant):
            return row
    raise KeyError(f"no cost is known for {kind} with {variant}")


def at_most(kind: str, wanted: str, table: Sequence[Cost] = TABLE) -> list[Cost]:
    """The wanted variant's row and those below it, best first; KeyError where there is no such row."""
    rows = [row for row in table if row.kind == kind]
    return rows[rows.index(cost(kind, wanted, table)) :]


def choose(candidates: Sequence[Cost], room: Bytes) -> Choice:
    """The first of the candidates, best first, that fits into `room` bytes. The first is the wanted one.

    `room` is what the work's process may hold. Raises DoesNotFit, with the least that would do, where none fits.
    """
    wanted = candidates[0]
    for row in candidates:
        if row.needs <= room:
            reason = "" if row is wanted else _why(wanted, row, room)
            return Choice(row.kind, row.variant, row.peak, row.needs, reason)
    raise DoesNotFit(wanted.kind, min(row.needs for row in candidates), room)


def whisper_cost(variant: str, weights: Bytes) -> Cost:
    """The cost of Whisper weights that the table does not know, by the bytes of their model.bin: a line through
    tiny.en (38 MB) and base (76 MB).
    """
    tiny, base = cost("transcribe", "tiny.en"), cost("transcribe", "base")
    steepness = (base.peak - tiny.peak) / (BASE_WEIGHTS - TINY_WEIGHTS)
    return replace(tiny, variant=variant, peak=tiny.peak + max(0, round(steepness * (weights - TINY_WEIGHTS))))


def embedder_cost(variant: str, weights: Bytes, tokenizer: Bytes) -> Cost:
    """The cost of an embedding model that the table does not know, by the bytes of its model.bin and tokenizer.json.

    Measured with 33 and 110 million weights in int8, and texts of 500 wordpieces.
    """
    pieces = MANY_PIECES if tokenizer > FEW_PIECES else 0
    return Cost("search", variant, 60 * MIB + weights + weights // 10 + pieces)


def frames_memory(width: int, height: int) -> Bytes:
    """What the frames cost that are held between decoder and pose model, of this many pixels each."""
    return FRAMES_HELD * width * height * 3


def _why(wanted: Cost, taken: Cost, room: Bytes) -> str:
    needed, granted = -(-wanted.needs // MIB), room // MIB
    return f"{taken.variant} instead of {wanted.variant}, which needs {needed} MB where {granted} MB are left"
