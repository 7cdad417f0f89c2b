"""A job as the server shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig.errors import ServerTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping

FINAL = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """What a client uses of a job; `shown` is all that the server told."""

    id: str
    kind: str
    state: str
    shown: dict[str, Any]

    @property
    def ended(self) -> bool:
        """Whether no more work will be done, unless it is retried."""
        return self.state in FINAL

    @property
    def title(self) -> str:
        """What a person calls the source: its title, or its address."""
        source = self.shown.get("source") or {}
        return str(source.get("title") or source.get("url") or source.get("upload") or "")

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know beside the result."""
        return tuple(str(note) for name in ("degraded", "notes") for note in self.shown.get(name) or ())

    @property
    def result(self) -> dict[str, Any]:
        """The summary of what was made; empty where there is none."""
        return dict(self.shown.get("result") or {})


def read_job(shown: Mapping[str, Any]) -> RemoteJob:
    """The job in an answer. Raises ServerTrouble where there is none in it."""
    told = [shown.get(name) if isinstance(shown, dict) else None for name in ("id", "kind", "state")]
    if not all(isinstance(value, str) and value for value in told):
        raise ServerTrouble("The answer is no job of a halfgig server.", "Check the address of the server.")
    return RemoteJob(str(told[0]), str(told[1]), str(told[2]), dict(shown))
