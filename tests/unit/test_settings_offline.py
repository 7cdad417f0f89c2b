from __future__ import annotations

import pytest

from halfgig.errors import BadRequest
from halfgig.settings import Settings


@pytest.mark.parametrize(
    ("text", "offline"), [("1", True), ("true", True), ("Yes", True), ("0", False), ("off", False)]
)
def test_offline_is_yes_or_no(text: str, offline: bool) -> None:
    assert Settings.from_environment({"HALFGIG_OFFLINE": text}).offline is offline


def test_offline_is_off_by_default() -> None:
    assert Settings.from_environment({"HALFGIG_OFFLINE": " "}).offline is False


def test_a_value_that_is_neither_is_refused() -> None:
    with pytest.raises(BadRequest, match="HALFGIG_OFFLINE=maybe is not 0 or 1"):
        Settings.from_environment({"HALFGIG_OFFLINE": "maybe"})
