"""What several commands share: standard input, output and error, the file that takes their place, options of speech."""

from __future__ import annotations

import math
import shutil
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from typing import IO, TextIO

    from halfgig.settings import Settings

STANDARD_OUTPUT = ("-", "/dev/stdout")  # other names for it; a file behind it is not to be replaced


def given(text: str) -> str | IO[bytes]:
    """What the command was given: a path or URL, or standard input for `-`.

    Standard input comes unbuffered: a read that never returns then holds no lock that the exit would wait for.
    """
    if text != "-":
        return text
    if sys.stdin is None:
        raise BadRequest("Standard input is closed.", "Pipe the source in, or give its path.")
    unbuffered: IO[bytes] = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    return unbuffered


def add_speech_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a language and a Whisper model."""
    parser.add_argument("--language", metavar="CODE", help="en, de, ... or auto (default: WHISPER_LANGUAGE, auto)")
    parser.add_argument("--model", metavar="M", help="tiny, base, tiny.en or a folder (default: WHISPER_MODEL, tiny)")


def speech_settings(arguments: argparse.Namespace, settings: Settings) -> Settings:
    """The settings with those options in the place of theirs. BadRequest for a language that there is not."""
    from halfgig.speech.language import check_code

    return replace(
        settings,
        whisper_model=arguments.model or settings.whisper_model,
        language=check_code(arguments.language or settings.language),
    )


def tell(*notes: str) -> None:
    """Print what a person should know beside the result, on standard error; empty notes are none."""
    for note in notes:
        if note:
            print(f"Note: {printable(note)}", file=sys.stderr)


@contextmanager
def open_output(path: str | None) -> Iterator[Callable[[str], None]]:
    """What writes text at once: to standard output, or to a draft that becomes the file when all is written.

    A link is followed; a device or a named pipe is written as it is. BadRequest where the place cannot be written.
    """
    if path in (None, *STANDARD_OUTPUT):
        if sys.stdout is None:
            raise BadRequest("Standard output is closed.", "Name a file with -o.")
        yield _writer(sys.stdout, "Standard output")
        return
    with _written(path):
        target = Path(path).resolve()
        special = target.exists() and not target.is_file()
    if target.is_dir():
        raise BadRequest(f"{path or 'The output'} is a folder.", "Name a file with -o.")
    if special:
        yield from _open(target, path)
        return
    draft = target.with_name(f".halfgig-{uuid4().hex}")
    try:
        yield from _open(draft, path)
        _put_in_place(draft, target, path)
    finally:
        draft.unlink(missing_ok=True)


def _open(target: Path, path: str) -> Iterator[Callable[[str], None]]:
    with _written(path):
        file = target.open("w", encoding="utf-8")
    try:
        yield _writer(file, path)
    finally:
        with _written(path):
            file.close()


def _put_in_place(draft: Path, target: Path, path: str) -> None:
    with _written(path):
        if target.exists():
            shutil.copymode(target, draft)
        draft.replace(target)


def _writer(out: TextIO, place: str) -> Callable[[str], None]:
    def write(text: str) -> None:
        with _written(place):
            out.write(text)
            out.flush()

    return write


@contextmanager
def _written(place: str) -> Iterator[None]:
    """Turn a failure to write into a BadRequest that names the place; a closed pipe is the caller's."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        detail = f"{place} cannot be written: {error.strerror or error}."
        raise BadRequest(detail, "Choose another place with -o.") from error


def seconds(text: str) -> float:
    """Seconds of a time as people write it: 90, 1:30 or 1:02:03.5. ValueError for what is none."""
    total = 0.0
    for part in text.split(":"):
        total = 60 * total + float(part)
    if not 0 <= total < math.inf:
        raise ValueError(text)
    return total


def printable(text: str) -> str:
    """The text without control characters, which could steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
