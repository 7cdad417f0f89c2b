"""The files of the page: its libraries are those that are pinned, its scripts are sound, its words fit the server."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.conftest import PROJECT, absent
from tools.vendor import PACKAGES, VENDOR, vendor

from halfgig.motion.exercises import EXERCISES

if TYPE_CHECKING:
    from pathlib import Path

PAGE = VENDOR.parent
OWN = [path for path in sorted(PAGE.rglob("*.js")) if VENDOR not in path.parents]
TESTS = PROJECT / "tests" / "clients" / "page" / "pure.test.mjs"


def named(path: Path) -> str:
    return path.relative_to(PAGE).as_posix()


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        absent("node is not installed")
    return str(found)


def test_the_libraries_are_what_their_packages_hold(tmp_path: Path) -> None:
    if not shutil.which("npm"):
        absent("npm is not installed")
    try:
        vendor(tmp_path)
    except subprocess.CalledProcessError as error:
        absent(f"npm cannot give the packages of the page: {error.stderr.strip().splitlines()[-1:]}")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in VENDOR.iterdir()
    }


def test_every_library_has_its_licence_told() -> None:
    licences = (VENDOR / "LICENCES.txt").read_text()
    assert [package.wanted for package in PACKAGES if f"{package.wanted} ({package.licence})" not in licences] == []


def test_every_script_can_be_read_and_imports_what_there_is(node: str) -> None:
    read = "for (const path of process.argv.slice(1)) new vm.SourceTextModule(fs.readFileSync(path, 'utf8'))"
    command = [node, "--experimental-vm-modules", "--no-warnings", "-e", read, *map(str, OWN)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for path in OWN:
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            assert (path.parent / name).is_file(), f"{named(path)} imports {name}"


def test_what_is_pure_gives_what_it_should(node: str, tmp_path: Path) -> None:
    copied(tmp_path / "copy")
    shutil.copy(TESTS, tmp_path)
    done = subprocess.run([node, "--test", str(tmp_path / TESTS.name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def copied(folder: Path) -> None:
    """Put the scripts into the folder under a name by which node knows them for modules."""
    for path in OWN:
        copy = (folder / named(path)).with_suffix(".mjs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(r'(from "\.[^"]+)\.js"', r'\1.mjs"', path.read_text()))


@pytest.mark.parametrize("path", OWN, ids=named)
def test_no_script_is_long_or_tells_the_console(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 320
    assert re.findall(r"console\.|innerHTML|eval\(|new Function|https?://[a-z]", text) == []


def test_only_exercises_that_are_counted_are_offered() -> None:
    listed = re.search(r"EXERCISES = \[(.*?)\]", (PAGE / "strings.js").read_text(), re.DOTALL)
    assert listed is not None
    assert set(re.findall(r'"([^"]+)"', listed[1])) <= {exercise.name for exercise in EXERCISES}
