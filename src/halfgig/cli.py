"""The command line: one line for an error and an exit code by its kind; the work is done in `commands`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

from halfgig import __version__
from halfgig.commands import index, library, models, reps, search, transcribe
from halfgig.errors import HalfgigError
from halfgig.memory.allocator import use_one_arena
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (transcribe, index, search, reps, library, models)
INTERRUPTED = 130
CLOSED_PIPE = 141
EXIT_CODES = """exit codes: 2 the command is wrong, 3 the source cannot be read, 4 it has no sound or no picture,
5 it is past a limit or does not fit into memory, 6 a model is missing, 7 the library cannot be used"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    use_one_arena()
    parsed = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if parsed.verbose else logging.WARNING, format="%(asctime)s %(message)s")
    try:
        return int(parsed.run(parsed, Settings.from_environment()))
    except HalfgigError as error:
        print(f"halfgig: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("halfgig: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="halfgig",
        description="Video understanding in half a gigabyte: search what is said, count what is done.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"halfgig {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log key points of the work with memory held")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
