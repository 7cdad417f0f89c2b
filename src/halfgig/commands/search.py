"""`halfgig search`: moments that answer a question, for a person or as JSON."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from halfgig.commands.remote import add_server, connect
from halfgig.commands.standard import printable
from halfgig.progress import minutes

if TYPE_CHECKING:
    import argparse

    from halfgig.records import Answer, Hit
    from halfgig.settings import Settings

_BOLD, _PLAIN = "\x1b[1;4m", "\x1b[0m"
_MARKED = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_WIDTH = 100  # columns at most; longer lines are hard to read


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `search` to the command line."""
    parser = subparsers.add_parser("search", help="find moments in indexed sources")
    parser.add_argument("question", nargs="+", help='words, a question, or a "quoted phrase" that must occur')
    parser.add_argument("-k", type=int, default=5, metavar="N", help="hits at most (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keyword-only", action="store_true", help="compare words only, and load no model")
    add_server(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Search the library and print what is found; 0 also where nothing is."""
    answer = _search_here(arguments, settings) if arguments.server is None else _search_remotely(arguments, settings)
    if arguments.json:
        print(json.dumps(asdict(answer), ensure_ascii=False, indent=2))
        return 0
    for note in answer.notes:
        print(note, file=sys.stderr)
    print(describe_answer(answer, color=sys.stdout.isatty(), width=shutil.get_terminal_size().columns))
    return 0


def _search_here(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from halfgig.operations.searching import search

    question = " ".join(arguments.question)
    return search(question, k=arguments.k, keyword_only=arguments.keyword_only, settings=settings)


def _search_remotely(arguments: argparse.Namespace, settings: Settings) -> Answer:
    client = connect(arguments.server, settings)
    return client.search(" ".join(arguments.question), arguments.k, keyword_only=arguments.keyword_only)


def describe_answer(answer: Answer, *, color: bool, width: int) -> str:
    """The answer for a person, its found words in bold: by escape codes with `color`, else between asterisks."""
    if not answer.hits:
        return f"Nothing found for: {printable(answer.question)}"
    return "\n\n".join(_describe_hit(hit, color=color, width=min(width, _WIDTH)) for hit in answer.hits)


def _describe_hit(hit: Hit, *, color: bool, width: int) -> str:
    head = f"{printable(hit.title)}  [{minutes(hit.start)}-{minutes(hit.end)}]  score {hit.score:.4f}"
    body = textwrap.fill(printable(hit.marked), width, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(line for line in (head, _shine(body, color=color), f"  {hit.link}" if hit.link else "") if line)


def _shine(text: str, *, color: bool) -> str:
    before, after = (_BOLD, _PLAIN) if color else ("**", "**")
    return _MARKED.sub(lambda found: f"{before}{found[1]}{after}", text)
