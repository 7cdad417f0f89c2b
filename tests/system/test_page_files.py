"""The files of the page: its libraries are those that are pinned, its scripts are sound, its words fit the server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.conftest import PROJECT, absent
from tools.page_types import complaints
from tools.vendor import PACKAGES, VENDOR, vendor

from halfgig.motion.exercises import EXERCISES

if TYPE_CHECKING:
    from pathlib import Path

PAGE = VENDOR.parent
OWN = [path for path in sorted(PAGE.rglob("*.js")) if VENDOR not in path.parents]
TESTS = sorted((PROJECT / "tests" / "clients" / "page").glob("*.test.mjs"))


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


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_what_needs_no_browser_does_what_it_should(node: str, tmp_path: Path, path: Path) -> None:
    copied(tmp_path / "copy")
    shutil.copy(path, tmp_path)
    done = subprocess.run([node, "--test", str(tmp_path / path.name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_sentence_is_said_and_every_sentence_that_is_said_is_there(node: str, tmp_path: Path) -> None:
    copied(tmp_path / "copy")
    tell = "import('./copy/strings.js').then((m) => console.log(JSON.stringify(m.text, (_, v) => v.call ? 1 : v)))"
    done = subprocess.run([node, "-e", tell], cwd=tmp_path, capture_output=True, text=True, check=True)
    all_of_it = json.loads(done.stdout)
    assert set(all_of_it) - said("")[0] == set()
    there = {part: set(names) for part, names in all_of_it.items() if isinstance(names, dict)}
    for part, names in there.items():
        named, looked_up = said(f".{part}")
        assert named <= names
        assert looked_up or names - named == set()


def said(part: str) -> tuple[set[str], bool]:
    """The sentences of a part (or "") that scripts name, and whether any is taken by a name in a variable."""
    named, looked_up = set[str](), False
    for path in OWN:
        script = path.read_text()
        places = [rf"text{part}", *re.findall(rf"const (\w+) = text{part};", script)]
        named |= {name for place in places for name in re.findall(rf"(?<![\w.]){place}\.(\w+)", script)}
        looked_up = looked_up or any(re.search(rf"(?<![\w.]){place}\[", script) for place in places)
    return named, looked_up


def copied(folder: Path) -> None:
    """Put the page into the folder, beside a word by which node knows its scripts for modules."""
    shutil.copytree(PAGE, folder)
    (folder / "package.json").write_text('{"type": "module"}')


@pytest.mark.parametrize("path", OWN, ids=named)
def test_no_script_is_long_or_tells_the_console(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 320
    assert re.findall(r"console\.|innerHTML|eval\(|new Function|https?://[a-z]", text) == []


def test_every_exercise_that_is_counted_is_offered() -> None:
    listed = re.search(r"EXERCISES = \[(.*?)\]", (PAGE / "strings.js").read_text(), re.DOTALL)
    assert listed is not None
    assert re.findall(r'"([^"]+)"', listed[1]) == [exercise.name for exercise in EXERCISES]


def test_the_checker_of_types_finds_what_is_wrong(tmp_path: Path) -> None:
    """`make check` runs it over the page itself."""
    tsc = shutil.which("tsc")
    if tsc is None:
        absent("tsc is not installed (apt-get install node-typescript)")
        return
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "theirs.js").write_text("export const one = 1;\none.nothing();\n")
    (tmp_path / "main.js").write_text('import { one } from "./vendor/theirs.js";\n\none.toFixed(1);\n')
    assert complaints(tsc, tmp_path) == []
    (tmp_path / "main.js").write_text('import { one } from "./vendor/theirs.js";\n\none.toFixes(1);\n')
    (found,) = complaints(tsc, tmp_path)
    assert found.startswith("main.js(3,5)")
    with pytest.raises(RuntimeError):
        complaints("false", tmp_path)
