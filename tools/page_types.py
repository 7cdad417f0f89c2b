"""`python -m tools.page_types`: TypeScript's checker over the page's JavaScript, by what its code and comments say.

Where there is no tsc (`apt-get install node-typescript`) it says so, and in CI it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "src" / "halfgig" / "page"
VENDORED = "vendor/"  # others' code, as it came
OPTIONS = (
    *("--noEmit", "--allowJs", "--checkJs", "--target", "es2022", "--module", "es2022"),
    *("--lib", "es2022,dom,dom.iterable", "--noUnusedLocals", "--noUnusedParameters", "--noImplicitReturns"),
    *("--noFallthroughCasesInSwitch", "--pretty", "false", "--skipLibCheck"),
)


def complaints(tsc: str, page: Path = PAGE) -> list[str]:
    """What the checker says of our own files, a line each; none where all is well. RuntimeError where it cannot run."""
    command = [tsc, *OPTIONS, "main.js"]
    run = subprocess.run(command, cwd=page, capture_output=True, text=True, check=False)
    lines = [line for line in run.stdout.splitlines() if not line.startswith((" ", VENDORED))]
    if run.returncode and not run.stdout:
        raise RuntimeError(run.stderr.strip() or f"{tsc} ended with {run.returncode}")
    return lines


def main() -> None:
    """Check, and exit with 1 where something is wrong."""
    tsc = shutil.which("tsc")
    if tsc is None:
        sys.stderr.write("The page's types are not checked: tsc is not installed (apt-get install node-typescript).\n")
        sys.exit(1 if os.environ.get("CI") else 0)
    found = complaints(tsc)
    sys.stderr.writelines(f"{line}\n" for line in found)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
