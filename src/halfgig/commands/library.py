"""`halfgig library`: the sources that are indexed, listed and removed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from halfgig.commands.standard import printable
from halfgig.errors import BadRequest
from halfgig.progress import minutes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from halfgig.records import StoredSource
    from halfgig.settings import Settings

SHORT_ID = 12  # characters of an id that are shown
LEAST_ID = 4  # characters of an id that may name a source


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `library` to the command line."""
    parser = subparsers.add_parser("library", help="list or remove indexed sources")
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|remove")
    listing = actions.add_parser("list", help="list the sources")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    removal = actions.add_parser("remove", help="forget a source, its transcript and its index")
    removal.add_argument("source", help="its id or the beginning of it, its address, or its title")
    removal.set_defaults(run=run_remove)


def run_list(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print every source, oldest first; none where nothing was indexed."""
    from halfgig.store.sqlite import Library, open_library

    with open_library(settings.library_path) as connection:
        sources = Library(connection).sources()
    if arguments.json:
        print(json.dumps([asdict(source) for source in sources], ensure_ascii=False, indent=2))
    else:
        print("\n".join(map(_describe, sources)) or "Nothing is indexed yet. Index a video: halfgig index VIDEO")
    return 0


def run_remove(arguments: argparse.Namespace, settings: Settings) -> int:
    """Remove one source with all that belongs to it, in one transaction; the file of the source stays."""
    from halfgig.operations.library import forget
    from halfgig.store.sqlite import Library, open_library

    with open_library(settings.library_path, create=False) as connection:
        source = find_source(arguments.source, Library(connection).sources())
        passages = forget(connection, source.id) or 0
    print(f"Removed {printable(source.title)} ({passages} passage{'' if passages == 1 else 's'}).")
    return 0


def find_source(name: str, sources: Sequence[StoredSource]) -> StoredSource:
    """The source a person means; BadRequest where it is none or several."""
    named = [source for source in sources if name in (source.id, source.address, source.title)]
    if not named and len(name) >= LEAST_ID:
        named = [source for source in sources if source.id.startswith(name.lower())]
    if len(named) != 1:
        how_many = "no source" if not named else f"{len(named)} sources"
        raise BadRequest(f"The library has {how_many} named {name}.", "Use an id from: halfgig library list")
    return named[0]


def _describe(source: StoredSource) -> str:
    length = "--:--" if source.duration is None else minutes(source.duration)
    tags = "".join(f"  #{printable(tag)}" for tag in source.tags)
    names = f"{printable(source.title)}  {printable(source.address)}"
    return f"{source.id[:SHORT_ID]}  {length:>8}  {names}{tags}{_state(source)}"


def _state(source: StoredSource) -> str:
    if source.state == "ready":
        return ""
    return "  (motion only)" if source.state == "unheard" else f"  ({source.state}: run halfgig index again)"
