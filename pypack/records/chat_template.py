"""Chat templates: a conversation to a text, with the spans that its assistant speaks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pypack.records.errors import RecordError, TemplateSourceError
from pypack.records.look_alikes import LookAlikes, content_spans
from pypack.records.messages import Message, checked_messages
from pypack.records.rendered import Rendered, Spans
from pypack.records.skeletons import Skeletons

if TYPE_CHECKING:
    import jinja2

LEARN = ("assistant", "last-assistant", "all", "none")
# Without generation tags a conversation is rendered up to each of its assistant's messages, and with it: so
# many characters and messages in all.
MOST_PREFIX_CHARACTERS = 1 << 26
MOST_PREFIX_MESSAGES = 1 << 17
_GENERATION = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")
_NAMES_PARTS = re.compile(r"""\.text\b|\[\s*['"]text['"]\s*\]|['"]type['"]|\.type\b""")
_NOW = re.compile(r"\bstrftime_now\b")


@dataclass(frozen=True)
class ChatTemplate:
    """A Jinja template that makes a conversation a text, as models are trained to see it.

    Attributes:
        source: the template.
        name: what messages call it: its file.
        special_tokens: what the template finds under `bos_token` and alike.
        special_texts: the texts that the tokenizer reads as special tokens, wherever they stand.
        options: what else the template finds by name, such as `enable_thinking`.
        learn: what is learned: "assistant", "last-assistant", "all" or "none".
        parse_special_tokens: special tokens that a conversation's content spells are tokens, as transformers
            has it; without it they are plain text.
        now: the time that `strftime_now` tells; None: that of the clock.

    Raises:
        TemplateSourceError: it is no template; the message has its name and the line.
        ImportError: jinja2 is missing.
    """

    source: str
    name: str = "the chat template"
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    special_texts: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    learn: str = "assistant"
    parse_special_tokens: bool = False
    now: datetime | None = None

    def __post_init__(self) -> None:
        if self.learn not in LEARN:
            raise ValueError(f"learn must be one of {', '.join(LEARN)}, got {self.learn!r}")
        self._compiled  # noqa: B018  # refused now, not at the first record

    @classmethod
    def from_file(cls, path: str | Path, **options: Any) -> ChatTemplate:
        """Reads a template from a file of its own."""
        return cls(Path(path).read_text("utf-8"), str(path), **options)

    @cached_property
    def _compiled(self) -> jinja2.Template:
        try:
            import jinja2
        except ImportError as error:
            raise ImportError(
                "chat templates need jinja2: pip install jinja2, or pypack-engine's extra [chat]"
            ) from error
        from pypack.records.budget import TooMuchError
        from pypack.records.sandbox import chat_environment

        try:
            template = chat_environment().from_string(self.source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateSourceError(f"{self.name}: line {error.lineno}: {error.message}") from error
        except (TooMuchError, ValueError, TypeError, ArithmeticError, MemoryError, RecursionError) as error:
            raise TemplateSourceError(f"{self.name}: cannot be compiled: {error}") from error
        template.globals = dict(template.globals)  # of two dicts in a chain; they are copied for every record
        return template

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    @cached_property
    def has_generation_tags(self) -> bool:
        """Whether the template says itself where the assistant speaks."""
        return _GENERATION.search(self.source) is not None

    @cached_property
    def tells_time(self) -> bool:
        """Whether what it gives may depend on the time."""
        return _NOW.search(self.source) is not None

    @cached_property
    def takes_parts(self) -> bool:
        """Whether it goes through the parts of a content, `{"type": "text", "text": ...}`, itself."""
        return _NAMES_PARTS.search(self.source) is not None

    @cached_property
    def _skeletons(self) -> Skeletons:
        variables = {"add_generation_prompt": False, "documents": None, **self.special_tokens, **self.options}
        return Skeletons(self.source, variables)

    @cached_property
    def _look_alikes(self) -> LookAlikes:
        return LookAlikes(self.special_texts)

    def render(self, messages: Any, tools: Any = None, **options: Any) -> Rendered:
        """One conversation.

        Args:
            messages: a list of messages, plain data.
            tools: the tools that the conversation may call, as JSON schemas or the text of such.
            **options: more than those of the template, or in their place.

        Raises:
            RecordError: it is no conversation, the template refuses it or fails at it, or what is learned of
                it, or which special tokens are the template's, cannot be told.
        """
        conversation = checked_messages(messages, self.takes_parts)
        values: dict[str, Any] = {"messages": conversation, "tools": _tools(tools), "documents": None}
        more = {**self.special_tokens, **self.options, **options}
        known = None
        if not options and not self.tells_time:
            known = self._skeletons.render(conversation, values["tools"])
        text, generated = self._text(values, more) if known is None else known
        plain: Spans = []
        if not self.parse_special_tokens and self.special_texts:
            plain = content_spans(text, values, self._look_alikes, lambda other: self._text(other, more)[0])
        return Rendered(text, self._learned(conversation, values, more, text, generated), plain)

    def render_prompt(self, messages: Any, tools: Any = None, **options: Any) -> Rendered:
        """A conversation that an assistant is to go on with; nothing of it is learned."""
        prompt = {"add_generation_prompt": True} | options
        return self.with_learn("none").render(messages, tools, **prompt)

    def with_learn(self, learn: str) -> ChatTemplate:
        """The same template, of which something else is learned; nothing is compiled again."""
        if learn == self.learn:
            return self
        other = object.__new__(ChatTemplate)
        vars(other).update(vars(self) | {"learn": learn})
        return other

    def _text(self, values: Mapping[str, Any], more: Mapping[str, Any]) -> tuple[str, Spans]:
        import jinja2

        from pypack.records.budget import TooMuchError
        from pypack.records.sandbox import MissingContentError, RefusedByTemplateError, render

        variables = {"add_generation_prompt": False, **values, **more}
        try:
            return render(self._compiled, variables, len(values["messages"]), self.now)
        except RefusedByTemplateError as error:
            kind, why = "refused_by_template", f"refuses it: {error.message}"
            line = self._line(error.__traceback__)
        except MissingContentError as error:
            kind, why, line = "no_content", f"{error.message}", self._line(error.__traceback__)
        except TooMuchError as error:
            kind, why, line = "template_bound", f"is stopped: {error}", self._line(error.__traceback__)
        except RecursionError as error:
            kind, why, line = (
                "template_bound",
                "is stopped: it calls itself too deep",
                self._line(error.__traceback__),
            )
        except (jinja2.TemplateError, MemoryError) as error:
            kind, why = "template_failed", f"fails: {error or type(error).__name__}"
            line = self._line(error.__traceback__)
        except Exception as error:  # whatever a template does with data that it does not expect
            kind, why = "template_failed", f"fails: {type(error).__name__}: {error}"
            line = self._line(error.__traceback__)
        raise RecordError(kind, f"{self.name}: line {line}: {why}")

    def _line(self, trace: TracebackType | None) -> int | str:
        """The template's line that an error comes from."""
        found: int | str = "?"
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<template>":
                found = self._compiled.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return found

    def _learned(
        self,
        conversation: list[Message],
        values: Mapping[str, Any],
        more: Mapping[str, Any],
        text: str,
        generated: Spans,
    ) -> Spans | None:
        if self.learn == "all":
            return None
        if self.learn == "none":
            return []
        spoken = [i for i, message in enumerate(conversation) if message["role"] == "assistant"]
        if self.has_generation_tags:
            if self.learn == "assistant" or len(generated) < 2:
                return generated
            if len(generated) == len(spoken):
                return generated[-1:]
        if self.learn == "last-assistant":
            spoken = spoken[-1:]
        total, spans = 0, []
        if sum(2 * number + 1 for number in spoken) > MOST_PREFIX_MESSAGES:
            raise self._too_many_turns(f"{MOST_PREFIX_MESSAGES} messages")
        for number in spoken:
            begin = self._prefix(conversation[:number], values, more, text, number, prompts=True)
            end = self._prefix(conversation[: number + 1], values, more, text, number, prompts=False)
            total += begin + end
            if total > MOST_PREFIX_CHARACTERS:
                raise self._too_many_turns(f"{MOST_PREFIX_CHARACTERS} characters")
            spans.append((begin, end))
        if self.has_generation_tags:  # some messages have several tags, or none
            return [span for span in generated if any(a <= span[0] and span[1] <= b for a, b in spans)]
        return spans

    def _too_many_turns(self, limit: str) -> RecordError:
        return RecordError(
            "too_many_turns",
            f"{self.name}: has no generation tags, and the prefixes of this conversation come to more than "
            f"{limit}: use a template with tags, or learn last-assistant",
        )

    def _prefix(
        self,
        conversation: list[Message],
        values: Mapping[str, Any],
        more: Mapping[str, Any],
        text: str,
        number: int,
        *,
        prompts: bool,
    ) -> int:
        """How many characters of the text a part of the conversation is.

        Raises:
            RecordError: the text does not begin with it.
        """
        if not conversation:
            return 0
        part, _ = self._text({**values, "messages": conversation}, {**more, "add_generation_prompt": prompts})
        if not text.startswith(part):
            raise RecordError(
                "not_a_prefix",
                f"{self.name}: has no generation tags, and what it makes of the conversation up to message "
                f"{number} "
                "does not stay the beginning of the whole: which tokens are the assistant's cannot be "
                "told; use a "
                "template with {% generation %} tags, or learn all",
            )
        return len(part)


def _tools(tools: Any) -> Any:
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except ValueError as error:
            raise RecordError("bad_tools", f"the tools are text that is not JSON: {error}") from None
    if tools is None or (isinstance(tools, list | tuple) and all(isinstance(tool, dict) for tool in tools)):
        return tools
    raise RecordError("bad_tools", "the tools are no list of JSON schemas")
