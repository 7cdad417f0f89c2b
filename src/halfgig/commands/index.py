"""`halfgig index`: sources transcribed into the library, and made searchable."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from halfgig.commands.copy import copy, is_copy
from halfgig.commands.models import PullProgress
from halfgig.commands.remote import add_server, asked, connect, see_through, submit
from halfgig.commands.standard import add_speech_options, printable, speech_settings, tell
from halfgig.errors import BadRequest, HalfgigError
from halfgig.progress import Progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from halfgig.operations.indexing import Indexed
    from halfgig.operations.transcription import Transcription
    from halfgig.settings import Settings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `index` to the command line."""
    parser = subparsers.add_parser(
        "index",
        help="make sources searchable by what is said in them",
        epilog="halfgig index copy FROM TO copies an index to another place, as halfgig library copy does.",
    )
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="a path or a URL")
    add_speech_options(parser)
    parser.add_argument("--captions", metavar="FILE", help="SRT or WebVTT of the one source: it is not heard then")
    parser.add_argument("--tag", action="append", default=[], metavar="TAG", help="to search by; may be given again")
    add_server(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Index each source; one that fails is told and does not keep the others waiting. The exit code is its own.

    `copy` with two addresses of indexes is no source: `halfgig index copy FROM TO`.
    """
    if is_copy(arguments.sources):
        _, old, new = arguments.sources
        return copy(old, new, settings)
    if arguments.captions and (len(arguments.sources) > 1 or arguments.server is not None):
        raise BadRequest("Captions are of one source, and indexed here.", "Give one source, without --server.")
    work = _here(arguments, settings) if arguments.server is None else _remotely(arguments, settings)
    code = 0
    for source in arguments.sources:
        try:
            print(work(source), flush=True)
        except HalfgigError as error:
            print(f"halfgig: {printable(str(error))}", file=sys.stderr)
            code = error.exit_code
    return code


def _here(arguments: argparse.Namespace, settings: Settings) -> Callable[[str], str]:
    """What indexes a source on this machine, and describes what came of it."""
    settings = speech_settings(arguments, settings)
    if arguments.captions:
        return lambda source: _describe_indexed(_index_captions(source, arguments, settings))
    return lambda source: _describe_indexed(_index(source, arguments.tag, settings))


def _remotely(arguments: argparse.Namespace, settings: Settings) -> Callable[[str], str]:
    """What has a server index a source into its own library."""
    client = connect(arguments.server, settings)
    options = asked(language=arguments.language, model=arguments.model, tags=arguments.tag)

    def index(source: str) -> str:
        job = see_through(client, submit(client, "index", source, options))
        result = job.result
        return describe(job.title, "indexed", result.get("passages", 0), str(result.get("source_id", "")))

    return index


def _index_captions(source: str, arguments: argparse.Namespace, settings: Settings) -> Indexed:
    from halfgig.operations.captions import index_captions

    report = PullProgress(sys.stderr)
    return index_captions(source, arguments.captions, tags=arguments.tag, settings=settings, report=report)


def _index(source: str, tags: Sequence[str], settings: Settings) -> Indexed:
    from halfgig.operations.indexing import index

    progress = Progress()

    def begin(transcription: Transcription) -> None:
        progress.total = transcription.duration or None

    try:
        indexed = index(
            source,
            tags=tags,
            settings=settings,
            on_start=begin,
            watch=progress.move,
            report=PullProgress(sys.stderr),
        )
    finally:
        progress.clear()
    tell(*indexed.notes)
    return indexed


def _describe_indexed(indexed: Indexed) -> str:
    state = "is indexed already" if indexed.known else "indexed"
    return describe(indexed.source.title, state, indexed.passages, indexed.source.id)


def describe(title: str, state: str, passages: int, source_id: str) -> str:
    """What became of a source, for a person."""
    return f"{printable(title)} {state}: {passages} passage{'' if passages == 1 else 's'}, id {source_id[:12]}"
