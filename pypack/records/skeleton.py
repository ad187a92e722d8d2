"""What a template makes of every conversation of one structure: literal text, and places for the contents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jinja2

from pypack.records.rendered import Spans
from pypack.records.sandbox import Rendering
from pypack.records.stand_ins import FIRST_MARK, Abandoned, Mark, Question, Trace, answer_to, is_mark
from pypack.records.tracing import TracingEnvironment


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
            number = ord(character) - FIRST_MARK
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
