"""Bounds for what a template may do: so that none runs for ever or fills the memory."""

from __future__ import annotations

import re
import time
from typing import Any

# Characters or items of any one value.
LARGEST_VALUE = 1 << 28
_LARGEST_LIST = 1 << 22
_LARGEST_NUMBER_BITS = 1 << 16
# Items of loops and calls; each message of a conversation allows more.
_STEPS = 1 << 20
_STEPS_PER_MESSAGE = 1 << 10
# Characters made on the way, which may be far more than those of the output.
_WORK = 1 << 33
# The last resort, for what none of the above counts; far above what any conversation takes.
_SECONDS = 60.0
# Methods of strings that may make a longer one.
_GROWING = frozenset(
    ["ljust", "rjust", "center", "zfill", "expandtabs", "replace", "join", "format", "format_map"]
)
_LARGE_WIDTH = re.compile(r"\d{7}")


class TooMuchError(Exception):
    """A template does more than it is allowed to."""


class Budget:
    """What one rendering may still do."""

    def __init__(self, messages: int) -> None:
        self._steps = _STEPS + _STEPS_PER_MESSAGE * messages
        self._work = _WORK
        self._deadline = time.monotonic() + _SECONDS

    def take_steps(self, count: int) -> None:
        """Counts items of loops, or calls."""
        self._steps -= count
        if self._steps < 0:
            raise TooMuchError("it takes too many steps (does a loop end?)")
        if (self._steps & 15 == 0 or count > 15) and time.monotonic() > self._deadline:
            raise TooMuchError(f"it takes longer than {_SECONDS:.0f} s")

    def take_size(self, size: int, most: int = LARGEST_VALUE) -> None:
        """Counts characters or items of a value that is about to be made."""
        self._work -= size
        if size > most or self._work < 0:
            raise TooMuchError(f"it makes a value of {size} characters or items, or too many such")

    def take_value(self, value: Any) -> None:
        """Counts what a value would be as text; what it holds twice counts twice, and is looked at once."""
        if type(value) is str:
            self.take_size(len(value))
        elif isinstance(value, list | tuple | dict):
            self.take_size(_text_size(value, {}))

    def check_operator(self, operator: str, left: Any, right: Any) -> None:
        """Counts what an operator of a template would make."""
        if operator == "+":
            if type(left) is str and type(right) is str:
                self.take_size(len(left) + len(right))
            elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
                self.take_size(len(left) + len(right), _LARGEST_LIST)
        elif operator == "*":
            for value, times in ((left, right), (right, left)):
                if isinstance(value, str | bytes) and isinstance(times, int):
                    self.take_size(len(value) * max(times, 0))
                elif isinstance(value, list | tuple) and isinstance(times, int):
                    self.take_size(len(value) * max(times, 0), _LARGEST_LIST)
            if isinstance(left, int) and isinstance(right, int):
                self.take_size(left.bit_length() + right.bit_length(), _LARGEST_NUMBER_BITS)
        elif operator == "**":
            if isinstance(left, int) and isinstance(right, int) and right > 0:
                self.take_size(left.bit_length() * right, _LARGEST_NUMBER_BITS)
        elif operator == "%" and isinstance(left, str):
            self.check_format(left, right if isinstance(right, tuple) else (right,))

    def check_format(self, pattern: str, values: Any) -> None:
        """Refuses widths of millions in a format, and counts its values."""
        numbers = [value for value in values if isinstance(value, int)]
        if _LARGE_WIDTH.search(pattern) or any(
            abs(number) >= 10**7 for number in numbers if "*" in pattern or "{:{" in pattern
        ):
            raise TooMuchError("it formats to a width of millions")
        for value in values:
            self.take_value(value)

    def check_method(self, text: str, method: str, arguments: tuple[Any, ...]) -> None:
        """Counts what a method of a string would make."""
        if method not in _GROWING:
            self._work -= len(text)
            return
        first = arguments[0] if arguments else None
        if method in ("ljust", "rjust", "center", "zfill") and isinstance(first, int):
            self.take_size(max(first, len(text)))
        elif method == "expandtabs":
            self.take_size(len(text) + text.count("\t") * (first if isinstance(first, int) else 8))
        elif method == "replace" and len(arguments) > 1 and isinstance(first, str):
            self.take_size(len(text) + text.count(first) * len(str(arguments[1])))
        elif method == "join" and isinstance(first, list | tuple):
            self.take_size(sum(len(part) + len(text) for part in first if isinstance(part, str)))
        elif method in ("format", "format_map"):
            self.check_format(text, arguments)


def _text_size(value: Any, known: dict[int, int]) -> int:
    """About how many characters a value has as text."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, list | tuple | dict):
        return 8
    if id(value) in known:
        return known[id(value)]
    known[id(value)] = 0  # what holds itself is printed as "..."
    items = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    known[id(value)] = size = 2 + sum(_text_size(item, known) + 2 for item in items)
    return size
