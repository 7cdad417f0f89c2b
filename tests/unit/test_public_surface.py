from __future__ import annotations

import importlib.util
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import halfgig
from halfgig.errors import HalfgigError

PROJECT = Path(__file__).resolve().parents[2]
FUNCTIONS = {"count_reps", "index", "search", "transcribe"}


def test_the_names_are_sorted_and_said_once() -> None:
    assert halfgig.__all__ == sorted(set(halfgig.__all__))


@pytest.mark.parametrize("name", halfgig.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert inspect.getdoc(getattr(halfgig, name))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_are_typed_and_tell_their_errors(name: str) -> None:
    function = getattr(halfgig, name)
    signature = inspect.signature(function)
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())
    assert signature.return_annotation is not inspect.Signature.empty
    assert "Errors" in (function.__doc__ or "")


@pytest.mark.parametrize("name", sorted(set(halfgig.__all__) - FUNCTIONS - {"Settings"}))
def test_everything_else_is_an_error(name: str) -> None:
    assert issubclass(getattr(halfgig, name), HalfgigError)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_quickstart_shows_every_function(name: str) -> None:
    assert f"{name}(" in (PROJECT / "docs" / "quickstart.md").read_text()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_subpackage_takes_the_name_of_a_function(name: str) -> None:
    assert importlib.util.find_spec(f"halfgig.{name}") is None


def test_what_is_not_public_is_not_found() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        halfgig.nothing  # noqa: B018


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert halfgig.__version__ == project["version"] == version("halfgig")


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(halfgig.__file__).parent / "py.typed").is_file()
