"""JSON lines to documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from pypack import _core
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.block import Block, Fault, read_blocks, require_few
from pypack.corpus.field import MISSING, field_getter
from pypack.corpus.inputs import InputFile
from pypack.corpus.lines import BOM, split_lines
from pypack.corpus.options import ReadOptions

if TYPE_CHECKING:
    import pyarrow as pa

# Fewer digits are always exact in 64 bits.
# Digits in a row, all of them alike: a regular expression takes seven times as long to find them.
_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19


def read_json_lines(
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    options: ReadOptions,
) -> Iterator[DocumentBatch]:
    """Adds the documents of one file to `builder`, and yields each batch that gets full.

    Raises:
        DamagedInputError: the file ends in damage; what stood before it has been added.
    """
    field, keep, limit = options.field, options.keep, options.max_document_bytes
    if options.record_fields:
        yield from read_blocks(
            file, index, start, builder, lambda data: parse_records(data, keep, limit), options
        )
        return
    nested = any("." in name for name in (field, *keep))
    parse_block = parse_with_python if nested else parse_with_kernel
    yield from read_blocks(
        file, index, start, builder, lambda data: parse_block(data, field, keep, limit), options
    )


def parse_with_kernel(data: bytes | memoryview, field: str, keep: tuple[str, ...], limit: int) -> Block:
    """What `parse_with_python` gives, from the compiled scanner: no Python runs per document.

    The scanner takes the lines of which every JSON parser makes the same; the others are looked at here.
    Should one of them be a document after all, the whole block goes the slow way.

    Raises:
        DenseFaultsError: there are too many of them to be held at once.
    """
    text, text_offsets, lines, ends, kept, odd, num_lines = _core.scan_json_lines(
        data, field, list(keep), limit
    )
    require_few(len(odd), len(data))
    block = Block(_large_strings(text, text_offsets), lines, ends, {}, [], 0, num_lines)
    for number, begin, end in odd:
        line = bytes(data[begin:end])
        if isinstance(_document(line, field), str) and len(line) <= limit:
            return parse_with_python(data, field, keep, limit)
        block.add_fault(number, begin, _fault(line, field, limit))
    block.columns = {name: parsed_exactly(values) for name, values in zip(keep, kept, strict=True)}
    return block


def parsed_exactly(data: bytes, parsed: Any = MISSING) -> Any:
    """The value of a JSON text, its integers exact whatever their size; `parsed`: what orjson makes of it.

    orjson makes a float of an integer beyond 64 bits, in which its last digits are lost, and refuses one that
    no float can hold.
    """
    if _MANY_DIGITS not in data.translate(_ALIKE):
        return orjson.loads(data) if parsed is MISSING else parsed
    try:
        return json.loads(data)
    except RecursionError:  # a thousand brackets deep: Python's parser ends a little before orjson
        return orjson.loads(data) if parsed is MISSING else parsed


def _large_strings(data: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> pa.Array:
    import pyarrow as pa

    buffers = (pa.py_buffer(offsets), pa.py_buffer(data))
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers)


def parse_with_python(data: bytes | memoryview, field: str, keep: tuple[str, ...], limit: int) -> Block:
    """Every line by orjson: the definition of what the kernel does, and the way for nested fields."""
    get_text = field_getter(field)
    getters = [field_getter(name) for name in keep]
    texts: list[str] = []
    lines: list[int] = []
    ends: list[int] = []
    columns: list[list[Any]] = [[] for _ in keep]
    contents = split_lines(bytes(data))
    block = Block(texts, np.empty(0, np.int64), np.empty(0, np.int64), {}, [], 0, len(contents))
    offset = 0
    for number, line in enumerate(contents):
        content = line.removeprefix(BOM)  # of a file that others were joined to
        try:
            record: Any = orjson.loads(content) if len(line) <= limit else None
            text = get_text(record)  # of what is no object: AttributeError
            if getters and type(text) is str:
                record = parsed_exactly(content, record)
        except (ValueError, AttributeError):  # orjson.JSONDecodeError is a ValueError
            text = None
        if type(text) is str:
            texts.append(text)
            lines.append(number)
            ends.append(offset + len(line) + 1)
            for column, get in zip(columns, getters, strict=True):
                value = get(record)
                column.append(None if value is MISSING else value)
        else:
            block.add_fault(number, offset, _fault(line, field, limit))
        offset += len(line) + 1
    block.lines, block.ends = np.array(lines, np.int64), np.array(ends, np.int64)
    block.columns = dict(zip(keep, columns, strict=True))
    return block


def parse_records(data: bytes | memoryview, keep: tuple[str, ...], limit: int) -> Block:
    """Every line as it is; whether it is JSON is seen by who makes a text of it. Kept fields are parsed."""
    getters = [field_getter(name) for name in keep]
    texts: list[Any] = []
    lines: list[int] = []
    ends: list[int] = []
    columns: list[list[Any]] = [[] for _ in keep]
    contents = split_lines(bytes(data))
    block = Block(texts, np.empty(0, np.int64), np.empty(0, np.int64), {}, [], 0, len(contents))
    offset = 0
    for number, line in enumerate(contents):
        end = offset + len(line) + 1
        if len(line) > limit or not line.strip(b" \t\r"):
            block.add_fault(number, offset, _fault(line, "", limit))
        else:
            texts.append(line)
            lines.append(number)
            ends.append(end)
            if getters:
                record = _record(line)
                for column, get in zip(columns, getters, strict=True):
                    value = get(record)
                    column.append(None if value is MISSING else value)
        offset = end
    block.lines, block.ends = np.array(lines, np.int64), np.array(ends, np.int64)
    block.columns = dict(zip(keep, columns, strict=True))
    return block


def _record(line: bytes) -> dict[str, Any]:
    """An object; an empty one of a line that is none."""
    try:
        record = parsed_exactly(line, orjson.loads(line))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def record_fault(line: bytes) -> Fault:
    """Why a line is no record."""
    fault = _fault(line, "", len(line))
    assert fault is not None
    return fault


def _document(line: bytes, field: str) -> Any:
    try:
        return field_getter(field)(orjson.loads(line.removeprefix(BOM)))
    except (ValueError, AttributeError):
        return None


def _fault(line: bytes, field: str, limit: int) -> Fault | None:
    """Kind and reason why a line gives no document; None for a blank line, which is no fault."""
    if len(line) > limit:
        return "too_long", f"the line has {len(line)} bytes, the limit is {limit}"
    line = line.removeprefix(BOM)
    if not line.strip(b" \t\r"):
        return None
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _syntax_fault(line, error)
    if not isinstance(record, dict):
        found = json_type(record)
        which = f" with the field {field!r}" if field else ""
        return "not_object", f"a JSON {found} where an object{which} was expected"
    value = field_getter(field)(record)
    if value is MISSING:
        names = ", ".join(map(repr, list(record)[:8]))
        return "missing_text", f"no field {field!r}; the object has {names or 'no fields'}"
    if value is None:
        return "null_text", f"the field {field!r} is null"
    return "not_string", f"the field {field!r} is a JSON {json_type(value)}, not a string"


def _syntax_fault(line: bytes, error: ValueError) -> Fault:
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


def json_type(value: Any) -> str:
    """What JSON calls a parsed value."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
