"""`halfgig worker`: a machine that does jobs of the queue in DATABASE_URL, until it is told to end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from halfgig.settings import Settings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `worker` to the command line."""
    parser = subparsers.add_parser("worker", help="do jobs of the queue in DATABASE_URL, without serving")
    parser.add_argument("--host", metavar="ADDRESS", help="where its health is told; by default HOST, or 127.0.0.1")
    parser.add_argument("--port", type=int, metavar="N", help="on which port; by default PORT, or 8000")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Work until SIGTERM or Ctrl-C."""
    from halfgig.api.logs import configure
    from halfgig.jobs.standalone import work

    configure(settings.log_format, verbose=arguments.verbose)
    host = settings.host if arguments.host is None else arguments.host
    port = settings.port if arguments.port is None else arguments.port
    work(replace(settings, host=host, port=port))
    return 0
