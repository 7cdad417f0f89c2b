"""Every machine is alike to the tests of this folder."""

from __future__ import annotations

import pytest

from halfgig.operations import admission


@pytest.fixture(autouse=True)
def costs_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What work costs does not go by the processor on which the tests run."""
    monkeypatch.setattr(admission, "multiplies_without_mkl", lambda: False)
