"""JSON lines to documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.bytes import ByteSource
from pypack.corpus.errors import Reject
from pypack.corpus.field import MISSING, field_getter
from pypack.corpus.inputs import InputFile
from pypack.corpus.lines import BOM, TooLong, line_blocks


def read_json_lines(
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    *,
    field: str,
    keep: tuple[str, ...],
    max_document_bytes: int,
) -> Iterator[DocumentBatch]:
    """Adds the documents of one file to `builder`, and yields each batch that gets full.

    Raises:
        DamagedInputError: the file ends in damage; what stood before it has been added.
    """
    source = ByteSource(file, start.offset)
    get_text = field_getter(field)
    getters = [field_getter(name) for name in keep]
    loads = orjson.loads
    number, offset = start.record, start.offset
    seen_on_disk = 0
    for lines in line_blocks(source, max_document_bytes):
        if offset == 0 and lines[0].startswith(BOM):
            lines[0] = lines[0][len(BOM) :]
            offset = len(BOM)
        block_start = offset
        # The one loop of pypack that runs Python once a document: keep it bare.
        add_text, add_record, add_end = builder.texts.append, builder.records.append, builder.ends.append
        before = len(builder.texts)
        for line in lines:
            try:
                record = loads(line)
                text = get_text(record)
            except (ValueError, AttributeError):  # orjson.JSONDecodeError is a ValueError
                record = text = None
            if type(text) is str:
                offset += len(line) + 1
                add_text(text)
                add_record(number)
                add_end(offset)
                for column, get in zip(builder.columns, getters, strict=True):
                    value = get(record)
                    column.append(None if value is MISSING else value)
            else:
                fault = _fault(line, field, max_document_bytes)
                if fault is None:
                    builder.blank_lines += 1
                else:
                    builder.reject(Reject(file.path, index, number, "line", offset, *fault))
                offset += (line.length if isinstance(line, TooLong) else len(line)) + 1
            number += 1
        builder.files.extend([index] * (len(builder.texts) - before))
        builder.input_bytes += offset - block_start
        builder.disk_bytes += source.disk_bytes - seen_on_disk
        seen_on_disk = source.disk_bytes
        builder.reached = (number, offset)
        if builder.full:
            yield builder.take()


def _fault(line: bytes, field: str, limit: int) -> tuple[str, str] | None:
    """Kind and reason why a line gives no document; None for a blank line, which is no fault."""
    if isinstance(line, TooLong):
        return "too_long", f"the line has {line.length} bytes, the limit is {limit}"
    if not line.strip(b" \t\r"):
        return None
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _syntax_fault(line, error)
    if not isinstance(record, dict):
        return (
            "not_object",
            f"a JSON {_json_type(record)} where an object with the field {field!r} was expected",
        )
    value = field_getter(field)(record)
    if value is MISSING:
        names = ", ".join(map(repr, list(record)[:8]))
        return "missing_text", f"no field {field!r}; the object has {names or 'no fields'}"
    if value is None:
        return "null_text", f"the field {field!r} is null"
    return "not_string", f"the field {field!r} is a JSON {_json_type(value)}, not a string"


def _syntax_fault(line: bytes, error: ValueError) -> tuple[str, str]:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return "invalid_utf8", f"invalid UTF-8 at byte {wrong.start} of the line ({wrong.reason})"
    # Python's laxer parser tells a line that is JSON but for a lone surrogate from one that is no JSON.
    try:
        json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return "lone_surrogate", f"an escaped lone surrogate, which no UTF-8 text can hold: {error}"
    except (ValueError, RecursionError):
        pass
    hint = " (NaN and Infinity are not JSON)" if b"NaN" in line or b"Infinity" in line else ""
    return "bad_json", f"not JSON: {error}{hint}"


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
