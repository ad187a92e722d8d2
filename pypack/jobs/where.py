"""`where`: documents by a condition on the fields of their records."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.columnar.expressions import Condition, ExpressionError, parse_condition
from pypack.corpus import DocumentBatch

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS = ("number", "string", "boolean")
# Beyond so many columns kinds are not tried out one by one.
_MOST_COLUMNS = 6


class Where:
    """A condition, asked of the columns of batches.

    Values of JSON have no type that is known beforehand: it follows from the condition. What is of another
    kind is null there, except for numbers that are written as text (as those of CSV are).

    Attributes:
        condition: the parsed condition.

    Raises:
        ExpressionError: the text is no condition.
    """

    def __init__(self, text: str) -> None:
        self.condition: Condition = parse_condition(text)
        self._kinds: dict[str, str] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that it looks at."""
        return self.condition.columns

    def holds(self, batch: DocumentBatch, columns: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Of which documents it is true; what has no answer is not.

        Args:
            columns: the values of its fields.

        Raises:
            ExpressionError: values of their types cannot be compared so.
        """
        import pyarrow as pa

        if self._kinds is None:
            self._kinds = self._wanted_kinds()
        arrays = {name: _as_kind(columns[name], self._kinds[name]) for name in self.columns}
        if not arrays:
            arrays = {"": pa.nulls(len(batch))}
        return self.condition.values(pa.table(arrays))[0]

    def check(self) -> None:
        """Raises ExpressionError if no columns could answer it, whatever they hold."""
        if self.columns:
            self._wanted_kinds()
        else:
            import pyarrow as pa

            self.condition.values(pa.table({"": pa.nulls(1)}))

    def _wanted_kinds(self) -> dict[str, str]:
        """Name → the only kind of values that the condition can be asked of, or "any"."""
        import pyarrow as pa

        names = self.columns
        if len(names) > _MOST_COLUMNS:
            return dict.fromkeys(names, "any")
        fit: dict[str, set[str]] = {name: set() for name in names}
        first: ExpressionError | None = None
        for kinds in itertools.product(_KINDS, repeat=len(names)):
            nothing = {n: pa.nulls(1, _type_of(k)) for n, k in zip(names, kinds, strict=True)}
            try:
                self.condition.values(pa.table(nothing))
            except ExpressionError as error:
                first = first or error
                continue
            for name, kind in zip(names, kinds, strict=True):
                fit[name].add(kind)
        if first is not None and not all(fit.values()):
            raise first
        return {name: next(iter(kinds)) if len(kinds) == 1 else "any" for name, kinds in fit.items()}


def _type_of(kind: str) -> pa.DataType:
    import pyarrow as pa

    return {"number": pa.float64(), "string": pa.string(), "boolean": pa.bool_()}[kind]


def _as_kind(values: Any, kind: str) -> Any:
    """A column as values of a kind, null where they are of another."""
    import pyarrow as pa
    import pyarrow.types as types

    if isinstance(values, list):
        return _from_values(values, kind)
    if types.is_null(values.type):
        return pa.nulls(len(values), pa.string() if kind == "any" else _type_of(kind))
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    is_text = types.is_string(values.type) or types.is_large_string(values.type)
    if kind in ("number", "boolean") and is_text:
        return _from_values(values.to_pylist(), kind)
    return values


def _from_values(values: list[Any], kind: str) -> Any:
    import pyarrow as pa

    if kind == "any":
        kinds = {_kind_of(value) for value in values} - {"null"}
        if len(kinds) > 1 or "other" in kinds:  # as text they are, or are not, and no more
            return pa.array([None if value is None else str(value) for value in values], pa.string())
        kind = next(iter(kinds), "string")
    if kind == "number":
        numbers = [_number(value) for value in values]
        whole = all(type(value) is int and abs(value) < 2**63 for value in numbers if value is not None)
        return pa.array(numbers if whole else [None if v is None else float(v) for v in numbers],
                        pa.int64() if whole else pa.float64())  # fmt: skip
    wanted = str if kind == "string" else bool
    return pa.array([value if type(value) is wanted else None for value in values], _type_of(kind))


def _kind_of(value: Any) -> str:
    names = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "string"}
    return names.get(type(value), "other")


def _number(value: Any) -> int | float | None:
    if type(value) in (int, float):
        number: int | float = value
        return number
    if type(value) is str:
        try:
            return float(value)
        except ValueError:
            return None
    return None
