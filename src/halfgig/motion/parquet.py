"""Whether Parquet can be written here: its library is large, and comes with an extra. Pure, and without numpy."""

from __future__ import annotations

from importlib.util import find_spec

LIBRARY = "pyarrow"
MISSING = "Parquet cannot be written: its library is not installed."
INSTALL = "Install it with: pip install 'halfgig[parquet]'; or write CSV."


def parquet_is_here() -> bool:
    """Whether the library is installed; it is not loaded."""
    return find_spec(LIBRARY) is not None
