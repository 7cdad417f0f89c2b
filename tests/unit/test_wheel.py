"""What is installed: the wheel holds every file of the package that is in the tree, scripts and data alike."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

PROJECT = Path(__file__).resolve().parents[2]
BUILD = "from setuptools import build_meta; build_meta.build_wheel('wheels')"
NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.egg-info")


def test_the_wheel_holds_all_of_the_package(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "src", tmp_path / "src", ignore=NOT_SHIPPED)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, tmp_path)
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheels").iterdir()
    with ZipFile(wheel) as packed:
        there = {name for name in packed.namelist() if name.startswith("halfgig/")}
    files = (path for path in (tmp_path / "src" / "halfgig").rglob("*") if path.is_file() and path.suffix != ".md")
    assert there == {path.relative_to(tmp_path / "src").as_posix() for path in files}
