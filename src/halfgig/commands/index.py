"""`halfgig index`: sources transcribed into the library, and made searchable."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from halfgig.commands.models import PullProgress
from halfgig.commands.standard import printable, tell
from halfgig.errors import HalfgigError
from halfgig.progress import Progress

if TYPE_CHECKING:
    import argparse

    from halfgig.operations.indexing import Indexed
    from halfgig.operations.transcription import Transcription
    from halfgig.settings import Settings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `index` to the command line."""
    parser = subparsers.add_parser("index", help="make sources searchable by what is said in them")
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="a path or a URL")
    parser.add_argument("--language", metavar="CODE", help="en, de, ... or auto (default: WHISPER_LANGUAGE, auto)")
    parser.add_argument("--model", metavar="M", help="tiny, base, tiny.en or a folder (default: WHISPER_MODEL, tiny)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Index each source; one that fails is told and does not keep the others waiting. The exit code is its own."""
    from dataclasses import replace

    settings = replace(
        settings,
        language=arguments.language or settings.language,
        whisper_model=arguments.model or settings.whisper_model,
    )
    code = 0
    for source in arguments.sources:
        try:
            print(_describe(_index(source, settings)), flush=True)
        except HalfgigError as error:
            print(f"halfgig: {printable(str(error))}", file=sys.stderr)
            code = error.exit_code
    return code


def _index(source: str, settings: Settings) -> Indexed:
    from halfgig.operations.indexing import index

    progress = Progress()

    def begin(transcription: Transcription) -> None:
        progress.total = transcription.duration or None

    try:
        indexed = index(source, settings=settings, on_start=begin, watch=progress.move, report=PullProgress(sys.stderr))
    finally:
        progress.clear()
    tell(*indexed.notes)
    return indexed


def _describe(indexed: Indexed) -> str:
    passages = f"{indexed.passages} passage{'' if indexed.passages == 1 else 's'}"
    state = "is indexed already" if indexed.known else "indexed"
    return f"{printable(indexed.source.title)} {state}: {passages}, id {indexed.source.id[:12]}"
