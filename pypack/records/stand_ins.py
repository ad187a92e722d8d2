"""Stand-ins for the contents of a conversation: texts that notice what a template asks of them.

A question that every text can answer ("does it hold </think>?") is kept with its answer, a change that can be
made to every text (`strip`) is kept as such, and whatever else is done to a stand-in ends the attempt. See
`pypack.records.tracing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import jinja2
from jinja2.runtime import LoopContext, Macro
from jinja2.utils import Namespace

# A plane of Unicode that no text uses: each character stands for a content, or a change of one.
FIRST_MARK, _LAST_MARK = 0x100000, 0x10FFFD
_MOST_MARKS = 4096

Change = tuple[str, tuple[Any, ...]]  # a method of strings, and its arguments
# Methods that make a text of a text, and those that answer a question about it.
CHANGES = frozenset(
    [
        "strip",
        "lstrip",
        "rstrip",
        "lower",
        "upper",
        "title",
        "capitalize",
        "removeprefix",
        "removesuffix",
        "replace",
    ]
)
QUESTIONS = frozenset(
    ["startswith", "endswith", "isdigit", "isspace", "isalpha", "isupper", "islower", "count", "find"]
)


class Abandoned(BaseException):
    """A template does what no skeleton can do; not to be caught by what it runs through."""


def abandon() -> NoReturn:
    """Ends an attempt."""
    raise Abandoned


@dataclass(frozen=True)
class Mark:
    """What a character of a traced text stands for: a content (by its number), and what was done to it."""

    slot: int
    changes: tuple[Change, ...] = ()

    def of(self, contents: list[str]) -> Any:
        """The text, of given contents."""
        text = contents[self.slot]
        for name, arguments in self.changes:
            text = getattr(text, name)(*arguments)
        return text


Question = tuple[Mark, str, tuple[Any, ...], Any]  # of whom, what, with which arguments, and the answer


class Trace:
    """What was asked while a template was rendered with the contents of one conversation."""

    def __init__(self, contents: list[str]) -> None:
        self.contents = contents
        self.marks: list[Mark] = []
        self.questions: list[Question] = []
        self._numbers: dict[Mark, int] = {}

    def stand_in(self, mark: Mark) -> Traced:
        """A text that stands for a mark."""
        number = self._numbers.get(mark)
        if number is None:
            if len(self.marks) >= _MOST_MARKS:
                abandon()
            number = self._numbers[mark] = len(self.marks)
            self.marks.append(mark)
        return Traced(chr(FIRST_MARK + number), self)

    def ask(self, mark: Mark, question: str, *arguments: Any) -> Any:
        """The answer of this conversation, noted."""
        if not all(arguments_are_plain(argument) for argument in arguments):
            abandon()
        answer = answer_to(mark.of(self.contents), question, arguments)
        self.questions.append((mark, question, arguments, answer))
        return answer


def arguments_are_plain(value: Any) -> bool:
    """Whether a value holds no stand-in, and is of a type that says so."""
    if isinstance(value, tuple | list):
        return all(map(arguments_are_plain, value))
    return value is None or type(value) in (str, int, bool, float)


def answer_to(text: str, question: str, arguments: tuple[Any, ...]) -> Any:
    """The answer of a text."""
    if question == "bool":
        return bool(text)
    if question == "equals":
        return text == arguments[0]
    if question == "contains":
        return arguments[0] in text
    return getattr(text, question)(*arguments)


class Traced(str):
    """A text that stands for a content, or has such in it. Python sees the characters of the marks in it."""

    __slots__ = ("trace",)
    trace: Trace

    def __new__(cls, text: str, trace: Trace) -> Traced:
        made = super().__new__(cls, text)
        made.trace = trace
        return made

    @property
    def mark(self) -> Mark:
        """The one mark that it is; a text with more in it is nobody's to ask."""
        text = str.__str__(self)
        if str.__len__(self) != 1:
            abandon()
        return self.trace.marks[ord(text) - FIRST_MARK]

    def __str__(self) -> str:
        return str.__str__(self)

    def __bool__(self) -> bool:
        text = str.__str__(self)
        if any(not is_mark(character) for character in text):
            return True
        return bool(self.trace.ask(self.mark, "bool"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return False
        if type(other) is not str:
            abandon()
        return bool(self.trace.ask(self.mark, "equals", other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __contains__(self, other: object) -> bool:
        if type(other) is not str:
            abandon()
        return bool(self.trace.ask(self.mark, "contains", other))

    def _abandon(self, *_: Any, **__: Any) -> NoReturn:
        abandon()

    __hash__ = _abandon
    __len__ = __iter__ = __getitem__ = _abandon
    __lt__ = __le__ = __gt__ = __ge__ = _abandon
    __add__ = __radd__ = __mod__ = __rmod__ = __mul__ = __rmul__ = __format__ = __repr__ = _abandon


def is_mark(character: str) -> bool:
    """Whether a character stands for a content."""
    return FIRST_MARK <= ord(character) <= _LAST_MARK


def has_marks(text: str) -> bool:
    """Whether a text has such characters."""
    return not text.isascii() and any(map(is_mark, text))


# What holds no text, or shows it by a stand-in's own methods alone.
_LEAVES = (str, int, float, type(None), range, jinja2.Undefined, Macro, Namespace, LoopContext)


def holds_traced(value: Any, depth: int = 0) -> bool:
    """Whether a value is or holds a stand-in, or cannot be looked through."""
    if isinstance(value, Traced):
        return True
    if isinstance(value, dict):
        return depth > 20 or any(holds_traced(item, depth + 1) for item in value.values())
    if isinstance(value, list | tuple):
        return depth > 20 or any(holds_traced(item, depth + 1) for item in value)
    # Of views and generators nobody knows without asking.
    return not (isinstance(value, _LEAVES) or callable(value))
