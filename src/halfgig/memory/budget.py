"""What each kind of work costs at its peak, and which variant of it fits into the memory that there is.

A cost is that of the whole process: Python, libraries, weights and buffers, resident at once. It is measured
(`tests/accuracy/test_budget.py` keeps the table true) and rounded up; it does not grow with a source's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.errors import MIB, DoesNotFit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.records import Bytes


@dataclass(frozen=True, slots=True)
class Cost:
    """Peak bytes of one variant of a kind: `base`, and `per_pixel` for each pixel of the source's own frames.

    A video decoder holds several whole frames of the source, however small they are scaled afterwards.
    """

    kind: str
    variant: str
    base: Bytes
    per_pixel: float = 0.0

    def at(self, pixels: int = 0) -> Bytes:
        """Peak bytes for a source whose frames have `pixels` pixels."""
        return self.base + round(self.per_pixel * pixels)


@dataclass(frozen=True, slots=True)
class Choice:
    """The variant that will run, the bytes it needs, and why it is not the one that was wanted (else empty)."""

    kind: str
    variant: str
    needs: Bytes
    reason: str = ""


# Best first within a kind: what stands lower needs less and is worth less.
# PLACEHOLDER: estimates until the pipelines can be measured.
TABLE = (
    Cost("transcribe", "base", 330 * MIB),
    Cost("transcribe", "tiny.en", 260 * MIB),
    Cost("index", "base", 400 * MIB),
    Cost("index", "tiny.en", 330 * MIB),
    Cost("reps", "full", 200 * MIB, per_pixel=30.0),
    Cost("reps", "lite", 185 * MIB, per_pixel=30.0),
    Cost("search", "minilm", 150 * MIB),
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


def choose(candidates: Sequence[Cost], room: Bytes, *, pixels: int = 0) -> Choice:
    """The first of the candidates, best first, that fits into `room` bytes. The first is the wanted one.

    `room` is what the work's process may hold. Raises DoesNotFit, with the least that would do, where none fits.
    """
    wanted = candidates[0]
    for row in candidates:
        if row.at(pixels) <= room:
            reason = "" if row is wanted else _why(wanted, row, room, pixels)
            return Choice(row.kind, row.variant, row.at(pixels), reason)
    raise DoesNotFit(wanted.kind, min(row.at(pixels) for row in candidates), room)


def whisper_cost(kind: str, variant: str, weights: Bytes, heads: int) -> Cost:
    """The cost of Whisper weights that the table does not know, by the size of model.bin and attention heads.

    PLACEHOLDER: the attention over 30 s is heads x 1500 x 1500 float32 (9 MB a head); the rest is a fit.
    """
    return Cost(kind, variant, round(110 * MIB + 1.2 * weights + 2 * heads * 1500 * 1500 * 4))


def _why(wanted: Cost, taken: Cost, room: Bytes, pixels: int) -> str:
    needed, granted = -(-wanted.at(pixels) // MIB), room // MIB
    return f"{taken.variant} instead of {wanted.variant}, which needs {needed} MB where {granted} MB are left"
