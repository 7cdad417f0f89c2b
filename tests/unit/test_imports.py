"""Imports run one way, pure modules touch no effects, and the light modules load nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2] / "src" / "halfgig"
# From the top: a part may import parts of lower rows only, and itself.
LAYERS = (
    {"__main__", "demo"},
    {"cli"},
    {"commands"},
    {"progress", "api", "client"},
    {"jobs"},
    {"operations"},
    {"pipelines"},
    {"media", "speech", "retrieval", "motion", "memory", "models", "store"},
    {"settings", "again"},
    {"records"},
    {"errors"},
)
ROWS = {part: row for row, parts in enumerate(LAYERS) for part in parts}

PURE = (
    "errors.py",
    "jobs/job.py",
    "records.py",
    "media/clock.py",
    "media/pictures.py",
    "memory/budget.py",
    "memory/governor.py",
    "memory/learned.py",
    "models/manifest.py",
    "motion/angles.py",
    "motion/curves.py",
    "motion/cuts.py",
    "motion/drawn_poses.py",
    "motion/exercises.py",
    "motion/forms.py",
    "motion/holds.py",
    "motion/kept.py",
    "motion/landmarks.py",
    "motion/learning.py",
    "motion/live.py",
    "motion/measures.py",
    "motion/periodic.py",
    "motion/pose_batches.py",
    "motion/recognition.py",
    "motion/regions.py",
    "motion/report.py",
    "motion/reps.py",
    "motion/sent.py",
    "motion/sets.py",
    "motion/table.py",
    "motion/traces.py",
    "motion/turns.py",
    "motion/views.py",
    "retrieval/moments.py",
    "retrieval/passages.py",
    "retrieval/reps.py",
    "retrieval/slips.py",
    "speech/captions.py",
    "speech/cues.py",
    "speech/mel.py",
    "speech/parts.py",
    "speech/segments.py",
    "speech/transcript.py",
    "speech/windows.py",
    "speech/words.py",
)
READS_ITS_TABLE = ("speech/tokens.py", "speech/vad.py")  # from disk, in one function; the rest is arithmetic
PURE_LIBRARIES = {
    *(
        "__future__",
        "array",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "difflib",
        "enum",
        "functools",
        "html",
        "itertools",
        "json",
        "math",
    ),
    *("numpy", "re", "string", "struct", "typing", "unicodedata", "urllib.parse", "zlib"),
    *("numpy", "re", "statistics", "string", "typing", "unicodedata", "urllib.parse", "zlib"),
}
EFFECTS = {"open", "print", "input", "exec", "eval", "__import__"}

HEAVY = {
    *("ai_edge_litert", "apsw", "av", "ctranslate2", "faster_whisper", "huggingface_hub", "numpy", "onnxruntime"),
    *("sqlite_vec", "tokenizers", "tqdm"),
}
LIGHT = (
    *("halfgig", "halfgig.records", "halfgig.errors", "halfgig.settings", "halfgig.cli", "halfgig.models.store"),
    "halfgig.media.addresses",
    *(f"halfgig.commands.{path.stem}" for path in sorted((ROOT / "commands").glob("[a-z]*.py"))),
    *(f"halfgig.{path.parent.name}" for path in sorted(ROOT.glob("*/__init__.py"))),
)
# What the server itself loads besides: SQLite, and nothing that decodes, multiplies or fetches.
SERVER_LIGHT = (
    *("halfgig.memory.governor", "halfgig.memory.learned", "halfgig.memory.pressure"),
    *("halfgig.memory.standing", "halfgig.jobs.child", "halfgig.jobs.embedder", "halfgig.jobs.library"),
    *("halfgig.jobs.remote", "halfgig.jobs.searcher", "halfgig.jobs.courier", "halfgig.jobs.posting"),
    *("halfgig.api.search", "halfgig.api.library", "halfgig.api.media", "halfgig.api.transcripts"),
    *(
        "halfgig.api.app",
        "halfgig.api.motion",
        "halfgig.api.operations",
        "halfgig.api.plans",
        "halfgig.operations.outlook",
    ),
    *("halfgig.retrieval.index", "halfgig.retrieval.links", "halfgig.retrieval.moments", "halfgig.retrieval.passages"),
    *("halfgig.retrieval.events", "halfgig.retrieval.reading", "halfgig.operations.library"),
    *("halfgig.operations.indexes", "halfgig.operations.searching", "halfgig.store.scope"),
    *("halfgig.retrieval.query", "halfgig.retrieval.sqlite", "halfgig.retrieval.words", "halfgig.store.sqlite"),
)
SERVER_MAY = {"apsw"}
SERVER_HEAVY = HEAVY - SERVER_MAY | {"yt_dlp", "tarfile", "psycopg", "obstore"}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path, *, at_runtime: bool = False) -> Iterator[str]:
    """Full names of what a module imports, `from halfgig import x` as halfgig.x."""
    tree = ast.parse(path.read_text())
    for node in runtime_nodes(tree) if at_runtime else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "halfgig":
            yield from (f"halfgig.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)} has a relative import"
            yield node.module or ""


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from runtime_nodes(node)


def own_parts(path: Path) -> set[str]:
    names = (full.split(".") for full in imported(path) if full.split(".")[0] == "halfgig")
    return {words[1] for words in names if len(words) > 1 and words[1] in ROWS}


def is_pure(full: str) -> bool:
    if full.startswith("halfgig."):
        return f"{full.removeprefix('halfgig.').replace('.', '/')}.py" in (*PURE, *READS_ITS_TABLE)
    return full in PURE_LIBRARIES or full.partition(".")[0] in PURE_LIBRARIES


@pytest.mark.parametrize("path", [path for path in modules() if path.parent != ROOT or part(path) in ROWS], ids=name)
def test_imports_run_one_way(path: Path) -> None:
    own = part(path)
    assert own in ROWS, f"{own} has no layer: give it one here and in docs/architecture.md"
    assert [other for other in own_parts(path) if other != own and ROWS[other] <= ROWS[own]] == []


def test_every_module_has_a_layer() -> None:
    assert {part(path) for path in modules()} - {"__init__"} <= set(ROWS)


@pytest.mark.parametrize("path", [path for path in modules() if part(path) not in ("store", "retrieval")], ids=name)
def test_the_library_is_opened_by_its_one_door(path: Path) -> None:
    """Whoever is neither `store` nor `retrieval` asks `store.home` for it, and knows of no file of SQLite's."""
    assert {"apsw", "halfgig.store.sqlite.open_library"} & set(by_name(path)) == set()


def by_name(path: Path) -> Iterator[str]:
    """Full names of the modules that a module imports at run time, and of what it takes from them."""
    for node in runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))


@pytest.mark.parametrize("module", [*PURE, *READS_ITS_TABLE])
def test_pure_modules_import_only_pure_ones(module: str) -> None:
    assert [full for full in imported(ROOT / module, at_runtime=True) if not is_pure(full)] == []


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_open_and_print_nothing(module: str) -> None:
    calls = (node for node in ast.walk(ast.parse((ROOT / module).read_text())) if isinstance(node, ast.Call))
    assert {ast.unparse(call.func) for call in calls} & EFFECTS == set()


def loaded_by(statements: str, heavy: set[str]) -> list[str]:
    code = f"import sys; {statements}; print(*sorted({{name.partition('.')[0] for name in sys.modules}} & {heavy!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}", HEAVY) == []


@pytest.mark.parametrize("module", SERVER_LIGHT)
def test_the_servers_modules_load_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}", SERVER_HEAVY) == []


def test_a_search_loads_nothing_heavy(tmp_path: Path) -> None:
    """Indexing and asking with a vector that is given, and by keyword: SQLite does the arithmetic."""
    imports = (
        "retrieval.index",
        "retrieval.events",
        "retrieval.query",
        "retrieval.sqlite",
        "store.sqlite",
        "store.library",
        "records",
    )
    statements = "; ".join(
        [
            *(f"from halfgig.{module} import *" for module in imports),
            *("from array import array", "from pathlib import Path", "vector = array('f', [1, 0, 0, 0])"),
            f"block = open_library(Path({str(tmp_path / 'library.db')!r}))",
            *("connection = block.__enter__()", "model = EmbeddingModel('toy', 4)"),
            *("index = SqliteIndex(connection, model)", "library = Library(connection)"),
            "events = EventIndex(connection)",
            *("source = library.add_source('talk', '/talk.mp4', 'Talk', 'tiny.en')",),
            "index.replace('talk', [(Passage(0, 0.0, 1.0, 'a rainbow'), vector)], lambda: library.finish(source))",
            "assert len(search(Query('bridge'), index, Meaning(model, vector), library, events).hits) == 1",
            "assert len(search(Query('rainbow'), index, None, library, events).hits) == 1",
        ]
    )
    assert loaded_by(statements, SERVER_HEAVY) == []
