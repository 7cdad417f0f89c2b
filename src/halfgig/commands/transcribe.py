"""`halfgig transcribe`: the transcript of one source, on standard output or in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.commands.models import PullProgress
from halfgig.commands.remote import add_server, asked, connect, see_through, submit
from halfgig.commands.standard import add_speech_options, given, open_output, speech_settings, tell
from halfgig.progress import Progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from halfgig.client.client import Client
    from halfgig.operations.transcription import Transcription
    from halfgig.settings import Settings

FORMS = ("txt", "json", "verbose_json", "srt", "vtt", "tsv")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `transcribe` to the command line."""
    parser = subparsers.add_parser("transcribe", help="write down what is said in a video or recording")
    parser.add_argument("source", metavar="SOURCE", help="a path, a URL, or - for standard input")
    parser.add_argument(
        "--format", choices=FORMS, help="default: by the ending of FILE, else txt; verbose_json with --words"
    )
    parser.add_argument("--words", action="store_true", help="time each word")
    add_speech_options(parser)
    parser.add_argument("--translate", action="store_true", help="write English, whatever language is spoken")
    parser.add_argument("-o", "--output", metavar="FILE", help="write here instead of to standard output")
    add_server(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Transcribe, text appearing as it is recognised; a file is put in place only when it is whole."""
    if arguments.server is not None:
        return _run_remotely(arguments, settings)
    from halfgig.operations.transcription import transcribe

    form = arguments.format or _form_of(arguments.output, words=arguments.words)
    progress = Progress()
    transcription = transcribe(
        given(arguments.source),
        translate=arguments.translate,
        words=arguments.words,
        settings=speech_settings(arguments, settings),
        watch=progress.move,
        report=PullProgress(sys.stderr),
    )
    progress.total = transcription.info.duration if transcription.info else None
    with open_output(arguments.output) as write:
        _write(transcription, form, write, progress)
    tell(*transcription.notes, transcription.log.summary())
    return 0


def _run_remotely(arguments: argparse.Namespace, settings: Settings) -> int:
    """Have a server transcribe; the output is what it would be here."""
    client = connect(arguments.server, settings)
    options = asked(
        language=arguments.language, model=arguments.model, words=arguments.words, translate=arguments.translate
    )
    form = arguments.format or _form_of(arguments.output, words=arguments.words)
    with open_output(arguments.output) as write:
        job = see_through(client, submit(client, "transcript", arguments.source, options))
        for piece in fetch_transcript(client, job.id, form):
            write(piece)
    return 0


def fetch_transcript(client: Client, job_id: str, form: str) -> Iterator[str]:
    """The transcript of a job, piece by piece. The server's own json tells more than the text, which is all of ours."""
    if form == "json":
        yield json.dumps({"text": client.result_json(job_id).get("text", "")}, ensure_ascii=False) + "\n"
    else:
        yield from client.result(job_id, form)


def _write(transcription: Transcription, form: str, write: Callable[[str], None], progress: Progress) -> None:
    from halfgig.speech.captions import Facts, render

    def closing() -> Facts:
        return Facts(transcription.task, transcription.language, transcription.duration)

    try:
        for piece in render(transcription, form, closing):
            progress.clear()
            write(piece)
    finally:
        progress.clear()


def _form_of(output: str | None, *, words: bool) -> str:
    ending = Path(output).suffix[1:].lower() if output else ""
    if words and ending in ("", "json"):
        return "verbose_json"  # the only one that tells the times of words
    return ending if ending in FORMS else "txt"
