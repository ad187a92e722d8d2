"""Fields of a JSON record by their names or dotted paths, and the text that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = object()
DEFAULT_JOINER = "\n\n"


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


@dataclass(frozen=True, slots=True)
class TextFields:
    """Which fields of a record are its text.

    Attributes:
        names: names or dotted paths. Of several, those that a record has are joined in this order; what is
            missing, null or empty is left out, and a record with none of them has no text.
        joiner: what stands between them.
    """

    names: tuple[str, ...]
    joiner: str = DEFAULT_JOINER

    @classmethod
    def of(cls, names: str | Sequence[str], joiner: str = DEFAULT_JOINER) -> TextFields:
        """One name, or several.

        Raises:
            ValueError: none, or one twice.
        """
        several = (names,) if isinstance(names, str) else tuple(names)
        if not several or len(set(several)) != len(several):
            raise ValueError(f"field must name fields, each once, got {names!r}")
        return cls(several, joiner)

    @property
    def quoted(self) -> str:
        """The names in words: 'title' or 'body'."""
        return " or ".join(map(repr, self.names))

    def getter(self) -> Callable[[dict[str, Any]], Any]:
        """A function from a record to its text; to what stands there instead where that is no text."""
        if len(self.names) == 1:
            return field_getter(self.names[0])
        getters = [field_getter(name) for name in self.names]

        def get(record: dict[str, Any]) -> Any:
            found = [get(record) for get in getters]
            present = [value for value in found if value is not MISSING and value is not None]
            if not present:
                return None if None in found else MISSING
            wrong = [value for value in present if type(value) is not str]
            return wrong[0] if wrong else self.joiner.join(value for value in present if value)

        return get


TEXT = TextFields(("text",))
