"""The skeletons of a template by the structure of conversations, see `pypack.records.skeleton`."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypack.records.messages import Message
from pypack.records.rendered import Spans

if TYPE_CHECKING:
    import jinja2

    from pypack.records.skeleton import Skeleton
    from pypack.records.stand_ins import Trace

# Keys whose texts differ from one conversation to the next.
_SLOTS = frozenset({"content", "reasoning_content", "thinking", "reasoning"})
_MOST_STRUCTURES = 2048
_MOST_SKELETONS = 8  # of a structure, for different answers to a template's questions
_MOST_MESSAGES = 64
# A structure gets a skeleton when it is met again.
_SEEN_ONCE: tuple[Skeleton, ...] = ()


class Skeletons:
    """Renders conversations of known structures; thread-safe.

    Args:
        source: of the template.
        variables: what it finds by name besides the conversation; the same for all.
    """

    def __init__(self, source: str, variables: Mapping[str, Any]) -> None:
        self._source = source
        self._variables = dict(variables)
        self._known: dict[Any, tuple[Skeleton, ...] | None] = {}  # None: hopeless
        self._lock = threading.Lock()
        self._template: jinja2.Template | None = None
        self._is_hopeless = False

    def render(self, conversation: list[Message], tools: Any) -> tuple[str, Spans] | None:
        """The text and its generation spans; None where the template is to be asked."""
        if self._is_hopeless or len(conversation) > _MOST_MESSAGES:
            return None
        contents: list[str] = []
        key = _structure(conversation, tools, contents)
        if key is None:
            return None
        skeletons = self._known.get(key, False)
        if skeletons is None:
            return None
        if skeletons is False:
            if len(self._known) < _MOST_STRUCTURES:
                self._known[key] = _SEEN_ONCE
            return None
        for skeleton in skeletons:  # type: ignore[union-attr]
            if skeleton.fits(contents):
                return skeleton.filled(contents)
        self._add(key, conversation, tools, contents)
        return None

    def _add(self, key: Any, conversation: list[Message], tools: Any, contents: list[str]) -> None:
        from pypack.records.skeleton import skeleton_of

        with self._lock:
            known = self._known.get(key)
            if known is None or len(known) >= _MOST_SKELETONS:
                self._known[key] = known or None
                return
            template = self._compiled()
            made = None
            if template is not None:
                variables = {**self._variables, "tools": tools}
                made = skeleton_of(
                    template, variables, contents, lambda trace: _with_stand_ins(conversation, trace)
                )
            self._known[key] = (*known, made) if made is not None else (known or None)

    def _compiled(self) -> jinja2.Template | None:
        from pypack.records.stand_ins import Abandoned
        from pypack.records.tracing import TracingEnvironment

        if self._template is None and not self._is_hopeless:
            try:
                self._template = TracingEnvironment().from_string(self._source)
                self._template.globals = dict(self._template.globals)
            except (Abandoned, Exception):
                self._is_hopeless = True
        return self._template


def _structure(conversation: list[Message], tools: Any, contents: list[str]) -> Any:
    """All of a conversation but its contents, which are appended; None where it has no usual form."""
    key: list[Any] = []
    for message in conversation:
        for name, value in message.items():
            key.append(name)
            if type(value) is str:
                if name in _SLOTS:
                    contents.append(value)
                    continue
                if not value.isascii():
                    return None  # rare, and it might hold what stands for contents
                key.append(value)
            elif value is True or value is False:
                key.append(value)
            else:
                text = _as_text(value)
                if text is None:
                    return None
                key += (None, text)
        key.append(0)
    if tools is not None:
        text = _as_text(tools)
        if text is None:
            return None
        key.append(text)
    return tuple(key)


def _as_text(value: Any) -> str | None:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None


def _with_stand_ins(conversation: list[Message], trace: Trace) -> list[Message]:
    from pypack.records.stand_ins import Mark

    number = 0
    messages = []
    for message in conversation:
        copied = {}
        for name, value in message.items():
            if type(value) is str and name in _SLOTS:
                copied[name] = trace.stand_in(Mark(number))
                number += 1
            else:
                copied[name] = value
        messages.append(copied)
    return messages
