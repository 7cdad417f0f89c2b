"""The libraries of the page: `python -m tools.vendor` takes each from its npm package, pinned by version and hash.

What a browser loads lies in src/halfgig/page/vendor/ as the package has it, but for two things that no browser reads as
it stands: an import by the bare name of a package becomes one by path, and a comment that names a source map goes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VENDOR = Path(__file__).resolve().parents[1] / "src" / "halfgig" / "page" / "vendor"
LICENCES = "LICENCES.txt"


@dataclass(frozen=True, slots=True)
class Package:
    """An npm package: its version, the hash of its archive, its licence, and which files are taken."""

    name: str
    version: str
    integrity: str
    licence: str
    files: Mapping[str, str] = field(default_factory=dict)  # a path in the package: the name here
    text: str = "LICENSE"  # where its licence stands

    @property
    def wanted(self) -> str:
        """As npm names it."""
        return f"{self.name}@{self.version}"


PACKAGES = (
    Package(
        "preact",
        "11.2.0",
        "sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
        "MIT",
        {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "hooks.js"},
    ),
    Package(
        "htm",
        "3.1.1",
        "sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        "Apache-2.0",
        {"dist/htm.mjs": "htm.js"},
    ),
    Package(
        "@preact/signals-core",
        "1.14.5",
        "sha512-vcRv7Ityz5JVmeiVqIluLFzT/PDS/AlhHUpw3/aUWqcVUs6bDGIPXE/6RSC4evBNWYvnniozg5Syfj33al3gkg==",
        "MIT",
        {"dist/signals-core.mjs": "signals-core.js"},
    ),
    Package(
        "@preact/signals",
        "2.11.4",
        "sha512-Rb+5RPo9gWSaHtzJeauhHxiC8KP/IF2DEPkHPEOGOnuy2wnJzRqyeLRankUCYd6ADqtxS6GnWGv6Ie343d8aYw==",
        "MIT",
        {"dist/signals.mjs": "signals.js"},
    ),
    Package(
        "tus-js-client",
        "4.3.1",
        "sha512-ZLeYmjrkaU1fUsKbIi8JML52uAocjEZtBx4DKjRrqzrZa0O4MYwT6db+oqePlspV+FxXJAyFBc/L5gwUi2OFsg==",
        "MIT",
        {"dist/tus.min.js": "tus.js"},
    ),
    Package(
        "uplot",
        "1.6.32",
        "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        "MIT",
        {"dist/uPlot.iife.min.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"},
    ),
    # What tus.min.js holds of others; only their licences are taken.
    Package(
        "js-base64",
        "3.9.7",
        "sha512-UT2XYOCbXOXYoymbytretRDFnb6E6vYPqC1blehA/alnG6vRC0mNTQ6ijXYAPtiCG9o1FDNJXJvQtCwbChFDRQ==",
        "BSD-3-Clause",
        text="LICENSE.md",
    ),
    Package(
        "url-parse",
        "1.5.10",
        "sha512-WypcfiRhfeUP9vvF0j6rw0J3hrWrw6iZv3+22h6iRMJ/8z1Tj6XfLP4DsUix5MhMPnXpiHDoKyoZ/bdCkwBCiQ==",
        "MIT",
    ),
    Package(
        "querystringify",
        "2.2.0",
        "sha512-FIqgj2EUvTa7R50u0rGsyTftzjYmv/a3hO345bZNrqabNqjtgiDMgmo4mkUjd+nzU5oF3dClKqFIPUKybUyqoQ==",
        "MIT",
    ),
    Package(
        "requires-port",
        "1.0.0",
        "sha512-KigOCHcocU3XODJxsu8i/j8T9tzT4adHiecwORRQ0ZZFcp7ahwXuRU1m+yuO90C5ZUyGeGfocHDI14M3L3yDAQ==",
        "MIT",
    ),
)
PATHS = {"preact": "./preact.js", "preact/hooks": "./hooks.js", "@preact/signals-core": "./signals-core.js"}
_BARE = re.compile(r'(?<=from")(' + "|".join(map(re.escape, PATHS)) + r')(?=")')
_MAP = re.compile(r"\n?//# sourceMappingURL=\S+\s*$")


class WrongPackage(RuntimeError):
    """The archive is not the one that is pinned."""


def vendor(folder: Path) -> None:
    """Write every file, and the licences, to the folder. Errors: WrongPackage; CalledProcessError where npm fails."""
    folder.mkdir(parents=True, exist_ok=True)
    licences = []
    with tempfile.TemporaryDirectory() as place:
        fetch(Path(place))
        for package in PACKAGES:
            with tarfile.open(checked(package, Path(place))) as archive:
                for path, name in package.files.items():
                    (folder / name).write_text(as_loaded(read(archive, path)))
                licences.append(notice(package, read(archive, package.text)))
    (folder / LICENCES).write_text("\n".join(licences))


def fetch(folder: Path) -> None:
    """Have npm put the archive of every package into the folder."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), *(one.wanted for one in PACKAGES)]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)


def checked(package: Package, folder: Path) -> Path:
    """The package's archive in the folder. Raises WrongPackage where its hash is another."""
    archive = folder / f"{package.name.removeprefix('@').replace('/', '-')}-{package.version}.tgz"
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package.integrity:
        raise WrongPackage(f"{package.wanted} is sha512-{digest}, and not {package.integrity}")
    return archive


def read(archive: tarfile.TarFile, path: str) -> str:
    """The text of a file of a package."""
    found = archive.extractfile(f"package/{path}")
    assert found is not None, path
    return found.read().decode()


def as_loaded(text: str) -> str:
    """The file as a browser can load it."""
    return _MAP.sub("\n", _BARE.sub(lambda found: PATHS[found[1]], text)).rstrip() + "\n"


def notice(package: Package, text: str) -> str:
    """What the list of licences says of a package."""
    taken = ", ".join(package.files.values()) or "held by tus.js"
    return "\n".join([f"{package.wanted} ({package.licence}): {taken}", "", *_lines(text), "", "-" * 80, ""])


def _lines(text: str) -> Iterator[str]:
    return (line.rstrip() for line in text.strip().splitlines())


if __name__ == "__main__":
    vendor(Path(sys.argv[1]) if len(sys.argv) > 1 else VENDOR)
