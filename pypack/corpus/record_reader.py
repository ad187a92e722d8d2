"""Records that a reader finds one by one (samples of an archive, WARC records) to documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.block import Fault
from pypack.corpus.bytes import ByteSource
from pypack.corpus.errors import DamagedInputError, Reject
from pypack.corpus.field import MISSING, field_getter
from pypack.corpus.inputs import InputFile
from pypack.corpus.json_lines import halved, text_of
from pypack.corpus.options import ReadOptions


@dataclass(slots=True)
class FoundRecord:
    """One record of a file.

    Attributes:
        content: its fields, or a fault.
        end: uncompressed byte behind it, where reading can go on.
        size: bytes of what was read of it.
        is_strict: no text in it can hold half a character.
    """

    content: dict[str, Any] | Fault
    end: int
    size: int
    is_strict: bool = True


def add_records(
    records: Iterator[FoundRecord],
    source: ByteSource,
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    options: ReadOptions,
) -> Iterator[DocumentBatch]:
    """Adds the documents of records to `builder`, and yields each batch that gets full.

    Raises:
        DamagedInputError: the file ends in damage; what stood before it has been added.
    """
    adder = _Adder(file, index, builder, options)
    number, disk_bytes = start.record, 0
    builder.in_stream(source.stream_hash, start.offset)
    while True:
        damage = None
        try:
            found = next(records, None)
        except DamagedInputError as error:
            damage, found = error, None
        builder.disk_bytes += source.disk_bytes - disk_bytes
        disk_bytes = source.disk_bytes
        if found is None:
            adder.hand_over()
            if damage is not None:
                raise damage
            return
        adder.add(number, found)
        number += 1
        builder.input_bytes += found.size
        builder.reached = (number, found.end)
        if builder.full:
            adder.hand_over()
            yield builder.take()
            builder.in_stream(source.stream_hash, found.end)


class _Adder:
    """Gathers documents until they are handed over all at once."""

    def __init__(self, file: InputFile, index: int, builder: BatchBuilder, options: ReadOptions) -> None:
        self._file = file
        self._index = index
        self._builder = builder
        self._options = options
        self._get_text = options.text.getter()
        self._getters = [field_getter(name) for name in options.keep]
        self._clear()

    def _clear(self) -> None:
        self._texts: list[Any] = []
        self._records: list[int] = []
        self._ends: list[int] = []
        self._columns: list[list[Any]] = [[] for _ in self._getters]

    def add(self, number: int, found: FoundRecord) -> None:
        """Takes a document, or rejects what is none."""
        content, options = found.content, self._options
        if isinstance(content, tuple):
            self._reject(number, content)
            return
        text: Any = orjson.dumps(content, default=str) if options.record_fields else None
        if text is None:
            text = text_of(content, self._get_text, options.text)
            if not isinstance(text, str):
                self._reject(number, text)
                return
        kept = [get(content) for get in self._getters]
        kept = [None if value is MISSING else value for value in kept]
        if not found.is_strict and not options.record_fields:
            fault = halved(text, kept, options.text, options.keep)
            if fault is not None:
                self._reject(number, fault)
                return
        self._texts.append(text)
        self._records.append(number)
        self._ends.append(found.end)
        for column, value in zip(self._columns, kept, strict=True):
            column.append(value)

    def _reject(self, number: int, fault: Fault) -> None:
        self._builder.reject(Reject(self._file.path, self._index, number, "row", 0, *fault))

    def hand_over(self) -> None:
        """Gives what was gathered to the builder."""
        columns = dict(zip(self._options.keep, self._columns, strict=True))
        records, ends = np.array(self._records, np.int64), np.array(self._ends, np.int64)
        self._builder.add(self._index, self._texts, records, ends, columns)
        self._clear()
