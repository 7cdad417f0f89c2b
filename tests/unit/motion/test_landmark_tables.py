"""Landmarks as files: what other software reads in them is what was seen."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from halfgig.errors import BadRequest
from halfgig.motion import landmark_tables
from halfgig.motion.landmark_tables import GROUP, check_table, write_table
from halfgig.motion.landmarks import HEADER
from halfgig.records import Pose, PoseAt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FEW = 530  # moments
LAST = FEW - 1


def pose(shift: float) -> Pose:
    figures = np.arange(99, dtype=np.float32).reshape(33, 3) + np.float32(shift)
    return Pose(figures, figures / np.float32(100), np.linspace(0, 1, 33, dtype=np.float32), 0.75)


def seen(count: int) -> Iterator[PoseAt]:
    """Moments of which every seventh shows nobody, and every hundredth begins a shot."""
    for number in range(count):
        yield PoseAt(number / 10, None if number % 7 == 3 else pose(number), cut=number % 100 == 99)


def test_parquet_holds_every_figure_by_its_kind(tmp_path: Path) -> None:
    write_table(seen(FEW), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert tuple(table.column_names) == HEADER
    assert {str(field.type) for field in table.schema} == {"double", "bool", "float"}
    assert table.schema.field("time") == pa.field("time", pa.float64(), nullable=False)
    assert table.schema.field("cut") == pa.field("cut", pa.bool_(), nullable=False)
    rows = table.to_pylist()
    assert [row["time"] for row in rows] == pytest.approx([number / 10 for number in range(FEW)])
    assert [number for number, row in enumerate(rows) if row["cut"]] == list(range(99, FEW, 100))
    assert {rows[3][name] for name in HEADER[3:]} == {None}
    assert (rows[3]["score"], rows[4]["score"]) == (None, 0.75)
    wanted = pose(LAST)
    shown = [rows[LAST][f"left_knee_{axis}"] for axis in "xyz"]
    assert shown == wanted.landmarks[25].tolist()
    assert rows[LAST]["right_foot_index_visibility"] == 1.0


def test_parquet_is_cut_into_groups_so_that_memory_is_bounded(tmp_path: Path) -> None:
    write_table(seen(GROUP + 10), tmp_path / "a.parquet")
    told = pq.ParquetFile(tmp_path / "a.parquet").metadata
    assert [told.row_group(number).num_rows for number in range(told.num_row_groups)] == [GROUP, 10]


def test_both_forms_tell_the_same(tmp_path: Path) -> None:
    for name in ("a.csv", "a.PARQUET"):
        write_table(seen(20), tmp_path / name)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "a.PARQUET")
    for name in ("time", "score", "nose_x", "left_ankle_world_y", "mouth_right_visibility"):
        shown = [float(line[name]) if line[name] else None for line in lines]
        assert table.column(name).to_pylist() == pytest.approx(shown, abs=0.06)
    assert [line["cut"] for line in lines] == [str(cut).lower() for cut in table.column("cut").to_pylist()]


def test_a_table_of_nothing_has_its_columns(tmp_path: Path) -> None:
    write_table(seen(0), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert (table.num_rows, tuple(table.column_names)) == (0, HEADER)


def test_what_breaks_off_is_told(tmp_path: Path) -> None:
    def breaking() -> Iterator[PoseAt]:
        yield from seen(FEW)
        raise MemoryError("no more")

    with pytest.raises(MemoryError, match="no more"):
        write_table(breaking(), tmp_path / "a.parquet")
    (tmp_path / "full.parquet").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_table(seen(FEW), tmp_path / "full.parquet")


def test_what_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"\.csv or \.parquet"):
        check_table(tmp_path / "a.xlsx")
    monkeypatch.setattr(landmark_tables, "parquet_is_here", lambda: False)
    with pytest.raises(BadRequest, match=r"halfgig\[parquet\]"):
        check_table(tmp_path / "a.parquet")
    check_table(tmp_path / "a.csv")
