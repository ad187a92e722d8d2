"""What a condition can ask of a column of each type, told to whom asks something else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_VALUES = {
    "not in range": "a whole number of more than 2**53 is no fraction: compare without dividing",
    "divide by zero": "a value is divided by zero: leave these rows out of the division",
    "overflow": "a sum, difference, product or absolute value is too large for its type: divide, which is of "
    "fractions, or compare smaller values",
}


def refusal(schema: pa.Schema, columns: tuple[str, ...], reason: str) -> str:
    """Why a condition cannot be asked of its columns, and what can be.

    Args:
        schema: has the columns.
        columns: those of the condition.
        reason: in Arrow's words.
    """
    for words, told in _VALUES.items():
        if words in reason:
            return told
    if not columns:
        return "a number cannot be compared with a text, nor either with true or false"
    return "; ".join(told_kind(name, schema.field(name).type) for name in columns)


def told_kind(name: str, type: pa.DataType) -> str:
    """The type of a column, and what can be written of it."""
    import pyarrow as pa
    from pyarrow import types

    written = name if re.fullmatch(r"[^\W\d][\w.]*", name) else f"`{name}`"
    of = type.value_type if types.is_dictionary(type) else type
    if types.is_boolean(of):
        holds, rule = "true or false", f"write {written}, or not {written}"
    elif types.is_integer(of) or types.is_floating(of) or types.is_decimal(of):
        holds, rule = "numbers", f"compare it with numbers, as in {written} > 1"
    elif types.is_string(of) or types.is_large_string(of) or of == getattr(pa, "string_view", pa.string)():
        holds, rule = "texts", f"compare it with texts in quotes, as in {written} == 'a'"
    elif types.is_binary(of) or types.is_large_binary(of):
        holds, rule = "bytes", f"compare it with texts in quotes, as in {written} == 'a'"
    elif types.is_temporal(of):
        holds, rule = "times", f"compare it with a column of the same type, or ask {written} is null"
    elif types.is_nested(of):
        holds, rule = "several values in one", f"only {written} is null can be asked of it"
    else:
        holds, rule = "other values", f"only {written} is null can be asked of it"
    return f"{name!r} is {type}, {holds}: {rule}"
