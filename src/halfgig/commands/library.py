"""`halfgig library`: the sources that are indexed, listed and removed."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.commands.copy import copy
from halfgig.commands.standard import open_output, printable
from halfgig.errors import MIB, BadRequest, LibraryError
from halfgig.media.shown import kept_url
from halfgig.progress import minutes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from halfgig.records import StoredSource
    from halfgig.settings import Settings

SHORT_ID = 12  # characters of an id that are shown
LEAST_ID = 4  # characters of an id that may name a source


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `library` to the command line."""
    parser = subparsers.add_parser("library", help="list or remove indexed sources, and keep their file in order")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the sources")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    removal = actions.add_parser(
        "remove",
        help="forget a source, its transcript, its index, its pictures and poses",
        description="Forget a source, its transcript, its index, its pictures and poses, and cancel a server's jobs on "
        "it. An upload that a server was told to keep of it is deleted by that server once its time is over.",
    )
    removal.add_argument("source", help="its id or the beginning of it, its address, or its title")
    removal.set_defaults(run=run_remove)
    checking = actions.add_parser(
        "check", help="look for damage, and for an index that does not agree with its sources"
    )
    checking.set_defaults(run=run_check)
    vacuuming = actions.add_parser("vacuum", help="give back the room of what was removed")
    vacuuming.set_defaults(run=run_vacuum)
    backup = actions.add_parser("backup", help="copy the library to a file, while others use it")
    backup.add_argument("file", type=Path)
    backup.set_defaults(run=run_backup)
    export = actions.add_parser("export", help="write everything as lines of JSON, vectors included")
    export.add_argument("-o", "--output", metavar="FILE", help="instead of standard output")
    export.set_defaults(run=run_export)
    load = actions.add_parser("import", help="read what export has written; a source takes the place of itself")
    load.add_argument("file", help="a path, or - for standard input")
    load.set_defaults(run=run_import)
    copying = actions.add_parser("copy", help="copy an index to another place, without embedding anything again")
    copying.add_argument("old", metavar="FROM", help="as of INDEX_URL; sqlite: is the library's own")
    copying.add_argument("new", metavar="TO")
    copying.set_defaults(run=run_copy)


def run_list(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print every source, oldest first; none where nothing was indexed."""
    from halfgig.store.home import open_store
    from halfgig.store.library import Library

    with open_store(settings) as connection:
        sources = Library(connection).sources()
    if arguments.json:
        print(json.dumps([asdict(source) for source in sources], ensure_ascii=False, indent=2))
    else:
        print("\n".join(map(_describe, sources)) or "Nothing is indexed yet. Index a video: halfgig index VIDEO")
    return 0


def run_remove(arguments: argparse.Namespace, settings: Settings) -> int:
    """Remove one source with all that belongs to it, in one transaction; the file of the source stays."""
    from halfgig.operations.indexes import open_place
    from halfgig.operations.library import forget
    from halfgig.store.home import open_store
    from halfgig.store.library import Library
    from halfgig.store.place import open_belongings

    with open_store(settings, create=False) as connection, open_place(settings) as place:
        source = find_source(arguments.source, Library(connection).sources())
        kept = _let_go(settings, source.id)
        passages = forget(connection, source.id, place.open(connection)) or 0
    open_belongings(settings).forget(source.id)
    print(f"Removed {printable(source.title)} ({passages} passage{'' if passages == 1 else 's'}).")
    if kept:
        hours = settings.upload_expiry_seconds / 3600
        print(f"What a server keeps of it as an upload is deleted by a server {hours:g} hours after it came.")
    return 0


def _let_go(settings: Settings, source_id: str) -> bool:
    """Cancel a server's jobs on the source, which would file it anew; whether an upload was kept that now is not."""
    from halfgig.jobs.queue import JobQueue

    path = settings.data_dir / "jobs.db"
    if not path.exists():
        return False
    with JobQueue(path) as queue:
        return bool(queue.let_go(source_id)[1])


def run_check(_: argparse.Namespace, settings: Settings) -> int:
    """Print what is wrong, a line each. LibraryError where anything is."""
    from halfgig.operations.indexes import open_place
    from halfgig.operations.upkeep import check
    from halfgig.store.home import open_store

    with open_store(settings, create=False) as connection, open_place(settings) as place:
        faults = list(check(connection, place.open(connection)))
        outside = f" and its index in {place.shown} are" if place.outside else " is"
    for fault in faults:
        print(fault)
    if faults and place.outside:
        raise LibraryError(
            "The library and its index do not agree.",
            "Run halfgig library vacuum, then halfgig index copy or halfgig reindex for what is missing there.",
        )
    if faults:
        raise LibraryError("The library is damaged.", "Restore it from a backup, or index its sources again.")
    print(f"The library{outside} in order.")
    return 0


def run_vacuum(_: argparse.Namespace, settings: Settings) -> int:
    """Make the file as small as it can be, and tell by how much; remove what is left in an index outside."""
    from halfgig.operations.indexes import open_place
    from halfgig.operations.upkeep import vacuum
    from halfgig.store.home import open_store

    with open_store(settings, create=False) as connection, open_place(settings) as place:
        removed = place.open(connection).tidy()
        before, after = vacuum(connection)
    if removed:
        print(
            f"Removed {removed} edition{'' if removed == 1 else 's'} of sources that nothing shows from {place.shown}."
        )
    print(f"The library has {after / MIB:.1f} MB; it had {before / MIB:.1f} MB.")
    return 0


def run_backup(arguments: argparse.Namespace, settings: Settings) -> int:
    """Copy the library as it is now."""
    from halfgig.operations.indexes import as_file
    from halfgig.store.backup import back_up
    from halfgig.store.home import open_store

    with open_store(settings, create=False) as connection:
        back_up(as_file(connection), arguments.file)
    print(f"Copied to {printable(str(arguments.file))}.")
    return 0


def run_export(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the lines."""
    from halfgig.operations.dump import dump
    from halfgig.operations.indexes import open_place
    from halfgig.store.home import open_store

    with ExitStack() as opened:
        connection = opened.enter_context(open_store(settings, create=False))
        place, write = opened.enter_context(open_place(settings)), opened.enter_context(open_output(arguments.output))
        for line in dump(connection, place):
            write(line)
    return 0


def run_import(arguments: argparse.Namespace, settings: Settings) -> int:
    """Read lines into the library, which is made where there is none."""
    from halfgig.operations.dump import load
    from halfgig.operations.indexes import open_place
    from halfgig.store.home import open_store

    with ExitStack() as opened:
        lines, place = opened.enter_context(_lines(arguments.file)), opened.enter_context(open_place(settings))
        count = load(opened.enter_context(open_store(settings)), lines, place)
    print(f"Imported {count} source{'' if count == 1 else 's'}.")
    return 0


def run_copy(arguments: argparse.Namespace, settings: Settings) -> int:
    """Copy an index to another place."""
    return copy(arguments.old, arguments.new, settings)


@contextmanager
def _lines(file: str) -> Iterator[Iterable[str]]:
    if file == "-":
        yield sys.stdin
        return
    try:
        opened = Path(file).open(encoding="utf-8")  # noqa: SIM115  # closed below
    except OSError as error:
        raise BadRequest(f"{file} cannot be read ({error.strerror}).", "Check the path.") from error
    with opened:
        yield opened


def find_source(name: str, sources: Sequence[StoredSource]) -> StoredSource:
    """The source a person means; BadRequest where it is none or several."""
    named = [one for one in sources if name in (one.id, one.title) or one.address in (name, kept_url(name))]
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
