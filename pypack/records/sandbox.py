"""The Jinja environment of chat templates: that of transformers, with bounds.

The names and filters are those that chat templates are written for: `{% generation %}`, `break` and
`continue`, `tojson`, `raise_exception`, `strftime_now`. A template sees plain data alone, may change nothing
of it, read no file and run nothing, and what it does is counted (`pypack.records.budget`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from types import BuiltinMethodType, MethodType
from typing import Any

import jinja2
import jinja2.sandbox
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from pypack.records.budget import LARGEST_VALUE, Budget, TooMuchError
from pypack.records.rendered import Spans

# Filters that print what they are given, or make it longer.
_PRINTING = frozenset(
    [
        "string",
        "join",
        "upper",
        "lower",
        "title",
        "capitalize",
        "trim",
        "replace",
        "tojson",
        "pprint",
        "center",
        "indent",
        "wordcount",
        "escape",
        "e",
        "safe",
        "forceescape",
        "format",
        "striptags",
        "urlencode",
        "truncate",
        "wordwrap",
        "xmlattr",
        "urlize",
        "sum",
    ]
)
# What a message may say in the place of a content.
_SPEAKS_OTHERWISE = frozenset(
    ["tool_calls", "function_call", "reasoning_content", "reasoning", "thinking", "tool_responses"]
)
# What a macro, or a loop that calls itself, costs beside a step of a loop.
_STEPS_OF_CALL = 8
_NOT_GIVEN = ("lipsum",)
_DICT_NAMES = frozenset(dir(dict))
# Methods of strings that give what is safe, and no longer than the string; but `replace` is counted.
_PLAIN_METHODS = frozenset(
    [
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "rsplit",
        "startswith",
        "endswith",
        "lower",
        "upper",
        "replace",
        "splitlines",
        "find",
        "partition",
    ]
)


class RefusedByTemplateError(jinja2.TemplateError):
    """A template called `raise_exception`."""


class MissingContentError(jinja2.TemplateError):
    """A template prints the content of a message that has none."""


class _Missing(jinja2.Undefined):
    """What is not there. Printed it is nothing, as jinja has it, but for the content of a message.

    That would be a turn without words, silently: of `{"role": "user", "text": "hi"}`, say. A message that
    calls tools, or holds reasoning, has said something without it.
    """

    def __str__(self) -> str:
        message = self._undefined_obj
        if (
            self._undefined_name == "content"
            and type(message) is dict
            and "role" in message
            and _SPEAKS_OTHERWISE.isdisjoint(message)
        ):
            keys = ", ".join(map(repr, message))
            raise MissingContentError(f"prints the content of a message that has none (its keys: {keys})")
        return super().__str__()


class Rendering:
    """What one rendering has come to."""

    def __init__(self, messages: int, now: datetime | None) -> None:
        self.budget = Budget(messages)
        self.now = now
        self.size = 0  # characters of the blocks so far
        self.generated: Spans = []


class _Current(threading.local):
    rendering: Rendering | None = None


class _Bounded(NodeTransformer):
    """Lets loops and `~` go through the environment, which counts them."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  # the name that jinja calls
        self.generic_visit(node)
        node.iter = _call("counted", [node.iter], node)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _call("concatenated", node.nodes, node)


def _call(name: str, arguments: list[Any], at: nodes.Node) -> nodes.Call:
    called = nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None)
    return called.set_lineno(at.lineno)  # type: ignore[return-value]


class GenerationTag(Extension):
    """`{% generation %}...{% endgeneration %}`: where the assistant speaks."""

    tags = {"generation"}  # noqa: RUF012  # of the base class

    def parse(self, parser: Parser) -> nodes.Node:
        """The tag as a call of `_record` around its body."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_record"), [], [], body).set_lineno(line)

    def _record(self, caller: Macro) -> str:
        text: str = caller()
        rendering = self.environment.current.rendering  # type: ignore[attr-defined]
        if rendering is not None:
            rendering.generated.append((rendering.size, rendering.size + len(text)))
        return text


class TemplateNamespace(Namespace):
    """`namespace()`, without the names that lead to Python's insides."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, rest = args[0], args[1:]
        values = dict(*rest, **kwargs)
        for name in values:
            _check_name(name)
        Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        Namespace.__setitem__(self, name, value)


class _TemplateDict:
    """`dict()`, without the class behind it."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace may not hold {name!r}: names begin without _")


class ChatEnvironment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Compiles templates, and counts what they do."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[GenerationTag, loopcontrols],
            undefined=_Missing,
        )
        self.current = _Current()
        self.finalize = self._printed
        self.globals |= {
            "raise_exception": _raise_exception,
            "strftime_now": self._strftime_now,
            "dict": _TemplateDict(),
            "namespace": TemplateNamespace,
        }
        for name in _NOT_GIVEN:
            self.globals.pop(name)
        self.filters["tojson"] = _tojson
        for name in _PRINTING:
            self.filters[name] = self._counting(self.filters[name])

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Bounded().visit(super()._parse(source, name, filename))
        return tree

    @property
    def budget(self) -> Budget:
        """Of the rendering at hand; a fresh one where constants are computed when a template is compiled."""
        rendering = self.current.rendering
        return Budget(0) if rendering is None else rendering.budget

    def counted(self, items: Any) -> Any:
        """What a loop goes through."""
        if isinstance(items, jinja2.Undefined):
            return items
        if not hasattr(items, "__len__"):
            return self._one_by_one(items)
        self.budget.take_steps(len(items) + 1)
        return items

    def _one_by_one(self, items: Iterable[Any]) -> Iterator[Any]:
        budget = self.budget
        for item in items:
            budget.take_steps(1)
            yield item

    def concatenated(self, *parts: Any) -> str:
        """The operator `~`."""
        budget = self.budget
        for part in parts:
            if type(part) is not str:
                budget.take_value(part)
        texts = list(map(str, parts))
        budget.take_size(sum(map(len, texts)))
        return "".join(texts)

    def _printed(self, value: Any) -> Any:
        if type(value) is not str:
            self.budget.take_value(value)
        return value

    def _counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        passes = getattr(function, "jinja_pass_arg", None)
        first = 0 if passes is None else 1

        def counted(*args: Any, **kwargs: Any) -> Any:
            budget = self.budget
            budget.take_steps(1)
            for value in (*args[first:], *kwargs.values()):
                budget.take_value(value)
                if type(value) is int and abs(value) > 10**6:
                    budget.take_size(abs(value))
            if function.__name__ == "do_replace" and len(args) > first + 2:
                budget.check_method(str(args[first]), "replace", tuple(map(str, args[first + 1 : first + 3])))
            if function.__name__ == "do_format":
                budget.check_format(str(args[first]), (*args[first + 1 :], *kwargs.values()))
            return function(*args, **kwargs)

        if passes is not None:
            counted.jinja_pass_arg = passes  # type: ignore[attr-defined]
        return counted

    def _strftime_now(self, form: str) -> str:
        rendering = self.current.rendering
        now = None if rendering is None else rendering.now
        return (now or datetime.now()).strftime(form)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator whose value may be large."""
        rendering = self.current.rendering
        if operator == "+" and type(left) is str and type(right) is str and rendering is not None:
            rendering.budget.take_size(len(left) + len(right))
            return left + right
        self.budget.check_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, *args: Any, **kwargs: Any) -> Any:
        """A call in a template."""
        budget = self.budget
        if type(function) is BuiltinMethodType:
            owner = function.__self__
            if type(owner) is str:
                budget.take_steps(1)
                budget.check_method(owner, function.__name__, args)
                if kwargs:  # what jinja's compiler tells of the variables around
                    kwargs.pop("_loop_vars", None)
                    kwargs.pop("_block_vars", None)
                return function(*args, **kwargs)
        elif type(function) is MethodType and function.__func__ is GenerationTag._record:
            return function(kwargs["caller"])
        budget.take_steps(_STEPS_OF_CALL)
        if getattr(function, "__name__", "") in ("format", "format_map"):  # jinja's own wrapper
            pattern = str(getattr(function, "__wrapped__", function).__self__)
            budget.check_format(pattern, (*args, *kwargs.values()))
        return super().call(context, function, *args, **kwargs)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The same as jinja's, with a short way for what templates mostly ask for."""
        kind = type(obj)
        if kind is dict:
            if attribute not in _DICT_NAMES:
                if attribute in obj:
                    return obj[attribute]
                return self.undefined(obj=obj, name=attribute)
        elif kind is str:
            if attribute in _PLAIN_METHODS:
                return getattr(obj, attribute)
        elif (kind is LoopContext or kind is TemplateNamespace) and attribute[:1] != "_":
            return (
                getattr(obj, attribute, None)
                if hasattr(obj, attribute)
                else self.undefined(obj=obj, name=attribute)
            )
        return super().getattr(obj, attribute)


def _raise_exception(message: str) -> None:
    raise RefusedByTemplateError(message)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


@lru_cache(maxsize=1)
def chat_environment() -> ChatEnvironment:
    """The one environment of a process; thread-safe."""
    return ChatEnvironment()


def render(
    template: jinja2.Template, variables: dict[str, Any], messages: int, now: datetime | None
) -> tuple[str, Spans]:
    """The text of a template, and its generation spans.

    Raises:
        jinja2.TemplateError, or whatever else the template does wrong.
    """
    environment = chat_environment()
    rendering = Rendering(messages, now)
    before, environment.current.rendering = environment.current.rendering, rendering
    blocks = []
    try:
        for block in template.root_render_func(template.new_context(variables)):
            blocks.append(block)
            rendering.size += len(block)
            if rendering.size > LARGEST_VALUE:
                raise TooMuchError(f"it gives more than {LARGEST_VALUE} characters")
    finally:
        environment.current.rendering = before
    return "".join(blocks), rendering.generated
