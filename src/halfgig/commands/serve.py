"""`halfgig serve`: the server, until it is told to end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from halfgig.settings import Settings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `serve` to the command line."""
    parser = subparsers.add_parser("serve", help="serve jobs, uploads and search over HTTP")
    parser.add_argument("--host", metavar="ADDRESS", help="where to listen; by default HOST, or 127.0.0.1")
    parser.add_argument("--port", type=int, metavar="N", help="on which port; by default PORT, or 8000")
    parser.add_argument("--public", action="store_true", help="let others use it without a key")
    parser.add_argument("--new-key", action="store_true", help="print a fresh API key and its line for API_KEYS")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C, or print a key."""
    if arguments.new_key:
        return _print_key()
    from halfgig.api.logs import configure
    from halfgig.api.server import serve

    configure(settings.log_format, verbose=arguments.verbose)
    serve(_with_options(arguments, settings))
    return 0


def _with_options(arguments: argparse.Namespace, settings: Settings) -> Settings:
    return replace(
        settings,
        host=settings.host if arguments.host is None else arguments.host,
        port=settings.port if arguments.port is None else arguments.port,
        allow_public=settings.allow_public or arguments.public,
    )


def _print_key() -> int:
    from halfgig.api.auth import HASHED, key_hash, new_key

    key = new_key()
    print(f"The key, for clients; it is not shown again:\n  {key}")
    print(f"For the server, which then does not hold the key itself:\n  API_KEYS={HASHED}{key_hash(key)}")
    return 0
