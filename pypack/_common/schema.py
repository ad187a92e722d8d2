"""What the JSON files of pypack hold, as tables of fields: types, bounds, and what may be missing.

One reader for all of them: a field that is of another type, out of its bounds, missing or unknown is a
ValueError that names the file and the field, before anything looks at it.
"""

from __future__ import annotations

import json
import math
import operator
import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

# Larger files of these kinds are not pypack's; a store of a million shards has 0.5 GB.
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Field:
    """What a field must be.

    Attributes:
        kind: "int", "number" (finite), "text", "name" (of a file within its folder), "flag", "list", "dict"
            or "any".
        low, high: bounds of a number, both allowed.
        null: null is allowed.
        optional: it may be missing.
        items: of a list, or the values of a dict whose keys are names.
        fields: of a dict with these fields, and no others unless `open`.
        open: further fields are allowed, whatever they hold.
        or_list: a list of such values is allowed in its place.
    """

    kind: str = "any"
    low: float = -math.inf
    high: float = math.inf
    null: bool = False
    optional: bool = False
    items: Field | None = None
    fields: Mapping[str, Field] | None = None
    open: bool = False
    or_list: bool = False


COUNT = Field("int", 0, 2**63 - 1)
TEXT = Field("text")
NUMBER = Field("number")


def brief(value: object) -> str:
    """A value in 120 characters, however large or deep: a few bytes of YAML can stand for gigabytes."""
    shortened = reprlib.Repr()
    shortened.maxlevel, shortened.maxstring, shortened.maxother, shortened.maxlong = 2, 60, 60, 40
    shortened.maxlist = shortened.maxtuple = shortened.maxdict = shortened.maxset = 4
    text = shortened.repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        ValueError: it is none, is nested too deeply, or is far too large; the message names the file.
    """
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise ValueError(f"{path}: {size} bytes, no file of this kind is so large")
    return json_value(path.read_bytes(), str(path))


def json_value(data: bytes, path: str) -> Any:
    """The same of the bytes of one; `path`: where it stands, for messages."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError(f"{path}: not valid JSON (nested too deeply)") from None
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error})") from error


def parse_json(data: bytes) -> Any:
    """The value of JSON that pypack wrote, fast; names that are not UTF-8 are in it as lone surrogates.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    try:
        return orjson.loads(data)
    except ValueError:  # which lone surrogates are to orjson
        try:
            return json.loads(data)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def check_required(features: Any, known: Collection[str], place: str) -> None:
    """Raises ValueError for the first feature that a file requires and this pypack does not know."""
    if features is None:
        return
    check(features, Field("list", items=TEXT), place, "requires")
    for feature in features:
        if feature not in known:
            raise ValueError(
                f"{place}: requires the feature {brief(feature)}, which this pypack does not know; update"
            )


def check(value: Any, field: Field, place: str, name: str = "") -> None:
    """Raises ValueError unless a value is what its field must be; `place`, `name`: file and field."""
    if value is None and field.null:
        return
    if field.or_list and _is_kind(value, "list"):
        for i, one in enumerate(value):
            check(one, replace(field, or_list=False), place, f"{name}[{i}]")
        return
    if not _is_kind(value, field.kind):
        raise _wrong(place, name, field, value)
    if field.kind in ("int", "number") and not field.low <= value <= field.high:
        raise _wrong(place, name, field, value)
    if field.items is not None and isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{place}: field {brief(name)} must have names as keys, has {brief(key)}")
            check(item, field.items, place, _inner(name, key))
    elif field.items is not None:
        for i, item in enumerate(value):
            check(item, field.items, place, f"{name}[{i}]")
    if field.fields is not None:
        _check_fields(value, field, place, name)


def _check_fields(values: Mapping[Any, Any], field: Field, place: str, name: str) -> None:
    assert field.fields is not None
    for key, inner in field.fields.items():
        if key in values:
            check(values[key], inner, place, _inner(name, key))
        elif not inner.optional:
            raise ValueError(f"{place}: field '{_inner(name, key)}' is missing")
    if not field.open:
        for key in values:
            if key not in field.fields:
                raise ValueError(f"{place}: field {brief(_inner(name, key))} is unknown")


def _is_kind(value: Any, kind: str) -> bool:
    if kind in ("int", "number"):
        if isinstance(value, (bool, float)):
            return kind == "number" and isinstance(value, float) and math.isfinite(value)
        try:
            operator.index(value)
        except TypeError:
            return False
        return True
    if kind == "name":
        return isinstance(value, str) and is_plain_name(value)
    if kind == "list":
        return isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    types: Mapping[str, type] = {"text": str, "flag": bool, "dict": Mapping, "any": object}
    return isinstance(value, types[kind])


def is_plain_name(name: str) -> bool:
    """Whether a name stays in its folder: no separator, drive or `..`, and nothing for a terminal."""
    return name not in ("", ".", "..") and name.isprintable() and not set(name) & set("/\\:")


def _inner(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)


def _wrong(place: str, name: str, field: Field, value: object) -> ValueError:
    what = f"field {name!r} " if len(name) <= 80 else f"field {brief(name)} "
    kind = {"number": "number that is finite", "name": "plain file name"}.get(field.kind, field.kind)
    low, high = (None if math.isinf(bound) else f"{bound:,}" for bound in (field.low, field.high))
    bounds = f" (from {low or 'any'} to {high or 'any'})" if low or high else ""
    return ValueError(f"{place}: {what if name else ''}must be a {kind}, is {brief(value)}{bounds}")
