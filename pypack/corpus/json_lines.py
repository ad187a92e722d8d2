"""JSON lines to documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson

from pypack import _core
from pypack._common.words import counted
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.block import Block, Fault, read_blocks, require_few
from pypack.corpus.bytes import BOM
from pypack.corpus.field import MISSING, TextFields, field_getter
from pypack.corpus.inputs import InputFile
from pypack.corpus.lenient_json import has_lone_surrogate, parse_json, parsed_exactly
from pypack.corpus.lines import split_lines
from pypack.corpus.options import ReadOptions

if TYPE_CHECKING:
    import pyarrow as pa

# What becomes of a line: its document and kept values, a fault, or None for a blank line.
Found: TypeAlias = "tuple[Any, list[Any]] | Fault | None"


def read_json_lines(
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    options: ReadOptions,
) -> Iterator[DocumentBatch]:
    """Adds the documents of one file to `builder`, and yields each batch that gets full.

    A JSON array is read as lines, one for each element.

    Raises:
        DamagedInputError: the file ends in damage; what stood before it has been added.
    """
    text, keep, limit = options.text, options.keep, options.max_document_bytes
    nested = len(text.names) > 1 or any("." in name for name in (*text.names, *keep))

    def parse(data: memoryview) -> Block:
        if options.record_fields:
            return parse_records(data, keep, limit)
        if nested:
            return parse_with_python(data, text, keep, limit)
        return parse_with_kernel(data, text.names[0], keep, limit)

    yield from read_blocks(file, index, start, builder, parse, options)


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
    way = _text_way(TextFields((field,)), keep)
    for number, begin, end in odd:
        found = _look(bytes(data[begin:end]), limit, way)
        if found is not None and isinstance(found[1], list):
            return parse_with_python(data, field, keep, limit)
        block.add_fault(number, begin, found)
    block.columns = {
        name: parsed_exactly(values, orjson.loads(values)) for name, values in zip(keep, kept, strict=True)
    }
    return block


def _large_strings(data: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> pa.Array:
    import pyarrow as pa

    buffers = (pa.py_buffer(offsets), pa.py_buffer(data))
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers)


def parse_with_python(
    data: bytes | memoryview, text: str | TextFields, keep: tuple[str, ...], limit: int
) -> Block:
    """Every line by orjson: the definition of what the kernel does, and the way for nested fields."""
    return _parse(data, keep, limit, _text_way(TextFields((text,)) if isinstance(text, str) else text, keep))


def parse_records(data: bytes | memoryview, keep: tuple[str, ...], limit: int) -> Block:
    """Every line as it is; whether it is JSON is seen by who makes a text of it. Kept fields are parsed."""
    return _parse(data, keep, limit, _record_way(keep))


def _parse(
    data: bytes | memoryview, keep: tuple[str, ...], limit: int, way: Callable[[bytes], Found]
) -> Block:
    texts: list[Any] = []
    lines: list[int] = []
    ends: list[int] = []
    columns: list[list[Any]] = [[] for _ in keep]
    contents = split_lines(bytes(data))
    block = Block(texts, np.empty(0, np.int64), np.empty(0, np.int64), {}, [], 0, len(contents))
    offset = 0
    for number, line in enumerate(contents):
        found = _look(line, limit, way)
        if found is not None and isinstance(found[1], list):
            texts.append(found[0])
            lines.append(number)
            ends.append(offset + len(line) + 1)
            for column, value in zip(columns, found[1], strict=True):
                column.append(value)
        else:
            block.add_fault(number, offset, found)
        offset += len(line) + 1
    block.lines, block.ends = np.array(lines, np.int64), np.array(ends, np.int64)
    block.columns = dict(zip(keep, columns, strict=True))
    return block


def _look(line: bytes, limit: int, way: Callable[[bytes], Found]) -> Found:
    if len(line) > limit:
        return "too_long", f"the line has {counted(len(line), 'byte')}, the limit is {limit}"
    content = line.removeprefix(BOM)  # of a file that others were joined to
    return way(content) if content.strip(b" \t\r") else None


def _text_way(text: TextFields, keep: tuple[str, ...]) -> Callable[[bytes], Found]:
    """A line to its text and kept values."""
    get_text = text.getter()
    getters = [field_getter(name) for name in keep]

    def look(line: bytes) -> Found:
        try:
            record, is_strict = parse_json(line)
        except ValueError as error:
            return _syntax_fault(line, error)
        found = text_of(record, get_text, text)
        if not isinstance(found, str):
            return found
        if getters:
            record = parsed_exactly(line, record)
        kept = _values(record, getters)
        return (found, kept) if is_strict else halved(found, kept, text, keep) or (found, kept)

    return look


def _record_way(keep: tuple[str, ...]) -> Callable[[bytes], Found]:
    """A line as it is, with kept values; nulls of a line that is no object."""
    getters = [field_getter(name) for name in keep]

    def look(line: bytes) -> Found:
        record: Any = {}
        if getters:
            with suppress(ValueError):
                record = parsed_exactly(line, parse_json(line)[0])
        return line, _values(record if isinstance(record, dict) else {}, getters)

    return look


def _values(record: dict[str, Any], getters: list[Callable[[dict[str, Any]], Any]]) -> list[Any]:
    values = [get(record) for get in getters]
    return [None if value is MISSING else value for value in values]


def record_fault(line: bytes) -> Fault:
    """Why a line is no record."""
    try:
        record, _ = parse_json(line)
    except ValueError as error:
        return _syntax_fault(line, error)
    return _not_object(record, "")


def text_of(record: Any, get_text: Callable[[dict[str, Any]], Any], text: TextFields) -> str | Fault:
    """The text of a parsed record, or why it has none."""
    if not isinstance(record, dict):
        return _not_object(record, f" with the field {text.quoted}")
    value = get_text(record)
    if type(value) is str:
        return value
    if value is MISSING:
        names = ", ".join(map(repr, list(record)[:8]))
        return "missing_text", f"no field {text.quoted}; the object has {names or 'no fields'}"
    if value is None:
        return "null_text", f"the field {text.quoted} is null"
    return "not_string", f"the field {text.quoted} is a JSON {json_type(value)}, not a string"


def _not_object(record: Any, which: str) -> Fault:
    return "not_object", f"a JSON {json_type(record)} where an object{which} was expected"


def halved(found: str, kept: list[Any], text: TextFields, keep: tuple[str, ...]) -> Fault | None:
    """The fault of a text or a kept value with half a character, which UTF-8 cannot hold; None without."""
    for name, value in zip((text.quoted, *map(repr, keep)), (found, *kept), strict=True):
        if has_lone_surrogate(value):
            what = "an escaped lone surrogate, which no UTF-8 text can hold"
            return "lone_surrogate", f"the field {name} has {what}"
    return None


def _syntax_fault(line: bytes, error: ValueError) -> Fault:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return "invalid_utf8", f"invalid UTF-8 at byte {wrong.start} of the line ({wrong.reason})"
    return "bad_json", f"not JSON: {error}"


def json_type(value: Any) -> str:
    """What JSON calls a parsed value."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
