"""The coach: a child that watches one live session, and ends with it.

`python -m halfgig.jobs.coach PARENT`, with the settings in its environment. It is first told {"exercise", "model"}, and
answers {"exercise"}; then each {"jpeg"} or {"text"} is answered by what can be said after it. An error that is the
sender's is answered by {"error": {"kind", "status", "detail", "remedy"}}, and the session goes on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from halfgig.errors import HalfgigError, slug
from halfgig.jobs.child import become_child, child_command
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from halfgig.jobs.child import Wire
    from halfgig.operations.live import Coach

    Open = Callable[[str, str], Coach]


def coach_command() -> list[str]:
    """The command that starts the child."""
    return child_command(__name__)


def main(parent: str) -> None:
    """Be the child until the parent closes the wire."""
    wire = become_child(int(parent))
    serve(wire, Settings.from_environment())


def serve(wire: Wire, settings: Settings) -> None:
    """Answer every message in its turn; nothing is answered that comes before an exercise that there is."""
    from halfgig.operations.live import Coach

    coach: Coach | None = None
    for message in wire.messages():
        try:
            if coach is None:
                coach = Coach(message["exercise"], message["model"], settings)
                wire.send({"exercise": coach.exercise})
            else:
                wire.send(coach.answer(message))
        except HalfgigError as error:
            wire.send({"error": as_error(error)})


def as_error(error: HalfgigError) -> Mapping[str, Any]:
    """The error as JSON values."""
    return {"kind": slug(type(error)), "status": error.status, "detail": error.detail, "remedy": error.remedy}


if __name__ == "__main__":
    main(*sys.argv[1:])
