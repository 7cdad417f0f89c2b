"""What a line tells of its address."""

from __future__ import annotations

import pytest

from halfgig.errors import ServerRefuses
from halfgig.retrieval.line import Line


@pytest.mark.parametrize(
    "address", ["postgresql://me:se%cret@h/db", "postgresql://h/db?se%cret", "postgresql://[se%cret"]
)
def test_an_address_that_is_none_is_not_repeated(address: str) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(ServerRefuses, match=r"The address of postgresql://h/db is none.*INDEX_URL") as told:
        Line(address, "postgresql://h/db").ask("SELECT 1")
    assert "cret" not in str(told.value)
