"""The environment that renders a template with stand-ins for the contents of a conversation.

Conversations of one structure (roles, keys, everything but the texts) are rendered alike, unless the template
looks into the texts. Here a template is rendered with stand-ins for them (`pypack.records.stand_ins`); what
comes out becomes a skeleton (`pypack.records.skeleton`): literal text, and the places of the contents in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.runtime import Context, Macro

from pypack.records.sandbox import ChatEnvironment
from pypack.records.stand_ins import (
    CHANGES,
    QUESTIONS,
    Mark,
    Trace,
    Traced,
    abandon,
    arguments_are_plain,
    has_marks,
    holds_traced,
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


class _Method:
    """A method of a stand-in."""

    def __init__(self, of: Traced, name: str) -> None:
        self._of, self._name = of, name

    def __call__(self, *arguments: Any, **kwargs: Any) -> Any:
        if kwargs or not arguments_are_plain(arguments):
            abandon()
        trace, mark = self._of.trace, self._of.mark
        if self._name in CHANGES:
            return trace.stand_in(Mark(mark.slot, (*mark.changes, (self._name, arguments))))
        if self._name not in QUESTIONS:
            abandon()
        return trace.ask(mark, self._name, *arguments)


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
            if attribute in CHANGES or attribute in QUESTIONS:
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
