"""Types of the per-document columns: one type a column, whatever the documents bring.

A column of JSON values is null, bool, int64, float64 or string where all its values are; anything mixed or
nested is JSON text, marked in the field's metadata. Joining two types gives the same result in every order
and however the values are cut into batches, so that a store does not depend on its batches.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

_JSON_MARK = {b"pypack": b"json"}
# Integers up to here are exact as float64.
_EXACT_IN_FLOAT = 2**53


def record_batch(columns: dict[str, list[Any] | pa.Array], rows: int) -> pa.RecordBatch:
    """One batch from columns of parsed JSON values or Arrow arrays, each of `rows` values."""
    import pyarrow as pa

    fields, arrays = [], []
    for name, values in columns.items():
        field, array = _from_values(name, values) if isinstance(values, list) else _normalized(name, values)
        if len(array) != rows:
            raise ValueError(f"column {name!r} has {len(array)} values for {rows} documents")
        fields.append(field)
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _from_values(name: str, values: list[Any]) -> tuple[pa.Field, pa.Array]:
    import pyarrow as pa

    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        kind = pa.string() if kinds else pa.null()
    elif kinds == {bool}:
        kind = pa.bool_()
    elif kinds == {int} and all(-(2**63) <= v < 2**63 for v in values if v is not None):
        kind = pa.int64()
    elif kinds <= {int, float} and all(abs(v) <= _EXACT_IN_FLOAT for v in values if type(v) is int):
        kind = pa.float64()
    else:
        return json_field(name), _json_texts(values)
    return pa.field(name, kind), pa.array(values, kind)


def _normalized(name: str, array: pa.Array) -> tuple[pa.Field, pa.Array]:
    """Arrow input in the type that the same values would have from JSON, where there is one."""
    import pyarrow as pa
    import pyarrow.types as types

    kind = array.type
    value = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(value) or types.is_large_string(value) or types.is_string_view(value):
        kind = pa.string()
    elif types.is_integer(kind) and kind != pa.uint64():
        kind = pa.int64()
    elif types.is_floating(kind):
        kind = pa.float64()
    elif types.is_dictionary(kind):
        kind = value
    return pa.field(name, kind), array if kind == array.type else array.cast(kind)


def joined_field(one: pa.Field, two: pa.Field, wide_integers: bool) -> pa.Field:
    """The narrowest field that holds the values of both.

    `wide_integers`: some int64 value is not exact as float64.
    """
    import pyarrow as pa

    if one.equals(two, check_metadata=True):
        return one
    for this, other in ((one, two), (two, one)):
        if pa.types.is_null(this.type):
            return other
    if {one.type, two.type} == {pa.int64(), pa.float64()} and not wide_integers:
        return pa.field(one.name, pa.float64())
    return json_field(one.name)


def has_wide_integers(array: pa.Array) -> bool:
    """Whether an int64 array holds a value that float64 cannot hold exactly."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if array.type != pa.int64() or array.null_count == len(array):
        return False
    limits = pc.min_max(array).as_py()
    return bool(limits["min"] < -_EXACT_IN_FLOAT or limits["max"] > _EXACT_IN_FLOAT)


def as_field(array: pa.Array, current: pa.Field, wanted: pa.Field) -> pa.Array:
    """The values of a column in the type of a field that joins its own with others."""
    import pyarrow as pa

    if current.equals(wanted, check_metadata=True):
        return array
    if pa.types.is_null(current.type):
        return pa.nulls(len(array), wanted.type)
    if wanted.metadata == _JSON_MARK:
        return _json_texts(array.cast(_without_nanoseconds(array.type)).to_pylist())
    return array.cast(wanted.type)


def _without_nanoseconds(kind: pa.DataType) -> pa.DataType:
    """The type with text for times in nanoseconds, which Python's own types cannot hold."""
    import pyarrow as pa
    import pyarrow.types as types

    if (types.is_timestamp(kind) or types.is_time64(kind) or types.is_duration(kind)) and kind.unit == "ns":
        return pa.string()
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_without_nanoseconds(kind.value_type)))
    if types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_without_nanoseconds(kind.value_type)))
    if types.is_struct(kind):
        return pa.struct([field.with_type(_without_nanoseconds(field.type)) for field in kind])
    return kind


def is_json(field: pa.Field) -> bool:
    """Whether the column's strings are JSON texts."""
    return bool((field.metadata or {}).items() >= _JSON_MARK.items())


def json_field(name: str) -> pa.Field:
    import pyarrow as pa

    return pa.field(name, pa.string(), metadata=_JSON_MARK)


def _json_texts(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if value is None else _json_text(value) for value in values], pa.string())


def _json_text(value: Any) -> str:
    # 1.0 and 1 become the same text, because a batch of both holds them as the same float64.
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_IN_FLOAT:
        value = int(value)
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:  # an integer beyond 64 bits, perhaps inside
        return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))


def joined_tables(tables: list[pa.Table]) -> pa.Table:
    """The rows of tables with the same columns, each column in the type that joins those of all tables."""
    import pyarrow as pa

    schema = unlabelled(tables[0].schema)
    for table in tables[1:]:
        schema = pa.schema(
            joined_field(one, two, any(has_wide_integers(t.column(one.name)) for t in tables))
            for one, two in zip(schema, unlabelled(table.schema), strict=True)
        )
    parts = []
    for table in tables:
        fields = zip(table.columns, unlabelled(table.schema), schema, strict=True)
        parts.append(pa.Table.from_arrays([as_field(*column) for column in fields], schema=schema))
    return pa.concat_tables(parts)


def unlabelled(schema: pa.Schema) -> pa.Schema:
    """The fields without the metadata that parquet adds to them."""
    import pyarrow as pa

    return pa.schema(json_field(f.name) if is_json(f) else pa.field(f.name, f.type) for f in schema)
