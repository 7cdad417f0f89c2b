"""`halfgig search`: moments that answer a question, for a person or as JSON."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from halfgig.commands.remote import add_server, connect
from halfgig.commands.standard import printable, seconds
from halfgig.errors import BadRequest
from halfgig.progress import minutes
from halfgig.records import Query, Scope

if TYPE_CHECKING:
    import argparse

    from halfgig.records import Answer, Hit, Seconds
    from halfgig.settings import Settings

_BOLD, _PLAIN = "\x1b[1;4m", "\x1b[0m"
_MARKED = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_WIDTH = 100  # columns at most; longer lines are hard to read


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `search` to the command line."""
    parser = subparsers.add_parser("search", help="find moments in indexed sources")
    parser.add_argument("question", nargs="*", help='words, a question, or a "quoted phrase" that must occur')
    parser.add_argument("--like", metavar="SOURCE@TIME", help="instead of a question: what resembles this moment")
    parser.add_argument("-k", type=int, default=5, metavar="N", help="hits at most (default: %(default)s)")
    _add_scope(parser)
    parser.add_argument("--grouped", action="store_true", help="N sources, and the best moments of each")
    parser.add_argument("--explain", action="store_true", help="tell how each score came to be")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keyword-only", action="store_true", help="compare words only, and load no model")
    add_server(parser)
    parser.set_defaults(run=run)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    scope = parser.add_argument_group("where to look", "an option given several times means any of its values")
    scope.add_argument("--source", action="append", default=[], metavar="S", help="an id, an address or a title")
    scope.add_argument("--language", action="append", default=[], metavar="CODE", help="en, de, ...")
    scope.add_argument("--tag", action="append", default=[], metavar="TAG", help="as given to halfgig index --tag")
    scope.add_argument("--since", default="", metavar="DAY", help="indexed on this day (2026-01-31) or later")
    scope.add_argument("--until", default="", metavar="DAY", help="indexed on this day or earlier")
    scope.add_argument(
        "--after", type=seconds, metavar="TIME", help="from this time (90, 1:30, 1:02:03) of a source on"
    )
    scope.add_argument("--before", type=seconds, metavar="TIME", help="up to this time of a source")
    scope.add_argument("--kind", default="", choices=("speech", "motion"), help="what is said, or what is done")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Search the library and print what is found; 0 also where nothing is."""
    asked = _query(arguments)
    answer = _search_here(arguments, asked, settings) if arguments.server is None else _ask(arguments, asked, settings)
    if arguments.json:
        print(json.dumps(asdict(answer), ensure_ascii=False, indent=2))
        return 0
    for note in answer.notes:
        print(note, file=sys.stderr)
    look = Look(sys.stdout.isatty(), shutil.get_terminal_size().columns, arguments.grouped, arguments.explain)
    print(describe_answer(answer, look))
    return 0


def _query(arguments: argparse.Namespace) -> Query:
    """What is asked. BadRequest where it is neither a question nor a moment, or both."""
    if bool(arguments.question) == bool(arguments.like):
        raise BadRequest("Nothing was asked, or two things.", "Give either a question or --like SOURCE@TIME.")
    lists = tuple(arguments.source), tuple(arguments.language), tuple(arguments.tag)
    days = arguments.since, arguments.until
    scope = Scope(*lists, *days, arguments.after, arguments.before, arguments.kind)
    return Query(" ".join(arguments.question), arguments.k, arguments.keyword_only, arguments.grouped, scope)


def _moment(told: str) -> tuple[str, Seconds]:
    """The source and the second of SOURCE@TIME."""
    source, _, time = told.rpartition("@")
    try:
        at = seconds(time)
    except ValueError:
        at = -1.0
    if not source or at < 0:
        raise BadRequest(f"{told} is no moment of a source.", "Give it as talk.mp4@1:30.")
    return source, at


def _search_here(arguments: argparse.Namespace, asked: Query, settings: Settings) -> Answer:
    from halfgig.operations.indexes import open_place
    from halfgig.operations.searching import find, find_alike
    from halfgig.store.home import open_store

    if not arguments.like:
        return find(asked, settings)
    source, at = _moment(arguments.like)
    with open_store(settings, create=False) as connection, open_place(settings) as place:
        return find_alike(connection, place, source, at, asked)


def _ask(arguments: argparse.Namespace, asked: Query, settings: Settings) -> Answer:
    client = connect(arguments.server, settings)
    return client.search_alike(*_moment(arguments.like), asked) if arguments.like else client.search(asked)


@dataclass(frozen=True, slots=True)
class Look:
    """How an answer is shown: found words in bold by escape codes with `color`, else between asterisks."""

    color: bool
    width: int
    grouped: bool = False
    explain: bool = False


def describe_answer(answer: Answer, look: Look) -> str:
    """The answer for a person."""
    if not answer.hits:
        return f"Nothing found for: {printable(answer.question)}" if answer.question else "Nothing resembles it."
    if not look.grouped:
        return "\n\n".join(_describe_hit(hit, look) for hit in answer.hits)
    groups = (list(group) for _, group in groupby(answer.hits, key=lambda hit: hit.source_id))
    return "\n\n".join(
        "\n\n".join([printable(group[0].title), *(_describe_hit(hit, look, "  ") for hit in group)]) for group in groups
    )


def _describe_hit(hit: Hit, look: Look, indent: str = "") -> str:
    title = "" if look.grouped else f"{printable(hit.title)}  "
    head = f"{indent}{title}[{minutes(hit.start)}-{minutes(hit.end)}]  score {hit.score:.4f}"
    margin = f"{indent}  "
    body = textwrap.fill(
        printable(hit.marked), min(look.width, _WIDTH), initial_indent=margin, subsequent_indent=margin
    )
    why = f"{margin}{_explain(hit)}" if look.explain else ""
    link = f"{margin}{hit.link}" if hit.link else ""
    return "\n".join(line for line in (head, _shine(body, color=look.color), why, link) if line)


def _explain(hit: Hit) -> str:
    """How the score came to be: in which rankings it is where."""
    told = (f"{rank.ranking} #{rank.rank} ({rank.value:.3f}): +{rank.adds:.4f}" for rank in hit.ranks)
    return ", ".join(told)


def _shine(text: str, *, color: bool) -> str:
    before, after = (_BOLD, _PLAIN) if color else ("**", "**")
    return _MARKED.sub(lambda found: f"{before}{found[1]}{after}", text)
