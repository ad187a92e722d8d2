"""Records of a schedule as plain values and as what can be hashed, whichever record it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


def plain_record(record: Any) -> dict[str, Any]:
    """Plain values of a dataclass by field, without what stands at its default."""
    out: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if value == default:
            continue
        if field.name == "phases":
            value = [plain_record(phase) for phase in value]
        elif dataclasses.is_dataclass(value):
            value = plain_record(value)
        elif isinstance(value, Mapping):
            value = dict(value)  # keys by length stay whole numbers: `from_dict` takes JSON's strings, too
        elif isinstance(value, tuple):
            value = [list(one) if isinstance(one, tuple) else one for one in value]
        out[field.name] = value
    return out


def hashable(value: Any) -> Any:
    """A value as one that can be hashed; equal ones give equal ones."""
    if isinstance(value, Mapping):
        return frozenset((key, hashable(one)) for key, one in value.items())
    if dataclasses.is_dataclass(value):
        return tuple(hashable(getattr(value, field.name)) for field in dataclasses.fields(value))
    return tuple(map(hashable, value)) if isinstance(value, tuple | list) else value


def known_fields(record: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, as a dict.

    Raises:
        ValueError: one is of a field that the record does not have.
    """
    names = [field.name for field in dataclasses.fields(record)]
    for name in values:
        if name not in names:
            raise ValueError(f"{record.__name__} has no field {name!r}; its fields: {', '.join(names)}")
    return dict(values)
