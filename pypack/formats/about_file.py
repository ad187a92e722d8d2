"""`pypack.json`: what is known of converted tokens beside them, and a store's tokenizer.

It lies in the folder that a conversion writes, beside its `tokenizer.json`; or beside the file, as
`FILE.pypack.json`, and then holds the tokenizer, too. Readers of other libraries pass it over.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from pypack._common.files import write_atomically
from pypack._common.schema import COUNT, TEXT, Field, brief, check, check_required, read_json
from pypack.formats.stream import About, Contents
from pypack.store.format import FEATURES, TOKENIZER_FILE

NAME = "pypack.json"
_FORMAT, _VERSION = "pypack-converted", 1
_ID = Field("int", 0, 2**31 - 1, null=True)
_NAMES = Field("list", items=TEXT)
_FIELDS = Field(
    "dict",
    open=True,
    fields={
        "format": TEXT,
        "version": Field("int", 1),
        "documents": COUNT,
        "rows": COUNT,
        "packed": Field("flag"),
        "vocab_size": Field("int", 1, 2**32, null=True),
        "dtype": Field("text", null=True),
        "tokenizer": Field("text", null=True),
        "tokenizer_fingerprint": Field("text", null=True),
        "special_ids": Field("dict", items=_ID),
        "appended_id": _ID,
        "prepended_ids": Field("list", items=Field("int", 0, 2**31 - 1)),
        "options": Field("dict"),
        "features": _NAMES,
        "columns": _NAMES,
        "column_types": _NAMES,
        "json_columns": _NAMES,
        "derived_columns": _NAMES,
        "capacities": Field("list", items=Field("list", items=Field("int", 1, 2**31 - 1))),
    },
)


def place_of(path: Path, *, is_folder: bool) -> Path:
    """Where the description of a converted file or folder lies."""
    return path / NAME if is_folder else path.with_name(f"{path.name}.{NAME}")


def write(path: Path, about: About, contents: Contents, *, is_folder: bool, is_packed: bool) -> None:
    """Writes the description of what stands at `path`."""
    values = dataclasses.asdict(about)
    if is_folder and about.tokenizer is not None:
        write_atomically(path / TOKENIZER_FILE, about.tokenizer.encode())
        values["tokenizer"] = None
    head = {"format": _FORMAT, "version": _VERSION, "documents": contents.documents, "rows": contents.rows}
    text = json.dumps({**head, "packed": is_packed, **values}, indent=1, ensure_ascii=True)
    write_atomically(place_of(path, is_folder=is_folder), text.encode() + b"\n")


class MissingOptionsError(ValueError):
    """Files do not say all that must be known of them; the message asks for it."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What a description says.

    Attributes:
        documents, rows: what the files beside it must hold.
        is_packed: rows are sequences of a plan.
    """

    about: About
    documents: int
    rows: int
    is_packed: bool


def read(path: Path, *, is_folder: bool) -> Found | None:
    """The description of what stands at `path`; None where there is none.

    Raises:
        ValueError: it is damaged or of a newer version; the message names the file.
    """
    place = place_of(path, is_folder=is_folder)
    if not place.is_file():
        return None
    values = read_json(place)
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise ValueError(f'{place}: format: must be "{_FORMAT}"; is it of another program?')
    if values.get("version") != _VERSION:
        raise ValueError(f"{place}: version: {brief(values.get('version'))}, only {_VERSION} can be read")
    check(values, _FIELDS, str(place))
    check_required(values["features"], FEATURES, str(place))
    if is_folder and (path / TOKENIZER_FILE).is_file():
        values["tokenizer"] = (path / TOKENIZER_FILE).read_text("utf-8")
    known = {one.name: _frozen(values[one.name]) for one in dataclasses.fields(About)}
    return Found(About(**known), values["documents"], values["rows"], values["packed"])


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
