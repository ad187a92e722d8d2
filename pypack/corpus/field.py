"""A field of a JSON record by its name or dotted path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MISSING = object()


def field_getter(path: str) -> Callable[[dict[str, Any]], Any]:
    """A function from a record to the value at `path`, or to MISSING.

    A key that literally equals the path wins over the nested value: {"a.b": 1, "a": {"b": 2}} gives 1 for
    "a.b".
    """
    parts = path.split(".")

    def get(record: dict[str, Any]) -> Any:
        value: Any = record.get(path, MISSING)
        if value is not MISSING or len(parts) == 1:
            return value
        value = record
        for part in parts:
            if not isinstance(value, dict) or part not in value:
                return MISSING
            value = value[part]
        return value

    return get
