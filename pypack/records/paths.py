"""A field of a record by its name or dotted path."""

from __future__ import annotations

from typing import Any

MISSING: Any = type(
    "Missing", (), {"__repr__": lambda self: "MISSING", "__reduce__": lambda self: "MISSING"}
)()


def value_at(record: dict[str, Any], path: str) -> Any:
    """The value at a path, or MISSING; a key that literally equals the path wins."""
    if path in record:
        return record[path]
    if "." not in path:
        return MISSING
    value: Any = record
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value
