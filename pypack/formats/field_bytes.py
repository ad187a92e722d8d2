"""Fields of samples between bytes and Arrow arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pypack.formats.byte_rows import ByteRows
from pypack.formats.json_values import values_of_json

# The types of a store's kept columns that JSON tells apart, or that it does not (1 and 1.0).
_KINDS = {str(kind): kind for kind in (pa.null(), pa.bool_(), pa.int64(), pa.float64(), pa.string())}


def bytes_of_lists(values: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The bytes of lists of numbers, where those of each row begin, and how many numbers each has."""
    offsets = np.asarray(values.offsets).astype(np.int64)
    items = values.flatten().to_numpy(zero_copy_only=False)
    bounds = (offsets - offsets[0]) * items.dtype.itemsize
    return np.ascontiguousarray(items).view(np.uint8), bounds, np.diff(offsets)


def list_column(rows: ByteRows, dtype: np.dtype[Any]) -> pa.Array:
    """Lists of numbers of their bytes."""
    data, bounds = rows
    if (bounds % dtype.itemsize).any():
        raise ValueError(f"bytes that are no whole number of {dtype}")
    items = np.frombuffer(np.ascontiguousarray(data), dtype)
    return pa.LargeListArray.from_arrays(pa.array(bounds // dtype.itemsize), pa.array(items))


def text_column(rows: ByteRows, *, is_text: bool) -> pa.Array:
    """Strings, or bytes."""
    data, bounds = rows
    kind = pa.large_string() if is_text else pa.large_binary()
    buffers = [None, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(np.ascontiguousarray(data))]
    column = pa.Array.from_buffers(kind, len(bounds) - 1, buffers)
    column.validate(full=True)
    return column


def json_column(rows: ByteRows, kind: str | None) -> pa.Array:
    """Values that JSON spells; `kind`: the type that they had, if it is known.

    Values of several types, or nested ones, stay JSON texts.
    """
    values = values_of_json(rows)
    inner = next((v for v in values if v is not None), None)
    known = _KINDS.get(kind or "")
    try:
        if known is not None:
            return pa.array(values, pa.list_(known) if isinstance(inner, list) else known)
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return text_column(rows, is_text=True)
