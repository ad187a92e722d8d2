"""Columns of a batch, checked in full and made plain: what may be handed to another process, and stored."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
from numpy.typing import NDArray

Faults: TypeAlias = "dict[int, tuple[str, str]]"  # row → kind and reason of its Reject


class RefusedFileError(Exception):
    """The rest of a file is refused: its kind (see `pypack.corpus.errors`) and one sentence."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def check_structure(column: pa.Array) -> bool:
    """Checks every offset, index, size and buffer of a column; True if all its text is UTF-8 as well.

    Raises:
        pa.ArrowInvalid: the column is damaged, beyond text that is not UTF-8.
    """
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        # The same buffers with strings taken as bytes: what is wrong still is no matter of UTF-8.
        column.view(_bytes_type(column.type)).validate(full=True)
        return False
    return True


def _bytes_type(kind: pa.DataType) -> pa.DataType:
    """The type with bytes where it has strings."""
    same = {
        pa.string(): pa.binary(),
        pa.large_string(): pa.large_binary(),
        pa.string_view(): pa.binary_view(),
    }
    if kind in same:
        return same[kind]
    if types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _bytes_type(kind.value_type), kind.ordered)
    if types.is_list(kind):
        return pa.list_(_bytes_field(kind.value_field))
    if types.is_large_list(kind):
        return pa.large_list(_bytes_field(kind.value_field))
    if types.is_fixed_size_list(kind):
        return pa.list_(_bytes_field(kind.value_field), kind.list_size)
    if types.is_struct(kind):
        return pa.struct([_bytes_field(field) for field in kind])
    if types.is_map(kind):
        return pa.map_(_bytes_field(kind.key_field), _bytes_field(kind.item_field), kind.keys_sorted)
    return kind


def _bytes_field(field: pa.Field) -> pa.Field:
    return field.with_type(_bytes_type(field.type))


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds strings, in any of Arrow's layouts."""
    value = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(value) or types.is_large_string(value) or types.is_string_view(value))


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column holds bytes, in any of Arrow's layouts: strings of writers that did not say so."""
    value = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_binary(value) or types.is_large_binary(value) or types.is_binary_view(value))


def is_simple(kind: pa.DataType) -> bool:
    """Whether a column is a plain one of text, bytes or numbers: nothing in it can be wrong but its text."""
    if types.is_dictionary(kind) or types.is_string_view(kind) or types.is_binary_view(kind):
        return False
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return bool(is_number or is_text(kind) or is_bytes(kind))


def text_of_bytes(column: pa.Array) -> pa.Array:
    """A plain column of bytes as strings, unchecked; others as they are."""
    if types.is_binary(column.type):
        return column.view(pa.string())
    return column.view(pa.large_string()) if types.is_large_binary(column.type) else column


def byte_lengths(column: pa.Array) -> NDArray[np.int64]:
    """int64 [rows]: bytes that each value takes once it stands for itself (0 for null).

    A dictionary's values and a view's are shared between rows: a few bytes of a file may stand for gigabytes.
    For nested columns and numbers the mean.
    """
    kind = column.type
    if types.is_dictionary(kind):
        inner = byte_lengths(column.dictionary)
        indices = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False).astype(np.int64)
        lengths = inner[indices] if len(inner) else np.zeros(len(column), np.int64)
    elif types.is_string_view(kind) or types.is_binary_view(kind):
        views = np.frombuffer(column.buffers()[1], np.int32).reshape(-1, 4)
        lengths = views[column.offset : column.offset + len(column), 0].astype(np.int64)
    elif is_text(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        lengths = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    else:
        return np.full(len(column), column.nbytes // max(1, len(column)), np.int64)
    if column.null_count:
        lengths = np.where(column.is_valid().to_numpy(zero_copy_only=False), lengths, 0)
    return lengths


def plain(column: pa.Array) -> pa.Array:
    """The same values without a dictionary and without views, at the top."""
    kind = column.type
    value = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string_view(value):
        value = pa.large_string()
    elif types.is_binary_view(value):
        value = pa.large_binary()
    elif types.is_string(value) and types.is_dictionary(kind):
        value = pa.large_string()  # the values may add up to more than 32-bit offsets reach
    return column if kind == value else column.cast(value)


def undecodable_rows(column: pa.Array, name: str) -> Faults:
    """The rows of a sound column that hold text which is not UTF-8."""
    faults: Faults = {}
    for row in range(len(column)):
        try:
            column[row].as_py()
        except UnicodeDecodeError as error:
            what = f"invalid UTF-8 at byte {error.start} of the column {name!r} ({error.reason})"
            faults[row] = ("invalid_utf8", what)
    return faults


def check_kept_type(name: str, kind: pa.DataType) -> None:
    """Raises RefusedFileError for the types that no column of a store holds."""
    for inner in _types_in(kind):
        if types.is_struct(inner) and len({field.name for field in inner}) < inner.num_fields:
            raise RefusedFileError(
                "column_type", f"the kept column {name!r} is a struct with two fields of one name: {kind}"
            )
        if not _is_storable(inner):
            raise RefusedFileError(
                "column_type", f"the kept column {name!r} holds {kind}, which cannot be kept"
            )


def _types_in(kind: pa.DataType) -> list[pa.DataType]:
    if types.is_dictionary(kind):
        return [kind, *_types_in(kind.value_type)]
    if types.is_nested(kind) and not types.is_union(kind):
        return [kind, *(t for i in range(kind.num_fields) for t in _types_in(kind.field(i).type))]
    return [kind]


def _is_storable(kind: pa.DataType) -> bool:
    return not isinstance(kind, pa.BaseExtensionType) and not (
        types.is_union(kind)
        or types.is_run_end_encoded(kind)
        or types.is_interval(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def unreadable_times(column: pa.Array, name: str) -> Faults:
    """The rows whose dates or times Python cannot hold (a year 300000, a time zone that nobody has)."""
    if not any(types.is_temporal(kind) for kind in _types_in(column.type)):
        return {}
    try:
        column.to_pylist()
    except Exception:  # of each value its own, from ValueError to zoneinfo's KeyError
        return _unreadable_rows(column, name)
    return {}


def _unreadable_rows(column: pa.Array, name: str) -> Faults:
    faults: Faults = {}
    for row in range(len(column)):
        value: Any = column[row]
        try:
            value.as_py()
        except Exception as error:
            if "anosecond" in str(error):  # exact beyond what Python's types hold, and stored as they are
                continue
            faults[row] = ("kept_value", f"the column {name!r} holds what cannot be read: {brief(error)}")
    return faults


def brief(error: BaseException, most: int = 300) -> str:
    """What an exception says, on one line and short: libraries put whole schemas in theirs."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else f"{text[: most - 3]}..."
