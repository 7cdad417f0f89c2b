"""`halfgig export`: the transcript of an indexed source as captions, as text with links to its times, or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.commands.library import find_source
from halfgig.commands.standard import open_output

if TYPE_CHECKING:
    import argparse

    from halfgig.settings import Settings

FORMS = ("srt", "vtt", "txt", "tsv", "md", "jsonl")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `export` to the command line."""
    parser = subparsers.add_parser("export", help="write the transcript of an indexed source")
    parser.add_argument("source", help="its id or the beginning of it, its address, or its title")
    parser.add_argument("-f", "--format", choices=FORMS, help="default: by the ending of FILE, else md")
    parser.add_argument("-o", "--output", metavar="FILE", help="instead of standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the transcript, as far as it is."""
    from halfgig.operations.captions import export
    from halfgig.store.home import open_store
    from halfgig.store.library import Library

    ending = Path(arguments.output or "").suffix[1:].lower()
    form = arguments.format or (ending if ending in FORMS else "md")
    with open_store(settings, create=False) as connection:
        source = find_source(arguments.source, Library(connection).sources())
        with open_output(arguments.output) as write:
            for piece in export(connection, source, form):
                write(piece)
    return 0
