"""The command line: one line for an error and an exit code by its kind; the work is done in `commands`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig import __version__
from halfgig.commands.standard import printable
from halfgig.errors import HalfgigError
from halfgig.memory.allocator import use_one_arena
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

# Modules of `commands`, in the order of the help.
COMMANDS = (
    *("transcribe", "index", "search", "reps", "exercises", "library", "reindex", "export"),
    *("serve", "worker", "db", "jobs", "models", "plan", "doctor"),
)
INTERRUPTED = 130
CLOSED_PIPE = 141
EXIT_CODES = """exit codes: 2 the command is wrong, 3 the source cannot be read, 4 it has no sound or no picture,
5 it is past a limit or does not fit into memory, 6 a model is missing, 7 the library cannot be used,
8 a server cannot be reached"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        parsed = _parser(given).parse_args(given)
        _prepare_process()
        logging.basicConfig(level=logging.INFO if parsed.verbose else logging.WARNING, format="%(asctime)s %(message)s")
        code = int(parsed.run(parsed, Settings.from_environment()))
        print(end="", flush=True)
    except HalfgigError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _fail("", CLOSED_PIPE)
    except OSError as error:
        return _fail(f"{error}. Check the disk and the rights.", HalfgigError.exit_code)
    return code


def _fail(message: str, code: int) -> int:
    """Print the one line of a failure, and make sure that what standard output could not take is not tried again."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if message:
        print(f"halfgig: {printable(message)}", file=sys.stderr)
    return code


def _prepare_process() -> None:
    """One arena; what a terminal cannot show is escaped; a request to end unwinds, so that no draft stays behind."""
    use_one_arena()
    if sys.stderr is None:  # it was closed, and progress and notes have nowhere to go
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))


def _named(arguments: Sequence[str]) -> Sequence[str]:
    """The command that is named, alone: a server that lives for months need not hold the others. All where none is."""
    first = next((argument for argument in arguments if not argument.startswith("-")), "")
    return (first,) if first in COMMANDS else COMMANDS


def _parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="halfgig",
        description="Video understanding in half a gigabyte: search what is said, count what is done.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"halfgig {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log key points of the work with memory held")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in _named(arguments):
        import_module(f"halfgig.commands.{name}").add_parser(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
