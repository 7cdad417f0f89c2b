from __future__ import annotations

import io

import pytest

from halfgig.errors import MIB
from halfgig.progress import EVERY, Progress, describe, minutes


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(stream: io.StringIO, times: list[float]) -> Progress:
    clock = iter(times)
    return Progress(stream, clock=lambda: next(clock), memory=lambda: 182 * MIB)


def test_position_speed_time_left_and_memory_are_told() -> None:
    line = describe(150, 600, 7.0, 182 * MIB)
    assert line == "[#####---------------]  25%  02:30/10:00  21.4x  00:21 left  182 MB"


def test_what_is_not_known_is_left_out() -> None:
    assert describe(150, None, 7.0, MIB) == "02:30  21.4x  1 MB"
    assert describe(0, 600, 0.0, MIB) == "[--------------------]   0%  00:00/10:00  1 MB"


def test_past_the_stated_length_it_is_full_and_nothing_is_left() -> None:
    assert describe(700, 600, 7.0, MIB) == "[####################] 100%  11:40/10:00  100.0x  00:00 left  1 MB"


def test_speed_counts_from_where_the_work_began() -> None:
    assert "10.0x" in describe(500, 600, 10.0, MIB, begun_at=400)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (59.6, "00:59"), (3599.4, "59:59"), (3600, "1:00:00"), (360_000, "100:00:00")]
)
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    bar = progress(out, [0.0, 1.0])
    bar.move(1.0)
    bar.move(2.0)
    bar.clear()
    assert out.getvalue() == ""


def test_a_terminal_is_drawn_on_a_few_times_a_second() -> None:
    out = Terminal()
    bar = progress(out, [0.0, EVERY / 2, EVERY * 1.5])
    bar.total = 100.0
    for position in (1.0, 2.0, 3.0):
        bar.move(position)
    assert out.getvalue().count("\r") == 2
    assert "00:02" not in out.getvalue()


def test_a_cleared_line_is_drawn_again_at_once() -> None:
    out = Terminal()
    bar = progress(out, [0.0, 0.0])
    bar.move(1.0)
    bar.clear()
    assert out.getvalue().endswith("\r\x1b[K")
    bar.move(1.0)
    assert out.getvalue().endswith("MB\x1b[K")


def test_it_draws_on_standard_error_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().move(1.0)
    assert capsys.readouterr() == ("", "")  # no terminal in a test
