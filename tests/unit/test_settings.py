from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from halfgig.errors import BadRequest
from halfgig.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
ROWS = dataclasses.fields(Settings)
NUMBERS = [row for row in ROWS if str(row.type).startswith(("int", "float"))]
READS_ENVIRONMENT = {"settings.py"}
# To children and to libraries.
PASSES_ENVIRONMENT_ON = {
    "jobs/process.py",
    "jobs/live.py",
    "jobs/remote.py",
    "memory/jail.py",
    "models/packages.py",
    "operations/calibration.py",
    "speech/recognizer.py",
}


def documented() -> dict[str, tuple[str, str]]:
    """The unit and the default that docs/settings.md gives for each variable."""
    text = (PROJECT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|.*\S.* \|$", text, re.MULTILINE)
    return {variable: (unit.strip(), default.strip()) for variable, unit, default in rows}


def shown(default: object) -> str:
    if isinstance(default, bool):
        return str(int(default))
    return "" if default is None else str(default)


def env(row: dataclasses.Field[object]) -> str:
    return str(row.metadata["env"])


def test_the_documentation_has_every_setting_and_no_other() -> None:
    assert documented() == {env(row): (row.metadata["unit"], shown(row.default)) for row in ROWS}


def test_every_setting_says_what_it_is_for() -> None:
    assert all(row.metadata["help"] and row.metadata["unit"] for row in ROWS)


def test_what_sounds_secret_is_secret() -> None:
    assert [
        env(row) for row in ROWS if re.search("SECRET|KEY|PASSWORD|TOKEN", env(row)) and not row.metadata["secret"]
    ] == []


def test_variables_are_named_once() -> None:
    assert len({env(row) for row in ROWS}) == len(ROWS)


def test_nothing_else_reads_the_environment() -> None:
    readers = {path.relative_to(PROJECT / "src" / "halfgig").as_posix() for path in sources() if touches_environ(path)}
    assert readers - PASSES_ENVIRONMENT_ON == READS_ENVIRONMENT


def sources() -> list[Path]:
    return sorted((PROJECT / "src" / "halfgig").rglob("*.py"))


def touches_environ(path: Path) -> bool:
    attributes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute))
    return any(node.attr in {"environ", "getenv"} and ast.unparse(node.value) == "os" for node in attributes)


def test_an_empty_environment_gives_the_defaults() -> None:
    home = Path("~/.local/share/halfgig").expanduser()
    assert Settings.from_environment({}) == dataclasses.replace(Settings(), data_dir=home)


@pytest.mark.parametrize("row", ROWS, ids=env)
def test_blank_is_the_same_as_unset(row: dataclasses.Field[object]) -> None:
    assert Settings.from_environment({env(row): "  "}) == Settings.from_environment({})


@pytest.mark.parametrize("row", NUMBERS, ids=env)
def test_a_number_is_read(row: dataclasses.Field[object]) -> None:
    assert getattr(Settings.from_environment({env(row): " 4096 "}), row.name) == 4096


@pytest.mark.parametrize("row", NUMBERS, ids=env)
@pytest.mark.parametrize("text", ["many", "1,5", "--1", "0x10", "12 MB"])
def test_what_is_no_number_is_refused(row: dataclasses.Field[object], text: str) -> None:
    with pytest.raises(BadRequest, match=f"^{env(row)}={text} is not a (whole )?number"):
        Settings.from_environment({env(row): text})


@pytest.mark.parametrize("row", NUMBERS, ids=env)
def test_a_number_below_the_least_is_refused(row: dataclasses.Field[object]) -> None:
    least = row.metadata["least"]
    with pytest.raises(BadRequest, match=f"must be {least:g} or more"):
        Settings.from_environment({env(row): str(least - 1)})


@pytest.mark.parametrize("row", NUMBERS, ids=env)
def test_the_least_is_allowed(row: dataclasses.Field[object]) -> None:
    least = row.metadata["least"]
    assert getattr(Settings.from_environment({env(row): str(least)}), row.name) == least


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_a_number_without_end_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="MAX_VIDEO_DURATION_SECONDS"):
        Settings.from_environment({"MAX_VIDEO_DURATION_SECONDS": text})


def test_megabytes_may_have_fractions() -> None:
    assert Settings.from_environment({"MAX_VIDEO_SIZE_MB": "0.5"}).max_video_size_mb == 0.5


def test_the_library_lives_with_the_models_unless_told_otherwise() -> None:
    assert Settings.from_environment({"HALFGIG_DATA": "/data"}).library_path == Path("/data/library.db")
    both = {"HALFGIG_DATA": "/data", "LIBRARY_PATH": "/elsewhere/mine.db"}
    assert Settings.from_environment(both).library_path == Path("/elsewhere/mine.db")
    assert Settings.from_environment(both).models_dir == Path("/data/models")


def test_models_may_live_elsewhere() -> None:
    both = {"HALFGIG_DATA": "/data", "MODELS_PATH": "/models"}
    assert Settings.from_environment(both).models_dir == Path("/models")


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    paths = {"HALFGIG_DATA": "~/data", "LIBRARY_PATH": "~/mine.db", "MODELS_PATH": "~/models"}
    settings = Settings.from_environment(paths)
    assert (settings.data_dir, settings.library_path) == (Path("/home/me/data"), Path("/home/me/mine.db"))
    assert settings.models_dir == Path("/home/me/models")


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().threads = 3  # type: ignore[misc]
