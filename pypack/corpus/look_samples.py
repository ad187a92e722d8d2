"""A look at the first samples of an archive, or the first records of a WARC file."""

from __future__ import annotations

from collections.abc import Sequence

from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.errors import DamagedInputError
from pypack.corpus.field import TextFields
from pypack.corpus.inputs import InputFile
from pypack.corpus.json_lines import json_type
from pypack.corpus.options import ReadOptions
from pypack.corpus.tar import read_tar
from pypack.corpus.warc import read_warc

_ENOUGH_BYTES = 1 << 13


def first_samples(
    file: InputFile, text: TextFields, keep: tuple[str, ...], records: tuple[str, ...]
) -> tuple[DocumentBatch, str | None]:
    """The first documents of a file, and why reading ended in damage, if it did."""
    options = ReadOptions(text, keep, _ENOUGH_BYTES, 1 << 28, records)
    builder = BatchBuilder(keep, _ENOUGH_BYTES, "reject")
    builder.begin_file(file.path, (0, 0))
    reading = (read_tar if file.format == "tar" else read_warc)(file, 0, Position(), builder, options)
    damage = None
    try:
        batch = next(reading, None)
    except DamagedInputError as error:
        batch, damage = None, error.reason
    reading.close()  # type: ignore[attr-defined]
    return batch if batch is not None else builder.take(), damage


def kept_kinds(batch: DocumentBatch, keep: Sequence[str]) -> dict[str, frozenset[str]]:
    """What the values of kept fields are; no entry where no document has one."""
    found = {}
    for name in keep:
        kinds = {json_type(value) for value in batch.columns[name] if value is not None}
        if kinds:
            found[name] = frozenset(kinds)
    return found
