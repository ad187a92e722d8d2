"""The columns of a file: which there are, which are asked for, and those inside of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from pypack.columnar.request import ReadRequest
from pypack.columnar.sources import mapped, source_of
from pypack.columnar.values import RefusedFileError, check_kept_type, is_bytes, is_text


def read_fields(request: ReadRequest) -> list[tuple[str, str]]:
    """(name or dotted path, kind in a word) of the columns of a file, and of those one level inside them.

    Where whole columns are asked for, of those at the top alone.
    """
    whole = request.format.endswith("columns")
    if request.format in ("parquet", "columns"):
        import pyarrow.parquet as pq

        schema = pq.read_schema(source_of(request))
    else:
        with mapped(request) as file:
            is_file = file.read(6) == b"ARROW1"
            file.seek(0)
            schema = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(file).schema
    fields = []
    for field in schema:
        fields.append((field.name, _in_a_word(field.type)))
        if types.is_struct(field.type) and not whole:
            fields += [(f"{field.name}.{inner.name}", _in_a_word(inner.type)) for inner in field.type]
    return fields


def _in_a_word(kind: pa.DataType) -> str:
    """The kind of a column, as JSON would call it where it can."""
    if is_text(kind):
        return "string"
    if types.is_struct(kind) or types.is_map(kind):
        return "object"
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return "array"
    if types.is_integer(kind) or types.is_floating(kind):
        return "number"
    if is_bytes(kind):
        return "bytes"
    return "boolean" if types.is_boolean(kind) else str(kind)[:60]


def needed_columns(schema: pa.Schema, request: ReadRequest) -> list[str]:
    """The top-level columns that are needed; raises RefusedFileError where they are not as asked for."""
    roots = dict.fromkeys(path if path in schema.names else path.split(".")[0] for path in request.paths)
    for name in roots:
        if schema.names.count(name) > 1:
            raise RefusedFileError("column_twice", f"{schema.names.count(name)} columns are named {name!r}")
    kinds = {path: column_type(schema, path) for path in request.text_paths}
    if not any(kinds.values()):
        names = ", ".join(schema.names[:20]) + (", ..." if len(schema.names) > 20 else "")
        raise RefusedFileError("no_text_column", f"no column {either(kinds)}; the file has {names or 'none'}")
    for path, kind in kinds.items():
        if request.is_text and kind is not None and not (is_text(kind) or is_bytes(kind)):
            raise RefusedFileError("text_column_type", f"the column {path!r} holds {kind}, not strings")
    for path in request.keep:
        kept = column_type(schema, path)
        if kept is not None:
            check_kept_type(path, kept)
    return [name for name in roots if name in schema.names]


def either(paths: Iterable[str]) -> str:
    """Names or paths in a sentence: any of them would do."""
    return " or ".join(map(repr, paths))


def column_type(schema: pa.Schema, path: str) -> pa.DataType | None:
    """The type of the column at a name or dotted path; None where there is none."""
    if path in schema.names:
        return schema.field(path).type
    kind: Any = None
    for i, part in enumerate(path.split(".")):
        if i == 0:
            kind = schema.field(part).type if part in schema.names else None
        elif kind is not None and types.is_struct(kind):
            kind = next((child.type for child in kind if child.name == part), None)
        else:
            return None
    return kind


def column_at(batch: pa.RecordBatch, path: str) -> pa.Array:
    """The column at a dotted path; nulls where there is none."""
    if path in batch.schema.names:
        return batch.column(path)
    if column_type(batch.schema, path) is None:
        return pa.nulls(batch.num_rows)
    first, *inner = path.split(".")
    return pc.struct_field(batch.column(first), inner)
