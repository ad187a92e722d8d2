"""Conditions on columns, as a user writes them: `score > 0.7 and lang in ('en', 'de')`.

A parser of its own makes an expression of Arrow's compute functions of the text; nothing of it is ever run as
Python. What it takes:

| form                                        | means                                                   |
|---------------------------------------------|---------------------------------------------------------|
| `name`, `meta.score`, `` `odd name` ``      | a column; a dotted name is one name                     |
| `1`, `0.5`, `1e-3`, `'text'`, `true`        | values; in texts `\\'` and `\\\\` stand for ' and \\        |
| `==` `!=` `<` `<=` `>` `>=`                 | comparisons; `0.3 < score < 0.7` is both                |
| `x in (1, 2)`, `x not in ('a', 'b')`        | one of several values                                   |
| `x is null`, `x is not null`                | whether there is a value                                |
| `+` `-` `*` `/`                             | arithmetic, of fractions where `/` stands               |
| `and` `or` `not`, parentheses               | as in SQL: what is not known is not true                |
| `starts_with(x, 'a')`, `ends_with`, `contains`, `length(x)`, `abs(x)`, `lower(x)`, `is_nan(x)` | functions |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.columnar.condition_kinds import refusal, told_kind
from pypack.columnar.condition_words import ExpressionError, Word, words_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

__all__ = ["Condition", "ExpressionError", "parse_condition"]

_DEEPEST = 64  # parentheses within one another: a text may come from anywhere
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Condition:
    """A parsed condition.

    Attributes:
        text: as it was written.
        columns: names of the columns that it looks at, each once, in the order of the text.
    """

    text: str
    columns: tuple[str, ...]
    _make: Callable[[], pc.Expression]

    @cached_property
    def expression(self) -> pc.Expression:
        """The condition for Arrow's compute functions."""
        return self._make()

    def values(self, table: pa.Table | pa.RecordBatch) -> tuple[NDArray[np.bool_], int]:
        """Of which rows the condition is true.

        Args:
            table: has the columns of the condition, and perhaps more.

        Returns:
            bool [rows], and how many rows had no answer, since a value is null: those count as false.

        Raises:
            ExpressionError: there is no such column, or values of its type cannot be compared so.
        """
        import pyarrow as pa
        import pyarrow.dataset as ds

        for name in self.columns:
            if name not in table.schema.names:
                raise ExpressionError(
                    f"{self.text!r}: there is no column {name!r}; there are "
                    f"{', '.join(map(repr, table.schema.names)) or 'none'}"
                )
        mask = np.zeros(table.num_rows, np.bool_)
        unknown, begin = 0, 0
        if not self.columns:  # Arrow sees no rows in a table without columns
            table = pa.table({"": np.zeros(table.num_rows, np.bool_)})
        else:
            table = pa.table({name: table.column(name) for name in self.columns})
        try:
            # Batch by batch, in Arrow's threads: what lies between is never as large as a column.
            scanner = ds.dataset(table).scanner(columns={"true": self.expression})
            for batch in scanner.to_batches():
                answers = batch.column(0)
                if not pa.types.is_boolean(answers.type):
                    told = "; ".join(told_kind(name, table.schema.field(name).type) for name in self.columns)
                    raise ExpressionError(f"{self.text!r} is {answers.type}, not true or false: {told}")
                unknown += answers.null_count
                if answers.null_count:
                    answers = answers.fill_null(False)
                mask[begin : begin + len(answers)] = answers.to_numpy(zero_copy_only=False)
                begin += len(answers)
        except (pa.ArrowException, NotImplementedError) as error:
            told = refusal(table.schema, self.columns, str(error))
            raise ExpressionError(f"{self.text!r} cannot be asked of these columns: {told}") from error
        return mask, unknown


def parse_condition(text: str) -> Condition:
    """The condition that a text says; see the top of this module for what may stand in it.

    Raises:
        ExpressionError: names the place in the text that is wrong, and what would be right.
    """
    parser = _Parser(text)
    make = parser.whole()
    return Condition(text, tuple(dict.fromkeys(parser.columns)), make)


_Make = Callable[[], Any]  # makes an expression: Arrow is not loaded to parse


def _literal(value: object) -> _Make:
    def make() -> Any:
        import pyarrow.compute as pc

        return pc.scalar(value)

    return make


def _column(name: str) -> _Make:
    def make() -> Any:
        import pyarrow.compute as pc

        return pc.field(name)

    return make


def _called(name: str, argument: _Make, pattern: str | None = None) -> _Make:
    def make() -> Any:
        import pyarrow.compute as pc

        if name in _OF_TEXTS:  # of a dictionary, too
            return getattr(pc, name)(argument().cast("string"), *([] if pattern is None else [pattern]))
        return getattr(pc, name)(argument())

    return make


def _divided(left: _Make, right: _Make) -> _Make:
    """Fractions, also of whole numbers: 1 / 2 is no 0."""

    def make() -> Any:
        return left().cast("double") / right().cast("double")

    return make


def _with(operator: str, left: _Make, right: _Make) -> _Make:
    import operator as operators

    of = {
        "==": operators.eq,
        "!=": operators.ne,
        "<": operators.lt,
        "<=": operators.le,
        ">": operators.gt,
        ">=": operators.ge,
        "+": operators.add,
        "-": operators.sub,
        "*": operators.mul,
        "and": operators.and_,
        "or": operators.or_,
    }[operator]

    def make() -> Any:
        return of(left(), right())

    return make


# Names of functions, the compute function of Arrow that each is, and whether a text follows.
_FUNCTIONS = {
    "starts_with": ("starts_with", True),
    "ends_with": ("ends_with", True),
    "contains": ("match_substring", True),
    "length": ("utf8_length", False),
    "lower": ("utf8_lower", False),
    "abs": ("abs", False),
    "is_nan": ("is_nan", False),
}
_OF_TEXTS = ("starts_with", "ends_with", "match_substring", "utf8_length", "utf8_lower")


class _Parser:
    """Recursive descent, one method a strength of binding, from `or` down to single values."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = words_of(text)
        self._at = 0
        self._depth = 0
        self.columns: list[str] = []

    def whole(self) -> _Make:
        made = self._any()
        if self._word.kind != "end":
            raise self._wrong("the end, 'and' or 'or'")
        return made

    @property
    def _word(self) -> Word:
        return self._words[self._at]

    def _is(self, *texts: str) -> bool:
        return self._word.kind == "sign" and self._word.text in texts

    def _take(self, *texts: str) -> str | None:
        """The next word, if it is one of these, and then it is passed over."""
        if not self._is(*texts):
            return None
        self._at += 1
        return self._words[self._at - 1].text

    def _need(self, text: str) -> None:
        if self._take(text) is None:
            raise self._wrong(repr(text))

    def _wrong(self, needed: str) -> ExpressionError:
        found = "the end" if self._word.kind == "end" else repr(self._word.text)
        return ExpressionError(
            f"{self._text!r}: at character {self._word.place + 1}: {needed} is needed, not {found}"
        )

    def _any(self) -> _Make:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError(f"{self._text[:80]!r}...: more than {_DEEPEST} parentheses in one another")
        made = self._all()
        while self._take("or"):
            made = _with("or", made, self._all())
        self._depth -= 1
        return made

    def _all(self) -> _Make:
        made = self._negated()
        while self._take("and"):
            made = _with("and", made, self._negated())
        return made

    def _negated(self) -> _Make:
        times = 0
        while self._take("not"):
            times += 1
        made = self._compared()
        return _called("invert", made) if times % 2 else made

    def _compared(self) -> _Make:
        left = self._sum()
        if self._take("is"):
            negated = self._take("not") is not None
            self._need("null")
            return _called("is_valid" if negated else "is_null", left)
        if self._is("in", "not"):
            negated = self._take("not") is not None
            self._need("in")
            one_of = self._one_of(left)
            return _called("invert", one_of) if negated else one_of
        made: _Make | None = None
        while sign := self._take(*_COMPARISONS):
            right = self._sum()
            one = _with(sign, left, right)
            made = one if made is None else _with("and", made, one)
            left = right
        return left if made is None else made

    def _one_of(self, left: _Make) -> _Make:
        closing = ")" if self._take("(") else "]"
        if closing == "]":
            self._need("[")
        values = [self._value()]
        while self._take(","):
            if self._is(closing):
                break
            values.append(self._value())
        self._need(closing)
        kinds = {float if isinstance(v, int | float) and not isinstance(v, bool) else type(v) for v in values}
        if len(kinds) > 1:
            raise ExpressionError(f"{self._text!r}: the values behind 'in' must be of one kind")

        def make() -> Any:
            import pyarrow as pa
            import pyarrow.compute as pc

            found = left()
            # A null is in no list, and out of none: as with ==.
            return pc.if_else(pc.is_valid(found), found.isin(pa.array(values)), pa.scalar(None, pa.bool_()))

        return make

    def _value(self) -> Any:
        minus = self._take("-") is not None
        word = self._word
        if word.kind == "sign" and word.text in ("true", "false") and not minus:
            self._at += 1
            return word.text == "true"
        if word.kind not in ("number", "text") or (minus and word.kind == "text"):
            raise self._wrong("a value")
        self._at += 1
        return -word.value if minus else word.value

    def _sum(self) -> _Make:
        made = self._product()
        while sign := self._take("+", "-"):
            made = _with(sign, made, self._product())
        return made

    def _product(self) -> _Make:
        made = self._signed()
        while sign := self._take("*", "/"):
            right = self._signed()
            made = _divided(made, right) if sign == "/" else _with(sign, made, right)
        return made

    def _signed(self) -> _Make:
        times = 0
        while self._take("-"):
            times += 1
        if times % 2 == 0:
            return self._single()
        if self._word.kind == "number":
            self._at += 1
            return _literal(-self._words[self._at - 1].value)
        return _called("negate", self._single())

    def _single(self) -> _Make:
        word = self._word
        if self._take("("):
            made = self._any()
            self._need(")")
            return made
        if word.kind in ("number", "text"):
            self._at += 1
            return _literal(word.value)
        if word.kind == "sign" and word.text in ("true", "false"):
            self._at += 1
            return _literal(word.text == "true")
        if self._is("null"):
            raise self._wrong("'is null' or 'is not null' behind a column: nothing compares with null,")
        if word.kind != "name":
            raise self._wrong("a column, a value or '('")
        self._at += 1
        if word.quoted or not self._is("("):
            self.columns.append(word.text)
            return _column(word.text)
        return self._call(word)

    def _call(self, word: Word) -> _Make:
        if word.text not in _FUNCTIONS:
            raise ExpressionError(
                f"{self._text!r}: at character {word.place + 1}: there is no function {word.text!r}; there "
                f"are {', '.join(_FUNCTIONS)}"
            )
        name, takes_text = _FUNCTIONS[word.text]
        self._need("(")
        argument = self._any()
        pattern: str | None = None
        if takes_text:
            self._need(",")
            if self._word.kind != "text":
                raise self._wrong("a text in quotes")
            pattern = str(self._word.value)
            self._at += 1
        self._need(")")
        return _called(name, argument, pattern)
