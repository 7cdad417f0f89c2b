"""Tables of landmarks in files, a row for each moment, as CSV or Parquet; some rows are held, whatever the length."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from halfgig.errors import BadRequest
from halfgig.motion.landmarks import HEADER, landmark_row
from halfgig.motion.parquet import INSTALL, MISSING, parquet_is_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pyarrow import Schema, Table

    from halfgig.records import PoseAt

CSV, PARQUET = ".csv", ".parquet"
GROUP = 6_000  # moments of a row group: ten minutes; what is told of each group stays in memory until the end
_ROW = np.dtype([("time", "f8"), ("cut", "?"), ("figures", "f4", (len(HEADER) - 2,))])


def check_table(path: Path) -> None:
    """BadRequest where landmarks cannot be written into a file of this name."""
    kind = path.suffix.lower()
    if kind not in (CSV, PARQUET):
        detail = f"Landmarks cannot be written as {path.name}."
        raise BadRequest(detail, f"Name a file that ends in {CSV} or {PARQUET}.")
    if kind == PARQUET and not parquet_is_here():
        raise BadRequest(MISSING, INSTALL)


def write_table(moments: Iterable[PoseAt], path: Path) -> None:
    """Write every landmark of every moment, in the form that the file's name tells. Errors: BadRequest, OSError."""
    check_table(path)
    if path.suffix.lower() == CSV:
        write_csv(moments, path)
    else:
        write_parquet(moments, path)


def write_csv(moments: Iterable[PoseAt], path: Path) -> None:
    """Write a header, and a line for each moment."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(map(landmark_row, moments))


def write_parquet(moments: Iterable[PoseAt], path: Path) -> None:
    """Write the same columns: seconds as 64 bits, `cut` as a truth, the rest as 32 bits, null where nobody is."""
    from pyarrow.parquet import ParquetWriter

    schema = _schema()
    with (
        path.open("wb") as file,
        ParquetWriter(file, schema, compression="zstd", use_dictionary=False, write_statistics=False) as writer,
    ):
        for group in _groups(moments):
            writer.write_table(_table(group, schema))


def _schema() -> Schema:
    import pyarrow as pa

    always = {"time": pa.float64(), "cut": pa.bool_()}
    return pa.schema([pa.field(name, always.get(name, pa.float32()), nullable=name not in always) for name in HEADER])


def _groups(moments: Iterable[PoseAt]) -> Iterator[NDArray[np.void]]:
    """The moments as rows, GROUP of them at a time, in one array that is filled again and again."""
    rows, count = np.empty(GROUP, _ROW), 0
    for moment in moments:
        rows[count] = (moment.time, moment.cut, _figures(moment))
        count += 1
        if count == GROUP:
            yield rows
            count = 0
    if count:
        yield rows[:count]


def _figures(moment: PoseAt) -> NDArray[np.float32]:
    """(1 + 33 * 7,): the score, then what is told of each landmark, in the order of HEADER; NaN for nobody."""
    pose = moment.pose
    if pose is None:
        return np.full(len(HEADER) - 2, np.nan, np.float32)
    told = np.concatenate([pose.landmarks, pose.world, pose.visibility[:, None]], axis=1)
    return np.concatenate([[np.float32(pose.score)], told.reshape(-1)])


def _table(rows: NDArray[np.void], schema: Schema) -> Table:
    import pyarrow as pa

    figures = (pa.array(column.copy(), from_pandas=True) for column in rows["figures"].T)  # NaN becomes null
    always = {name: pa.array(rows[name].copy()) for name in ("time", "cut")}
    return pa.table([always[name] if name in always else next(figures) for name in HEADER], schema=schema)
