"""What a template does with the contents of a conversation, seen once and done again without the template.

Conversations of one structure (roles, keys, everything but the texts) are rendered alike, unless the template
looks into the texts. Here a template is rendered with stand-ins for them, which notice all that is asked: a
question that every text can answer ("does it hold </think>?") is kept with its answer, a change that can be
made to every text (`strip`) is kept as such, and whatever else is done to a stand-in ends the attempt. What
comes out is a skeleton: literal text, and the places of the contents in it. For the next conversation of that
structure whose texts answer alike, it is filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.utils import Namespace

from pypack.records.rendered import Spans
from pypack.records.sandbox import ChatEnvironment, Rendering

# A plane of Unicode that no text uses: each character stands for a content, or a change of one.
_FIRST, _LAST = 0x100000, 0x10FFFD
_MOST_MARKS = 4096

Change = tuple[str, tuple[Any, ...]]  # a method of strings, and its arguments
# Methods that make a text of a text, and those that answer a question about it.
_CHANGES = frozenset(
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
_QUESTIONS = frozenset(
    ["startswith", "endswith", "isdigit", "isspace", "isalpha", "isupper", "islower", "count", "find"]
)
# Filters and tests that do not look into a text.
_BLIND_FILTERS = frozenset(
    [
        "default",
        "d",
        "length",
        "count",
        "list",
        "first",
        "last",
        "reverse",
        "selectattr",
        "rejectattr",
        "items",
    ]
)
_BLIND_TESTS = frozenset(
    [
        "string",
        "defined",
        "undefined",
        "none",
        "mapping",
        "iterable",
        "sequence",
        "number",
        "integer",
        "float",
        "boolean",
        "true",
        "false",
        "callable",
    ]
)
_HOOKS = frozenset({"counted", "concatenated", "contained"})
_STR_NAMES = frozenset(dir(str))


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
        return Traced(chr(_FIRST + number), self)

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
        return self.trace.marks[ord(text) - _FIRST]

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
    return _FIRST <= ord(character) <= _LAST


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


class _Method:
    """A method of a stand-in."""

    def __init__(self, of: Traced, name: str) -> None:
        self._of, self._name = of, name

    def __call__(self, *arguments: Any, **kwargs: Any) -> Any:
        if kwargs or not arguments_are_plain(arguments):
            abandon()
        trace, mark = self._of.trace, self._of.mark
        if self._name in _CHANGES:
            return trace.stand_in(Mark(mark.slot, (*mark.changes, (self._name, arguments))))
        if self._name in _QUESTIONS:
            return trace.ask(mark, self._name, *arguments)
        abandon()


class TracingEnvironment(ChatEnvironment):
    """Renders with stand-ins; every way to get at what they hold leads through here, or through `Traced`."""

    def __init__(self) -> None:
        super().__init__()
        self.trace: Trace | None = None
        self.filters = {name: self._watched(name, function) for name, function in self.filters.items()}
        self.tests = {name: self._watched_test(name, function) for name, function in self.tests.items()}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        if tree.find(nodes.AssignBlock) is not None or tree.find(nodes.FilterBlock) is not None:
            abandon()  # texts that no hook sees
        for block in tree.find_all(nodes.CallBlock):
            called = block.call.node
            if not (isinstance(called, nodes.ExtensionAttribute) and called.name == "_record"):
                abandon()
        for compared in tree.find_all(nodes.Compare):
            if any(operand.op in ("in", "notin") for operand in compared.ops) and len(compared.ops) > 1:
                abandon()
        return _watch_in(tree)

    def _wrapped(self, result: Any) -> Any:
        """A text that was put together of others, as a stand-in if there are marks in it."""
        if type(result) is str and has_marks(result):
            assert self.trace is not None
            return Traced(result, self.trace)
        return result

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        passes = getattr(function, "jinja_pass_arg", None)
        first = 0 if passes is None else 1

        def watched(*args: Any, **kwargs: Any) -> Any:
            values = (*args[first:], *kwargs.values())
            if name not in _BLIND_FILTERS and any(map(holds_traced, values)):
                subject = args[first] if len(args) > first else None
                if type(subject) is Traced and not any(map(holds_traced, values[1:])):
                    if name == "trim":
                        characters = args[first + 1 :] or tuple(kwargs.values())
                        return _Method(subject, "strip")(*characters)
                    if name == "string" and len(values) == 1:
                        return subject
                abandon()
            if name in ("length", "count", "list", "first", "last", "reverse") and isinstance(
                values[0], Traced
            ):
                abandon()
            return self._wrapped(function(*args, **kwargs))

        if passes is not None:
            watched.jinja_pass_arg = passes  # type: ignore[attr-defined]
        return watched

    def _watched_test(self, name: str, function: Any) -> Callable[..., Any]:
        passes = getattr(function, "jinja_pass_arg", None)

        def watched(*args: Any, **kwargs: Any) -> Any:
            if name not in _BLIND_TESTS and any(map(holds_traced, (*args, *kwargs.values()))):
                abandon()
            return function(*args, **kwargs)

        if passes is not None:
            watched.jinja_pass_arg = passes  # type: ignore[attr-defined]
        return watched

    def contained(self, item: Any, container: Any) -> bool:
        """The operator `in`."""
        if type(container) is Traced:
            return item in container
        if type(item) is Traced and isinstance(container, str):
            abandon()
        return item in container

    def counted(self, items: Any) -> Any:
        """What a loop goes through."""
        if isinstance(items, Traced):
            abandon()
        return super().counted(items)

    def concatenated(self, *parts: Any) -> str:
        """The operator `~`."""
        if any(not isinstance(part, str) and holds_traced(part) for part in parts):
            abandon()
        return self._wrapped("".join(map(str, parts)))  # type: ignore[no-any-return]

    def _printed(self, value: Any) -> Any:
        if not isinstance(value, str) and holds_traced(value):
            abandon()
        return value

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator."""
        if isinstance(left, Traced) or isinstance(right, Traced):
            if operator != "+" or not (isinstance(left, str) and isinstance(right, str)):
                abandon()
            return self._wrapped(str(left) + str(right))
        if operator in ("%", "*") and (holds_traced(left) or holds_traced(right)):
            abandon()
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, *args: Any, **kwargs: Any) -> Any:
        """A call."""
        if type(function) is _Method:
            kwargs.pop("_loop_vars", None)
            kwargs.pop("_block_vars", None)
            return function(*args, **kwargs)
        if getattr(function, "__self__", None) is self and function.__name__ in _HOOKS:
            return function(*args)
        if not isinstance(function, Macro) and function is not self.globals["namespace"]:
            given = (
                *args,
                *(v for k, v in kwargs.items() if k not in ("_loop_vars", "_block_vars", "caller")),
            )
            if any(map(holds_traced, given)):
                abandon()
        return self._wrapped(super().call(context, function, *args, **kwargs))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute."""
        if type(obj) is Traced:
            if attribute in _CHANGES or attribute in _QUESTIONS:
                return _Method(obj, attribute)
            if attribute in _STR_NAMES:
                abandon()
            return self.undefined(obj="", name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item."""
        if type(obj) is Traced:
            if not isinstance(argument, str) or argument in _STR_NAMES:
                abandon()
            return self.undefined(obj="", name=argument)
        if isinstance(argument, Traced):
            abandon()
        return super().getitem(obj, argument)


def _watch_in(tree: nodes.Template) -> nodes.Template:
    """Lets the operator `in` go through the environment."""
    from jinja2.visitor import NodeTransformer

    class Watched(NodeTransformer):
        def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802  # the name that jinja calls
            self.generic_visit(node)
            if node.ops[0].op not in ("in", "notin"):
                return node
            called = nodes.Call(
                nodes.EnvironmentAttribute("contained"), [node.expr, node.ops[0].expr], [], None, None
            ).set_lineno(node.lineno)
            return nodes.Not(called).set_lineno(node.lineno) if node.ops[0].op == "notin" else called

    watched: nodes.Template = Watched().visit(tree)
    return watched


@dataclass(frozen=True)
class Skeleton:
    """A text with places for contents.

    Attributes:
        questions: what contents must answer alike.
        literals: the text between the places, one more than these.
        marks: what stands in the places.
        spans: generation spans, each border as (characters of literals before it, places before it).
    """

    questions: tuple[Question, ...]
    literals: tuple[str, ...]
    marks: tuple[Mark, ...]
    spans: tuple[tuple[tuple[int, int], tuple[int, int]], ...]

    def fits(self, contents: list[str]) -> bool:
        """Whether the contents answer every question alike."""
        for mark, question, arguments, answer in self.questions:
            text = mark.of(contents) if mark.changes else contents[mark.slot]
            if answer_to(text, question, arguments) != answer:
                return False
        return True

    def filled(self, contents: list[str]) -> tuple[str, Spans]:
        """The text, and its generation spans."""
        parts = [self.literals[0]]
        sizes = [0]
        for mark, literal in zip(self.marks, self.literals[1:], strict=True):
            text = mark.of(contents) if mark.changes else contents[mark.slot]
            parts += (text, literal)
            sizes.append(sizes[-1] + len(text))
        spans = [(a + sizes[m], b + sizes[n]) for (a, m), (b, n) in self.spans]
        return "".join(parts), spans


def skeleton_of(
    template: jinja2.Template, variables: dict[str, Any], contents: list[str], make: Callable[[Trace], Any]
) -> Skeleton | None:
    """The skeleton of a conversation, None where there is none.

    Args:
        template: compiled in a `TracingEnvironment`.
        variables: what the template finds by name, but for `messages`.
        contents: the texts of the conversation.
        make: the messages, with stand-ins of a trace in the place of their contents.
    """
    environment = template.environment
    assert isinstance(environment, TracingEnvironment)
    trace = Trace(contents)
    messages = make(trace)
    rendering = Rendering(len(messages), None)
    before, environment.current.rendering = environment.current.rendering, rendering
    environment.trace = trace
    blocks = []
    try:
        for block in template.root_render_func(template.new_context({**variables, "messages": messages})):
            blocks.append(str(block))
            rendering.size += len(blocks[-1])
    except (Abandoned, Exception):
        return None
    finally:
        environment.current.rendering = before
        environment.trace = None
    return _cut("".join(blocks), rendering.generated, trace)


def _cut(text: str, generated: Spans, trace: Trace) -> Skeleton | None:
    literals, marks, places = [""], [], []
    for place, character in enumerate(text):
        if is_mark(character):
            number = ord(character) - _FIRST
            if number >= len(trace.marks):
                return None
            marks.append(trace.marks[number])
            places.append(place)
    literals, at = [], 0
    for place in places:
        literals.append(text[at:place])
        at = place + 1
    literals.append(text[at:])

    def border(place: int) -> tuple[int, int]:
        before = sum(1 for one in places if one < place)
        return place - before, before

    spans = tuple((border(a), border(b)) for a, b in generated)
    return Skeleton(tuple(trace.questions), tuple(literals), tuple(marks), spans)
