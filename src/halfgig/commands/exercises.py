"""`halfgig exercises list|learn|forget`: what can be counted, and what a person teaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from halfgig.errors import NotFound

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from halfgig.motion.forms import Exercise
    from halfgig.settings import Settings


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `exercises` and its actions."""
    parser = subparsers.add_parser("exercises", help="what can be counted: list, learn, forget")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every exercise, its signal, and its other names")
    learn = actions.add_parser("learn", help="learn one from an example", description="Learn one from an example.")
    learn.add_argument("name", metavar="NAME", help="what it shall be called")
    learn.add_argument("clip", metavar="CLIP", help="a video of one set, the whole body in view")
    learn.add_argument("--reps", type=int, required=True, metavar="N", help="how many repetitions it shows")
    forget = actions.add_parser("forget", help="forget one that was taught", description="Forget one that was taught.")
    forget.add_argument("name", metavar="NAME", help="its name")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run one action."""
    match arguments.action:
        case "list":
            print("\n".join(_listed(settings)))
        case "learn":
            _learn(arguments, settings)
        case "forget":
            _forget(arguments.name, settings)
    return 0


def _listed(settings: Settings) -> Iterator[str]:
    from halfgig.motion.exercises import EXERCISES
    from halfgig.operations.exercises import learned

    yield f"{'name':<20} {'signal':<15} {'recognised':<11} also called"
    for row in EXERCISES:
        yield _row(row, "held" if row.hold else "yes" if row.form else "when told")
    for row in learned(settings):
        yield _row(row, "learned")


def _row(exercise: Exercise, known: str) -> str:
    return f"{exercise.name:<20} {exercise.joint:<15} {known:<11} {', '.join(exercise.aliases)}".rstrip()


def _learn(arguments: argparse.Namespace, settings: Settings) -> None:
    from halfgig.operations.exercises import learn_exercise
    from halfgig.progress import Progress

    progress = Progress()
    try:
        found = learn_exercise(arguments.name, arguments.clip, arguments.reps, settings=settings, watch=progress.move)
    finally:
        progress.clear()
    print(f"{found.name}: the {found.joint}, {found.least:.0f} degrees or more, work at its {found.work} end")


def _forget(name: str, settings: Settings) -> None:
    from halfgig.operations.exercises import keep, learned

    known = learned(settings)
    left = [one for one in known if one.name != name]
    if len(left) == len(known):
        raise NotFound(f"No exercise called {name} was taught here.", "See halfgig exercises list.")
    keep(left, settings)
