"""LitData's chunks, written and read as arrays, without its library.

Files of samples (`pypack.formats.samples`) without a description of their own; `index.json` has it. A sample
is a dict: its lists of numbers are `no_header_numpy` (their bytes, the type named in the index by a number),
kept columns JSON texts as `str`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pypack._common.files import write_atomically
from pypack._common.schema import COUNT, TEXT, Field, brief, check
from pypack.formats import about_file
from pypack.formats.byte_rows import ByteRows
from pypack.formats.field_bytes import bytes_of_lists, json_column, list_column, text_column
from pypack.formats.json_values import json_rows
from pypack.formats.numpy_types import numpy_type
from pypack.formats.records import RecordReader, stream_of_records
from pypack.formats.samples import SampleFile, SampleWriter, samples_of
from pypack.formats.stream import About, Stream
from pypack.formats.table import GROUP, WEIGHT, Layout

INDEX_FILE = "index.json"
# LitData's numbers of NumPy's types.
_NUMBERS = dict(enumerate(("i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")))
_ARRAY = re.compile(r"no_header_(?:numpy):([0-9]{1,2})")
_SIZES = {"int": 8, "float": 8, "bool": 1}
_INDEX = Field(
    "dict",
    open=True,
    fields={
        "chunks": Field(
            "list",
            items=Field(
                "dict",
                open=True,
                fields={
                    "filename": Field("name"),
                    "chunk_size": Field("int", 0, 2**30),
                    "chunk_bytes": COUNT,
                },
            ),
        ),
        "config": Field(
            "dict",
            open=True,
            fields={
                "data_format": Field("list", items=TEXT),
                "data_spec": Field("text", null=True),
                "compression": Field("text", null=True, optional=True),
                "encryption": Field("any", null=True, optional=True),
            },
        ),
    },
)


def write(stream: Stream, directory: Path) -> int:
    """Writes chunks whose samples are dicts of the fields of `pypack.formats.table`; returns the rows."""
    layout = Layout.of(stream)
    directory.mkdir(parents=True, exist_ok=True)
    names = layout.schema.names
    forms = [_form(layout.schema.field(name).type, name in layout.columns.names) for name in names]
    writer, count = SampleWriter(directory, lambda number: f"chunk-0-{number}.bin"), 0
    for block in stream.blocks:
        records = layout.records(block)
        fields = [
            json_rows(records.column(name)) if form == "str" else bytes_of_lists(records.column(name))[:2]
            for name, form in zip(names, forms, strict=True)
        ]
        writer.write(samples_of(fields))
        count += block.num_rows
    writer.finish()
    chunks = [
        {"chunk_bytes": file.size, "chunk_size": file.samples, "dim": None, "filename": file.name}
        for file in writer.files
    ]
    config = {
        "chunk_bytes": 1 << 26,
        "chunk_size": None,
        "compression": None,
        "data_format": forms,
        "data_spec": _spec_of(names),
        "encryption": None,
        "item_loader": "PyTreeLoader",
    }
    index = {"chunks": chunks, "config": config, "updated_at": "0"}
    write_atomically(directory / INDEX_FILE, json.dumps(index, sort_keys=True).encode())
    return count


def _form(kind: pa.DataType, is_kept: bool) -> str:
    if is_kept or not pa.types.is_list(kind):
        return "str"
    code = numpy_type(kind.value_type).str.lstrip("|")
    return f"no_header_numpy:{next(number for number, name in _NUMBERS.items() if name == code)}"


def _spec_of(names: list[str]) -> str:
    """How PyTorch's tree of a dict of leaves is spelled."""
    leaf: dict[str, Any] = {"type": None, "context": None, "children_spec": []}
    tree = {"type": "builtins.dict", "context": json.dumps(names), "children_spec": [leaf] * len(names)}
    return json.dumps([1, tree])


def _names_in(spec: str | None, place: Path) -> list[str]:
    """The keys of the dict that samples are.

    Raises:
        ValueError: they are something else.
    """
    try:
        _, tree = json.loads(spec or "")
        names = json.loads(tree["context"])
        flat = tree["type"] == "builtins.dict" and all(
            child["type"] is None for child in tree["children_spec"]
        )
        if flat and isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise ValueError(f"{place}: data_spec: samples must be flat dicts of named fields, found {brief(spec)}")


def read(directory: Path, index: Any, column: str, found: about_file.Found | None) -> Stream:
    """Rows of local chunks; what their fields hold besides is kept.

    Raises:
        ValueError: they are compressed, encrypted or damaged, or of a kind that is not read.
    """
    place = directory / INDEX_FILE
    check(index, _INDEX, str(place))
    config = index["config"]
    if config.get("compression") or config.get("encryption"):
        raise ValueError(f"{place}: its chunks are compressed or encrypted: only plain ones are read")
    names = _names_in(config["data_spec"], place)
    forms: list[str] = config["data_format"]
    if len(names) != len(forms) or len(set(names)) < len(names):
        raise ValueError(f"{place}: data_format and data_spec are not of the same fields")
    for form in forms:
        found_form = _ARRAY.fullmatch(form)
        known = found_form is not None and int(found_form[1]) in _NUMBERS
        if not known and form not in ("str", *_SIZES):  # "pickle" runs what the file says
            raise ValueError(f"{place}: a field of the form {brief(form)} is not read")
    about = About() if found is None else found.about
    reader = RecordReader.of(str(directory), column, names, found)
    return stream_of_records(reader, _records(directory, index["chunks"], names, forms, about), about)


def _records(
    directory: Path, chunks: list[Any], names: list[str], forms: list[str], about: About
) -> Generator[pa.RecordBatch, None, None]:
    own = {*about.columns, GROUP, WEIGHT} if about.features or about.columns else set()
    for chunk in chunks:
        path = directory / chunk["filename"]
        # Sizes stand in every sample, also of what does not vary.
        for fields in SampleFile(path, chunk["chunk_size"], [None] * len(forms)).fields():
            try:
                columns = [
                    _column(rows, form, about.kind_of(name), is_json=name in own)
                    for rows, form, name in zip(fields, forms, names, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, names)
            except (ValueError, pa.ArrowException) as error:
                raise ValueError(f"{path}: cannot be read ({' '.join(str(error).split())[:300]})") from error


def _column(rows: ByteRows, form: str, kind: str | None, *, is_json: bool) -> pa.Array:
    if form == "str":
        return json_column(rows, kind) if is_json else text_column(rows, is_text=True)
    if form in _SIZES:
        if (np.diff(rows[1]) != _SIZES[form]).any():
            raise ValueError(f"a field of the form {form} with other bytes than {_SIZES[form]}")
        return pa.array(np.frombuffer(rows[0].tobytes(), {"int": "<i8", "float": "<f8", "bool": "?"}[form]))
    return list_column(rows, np.dtype(_NUMBERS[int(form.rpartition(":")[2])]))
