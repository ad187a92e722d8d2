"""Which rows of a batch are no documents, and why."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pypack.columnar.fields import column_at, either
from pypack.columnar.piece import numbered
from pypack.columnar.request import ReadRequest
from pypack.columnar.values import (
    Faults,
    is_bytes,
    plain,
    text_of_bytes,
    undecodable_rows,
    unreadable_times,
)


def sorted_out(
    rows: pa.RecordBatch, request: ReadRequest, all_utf8: bool, is_left: bool
) -> tuple[Faults, pa.RecordBatch]:
    """The rows that are no documents, and the others; `is_left`: but for text that is not UTF-8."""
    columns = [plain(column_at(rows, path)) for path in request.paths]
    places = np.arange(rows.num_rows)
    faults: Faults = {}
    if request.is_text:
        texts = len(request.text_paths)
        was_bytes = any(is_bytes(column.type) for column in columns[:texts])
        columns[:texts] = map(text_of_bytes, columns[:texts])
        all_utf8 = is_left or (all_utf8 and not (was_bytes and _undecodable(columns[:texts])))
        if all(column.null_count for column in columns[:texts]):
            missing = np.logical_and.reduce(
                [column.is_null().to_numpy(zero_copy_only=False) for column in columns[:texts]]
            )
            what = f"the column {either(request.text_paths)} is null"
            found: Faults = {int(i): ("null_text", what) for i in np.flatnonzero(missing)}
            columns, places = _also_refused(columns, places, found, faults)
    checks = [] if all_utf8 else [undecodable_rows]
    for check in (*checks, unreadable_times):
        found = {}
        for column, path in zip(columns, request.paths, strict=True):
            found |= check(column, path)
        columns, places = _also_refused(columns, places, found, faults)
    return faults, numbered(columns)


def _undecodable(columns: list[pa.Array]) -> bool:
    """Whether some of the text is not UTF-8."""
    try:
        for column in columns:
            column.validate(full=True)
    except pa.ArrowInvalid:
        return True
    return False


def _also_refused(
    columns: list[pa.Array], places: NDArray[np.int64], found: Faults, faults: Faults
) -> tuple[list[pa.Array], NDArray[np.int64]]:
    """Takes out rows of what is left, and notes them by their number among all rows."""
    faults |= {int(places[i]): fault for i, fault in found.items()}
    return _without(columns, found, places)


def _without(
    columns: list[pa.Array], faults: Faults, places: NDArray[np.int64]
) -> tuple[list[pa.Array], NDArray[np.int64]]:
    if not faults:
        return columns, places
    good = np.ones(len(places), bool)
    good[list(faults)] = False
    mask = pa.array(good)
    return [column.filter(mask) for column in columns], places[good]
