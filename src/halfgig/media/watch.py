"""Watch: who hears that a fetch lives and how far it is, and ends it by raising."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Bytes

Watch: TypeAlias = (
    "Callable[[Bytes | None, Bytes | None], None]"  # bytes that are stored, and of how many; None: unknown
)


def unwatched(got: Bytes | None, total: Bytes | None) -> None:
    """Hear nothing."""
