"""What of a record becomes which text: the options of a job, and what does it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pypack.records.chat_template import ChatTemplate
from pypack.records.errors import RecordError
from pypack.records.fields import FieldTemplate
from pypack.records.look_alikes import LookAlikes
from pypack.records.messages import checked_messages
from pypack.records.paths import MISSING, value_at
from pypack.records.rendered import Rendered


@dataclass(frozen=True)
class Recipe:
    """How records become texts. One of `template`, `messages` and `completions` says in which way.

    Attributes:
        text: the field that `mask_template` lets be learned.
        template: see `pypack.records.fields.FieldTemplate`.
        mask_template: of it, learn what the field `text` gives, and nothing else.
        prompt: the field that is not learned, before a completion: a string or messages.
        completions: the fields that are learned, each behind the prompt, a document each: several make a
            group. A field may also hold a list of completions.
        messages: the field of a conversation.
        tools: the field of its tools.
        parse_special_tokens: special tokens that fields spell are tokens; without it they are plain text.
        weight: the field that says how much the loss of the record counts.
    """

    text: str = "text"
    template: str | None = None
    mask_template: bool = False
    prompt: str | None = None
    completions: tuple[str, ...] = ()
    messages: str | None = None
    tools: str | None = None
    parse_special_tokens: bool = False
    weight: str | None = None

    def __post_init__(self) -> None:
        ways = [bool(self.template), bool(self.completions), bool(self.messages)]
        if sum(ways) != 1:
            raise ValueError("records become texts in one way: by a template, by completions, or by messages")
        if self.prompt is not None and not self.completions:
            raise ValueError("a prompt field needs a completion field")
        if self.mask_template and self.template is None:
            raise ValueError("mask_template needs a template")
        if self.template is not None:
            known = FieldTemplate(self.template).fields
            if self.mask_template and self.text not in known:
                raise ValueError(
                    f"mask_template learns the field {self.text!r}, which the template does not hold: name "
                    f"another with field (it has {', '.join(known) or 'none'})"
                )

    @property
    def fields(self) -> list[str]:
        """Paths of the fields that it reads."""
        names = [*self.completions, self.prompt, self.messages, self.tools, self.weight]
        found = [name for name in names if name is not None]
        return found + (FieldTemplate(self.template).fields if self.template is not None else [])

    @property
    def required(self) -> list[str]:
        """Those of them without which no record gives a document."""
        if self.template is not None:
            return FieldTemplate(self.template).required
        names = [self.messages, self.prompt, *self.completions[:1]]
        return [name for name in names if name is not None]

    @property
    def has_groups(self) -> bool:
        """Whether a record may become several documents."""
        return bool(self.completions)


@dataclass(frozen=True)
class RecordTexts:
    """Makes the texts of records.

    Attributes:
        recipe: what becomes of what.
        chat: the chat template, where there are conversations.
        special_texts: the tokenizer's special tokens.
    """

    recipe: Recipe
    chat: ChatTemplate | None = None
    special_texts: Sequence[str] = ()
    _state: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def masks(self) -> bool:
        """Whether some tokens are not learned."""
        if self.recipe.messages is not None:
            assert self.chat is not None
            return self.chat.learn != "all"
        return self.recipe.mask_template or bool(self.recipe.completions)

    @property
    def beside(self) -> list[str]:
        """The files that a store of it has beside its tokens, see `pypack.store.beside`."""
        wanted = {
            ".mask": self.masks,
            ".group": self.recipe.has_groups,
            ".weight": self.recipe.weight is not None,
        }
        return [suffix for suffix, is_wanted in wanted.items() if is_wanted]

    @property
    def learns_nothing(self) -> bool:
        """Whether nothing is learned, as was asked for."""
        return self.recipe.messages is not None and self.chat is not None and self.chat.learn == "none"

    def __call__(self, record: Any) -> list[Rendered]:
        """The documents of one record; of several, they are a group.

        Raises:
            RecordError: there are none, and why.
        """
        if not isinstance(record, dict):
            raise RecordError("not_object", f"the record is a {type(record).__name__}, not an object")
        recipe = self.recipe
        if recipe.template is not None:
            learned_field = recipe.text if recipe.mask_template else None
            texts = [self._template.render(record, learned_field, not recipe.parse_special_tokens)]
        elif recipe.messages is not None:
            texts = [self._conversation(record, recipe.messages)]
        else:
            texts = self._completions(record)
        for number, text in enumerate(texts):
            if (
                text.learned is not None
                and not self.learns_nothing
                and not any(a < b for a, b in text.learned)
            ):
                which = f"document {number} of the record" if len(texts) > 1 else "the record"
                raise RecordError("nothing_learned", f"no token of {which} is to be learned")
        return texts

    def weight(self, record: Mapping[str, Any]) -> float:
        """How much the loss of a record counts.

        Raises:
            RecordError: its field holds no number.
        """
        if self.recipe.weight is None:
            return 1.0
        value = value_at(dict(record), self.recipe.weight)
        if value is MISSING or value is None:
            return 1.0
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecordError("bad_weight", f"the field {self.recipe.weight!r} is {value!r}, not a number")
        return float(value)

    @property
    def _template(self) -> FieldTemplate:
        if "template" not in self._state:
            assert self.recipe.template is not None
            self._state["template"] = FieldTemplate(self.recipe.template)
        template: FieldTemplate = self._state["template"]
        return template

    def _conversation(self, record: dict[str, Any], name: str) -> Rendered:
        assert self.chat is not None
        return self.chat.render(_parsed(_needed(record, name)), self._tools(record))

    def _tools(self, record: dict[str, Any]) -> Any:
        if self.recipe.tools is None:
            return None
        value = value_at(record, self.recipe.tools)
        return None if value is MISSING else value

    def _completions(self, record: dict[str, Any]) -> list[Rendered]:
        found: list[Any] = []
        for name in self.recipe.completions:
            value = _needed(record, name)
            found += value if _is_several(value) else [value]
        if not found:
            raise RecordError("no_completions", "the record has no completion")
        prompt = None if self.recipe.prompt is None else _needed(record, self.recipe.prompt)
        if isinstance(found[0], list) and prompt is None:
            prompt, found = _common_beginning(found)
        return [self._completed(prompt, completion, record) for completion in found]

    def _completed(self, prompt: Any, completion: Any, record: dict[str, Any]) -> Rendered:
        if isinstance(completion, list) and isinstance(prompt, list):
            return self._continued(prompt, completion, record)
        begin = "" if prompt is None else prompt
        if not isinstance(begin, str) or not isinstance(completion, str):
            raise RecordError(
                "bad_completion",
                f"prompt and completion are both strings or both messages, here a {type(prompt).__name__} "
                "and a "
                f"{type(completion).__name__}",
            )
        text = begin + completion
        plain = [] if self.recipe.parse_special_tokens else self._plain(text)
        return Rendered(text, [(len(begin), len(text))], plain)

    def _plain(self, text: str) -> list[tuple[int, int]]:
        if "look_alikes" not in self._state:
            self._state["look_alikes"] = LookAlikes(self.special_texts)
        return [(0, len(text))] if self._state["look_alikes"].spelled_in(text) else []

    def _continued(self, prompt: list[Any], completion: list[Any], record: dict[str, Any]) -> Rendered:
        if self.chat is None:
            raise RecordError(
                "bad_completion", "prompt and completion are messages, and there is no chat template"
            )
        tools = self._tools(record)
        whole = self.chat.with_learn("none").render([*prompt, *completion], tools)
        begin = self.chat.render_prompt(prompt, tools).text if prompt else ""
        if not whole.text.startswith(begin):
            raise RecordError(
                "not_a_prefix",
                f"{self.chat.name}: what it makes of the prompt does not stay the beginning of what it "
                "makes of "
                "prompt and completion: which tokens are the completion's cannot be told",
            )
        return Rendered(whole.text, [(len(begin), len(whole.text))], whole.plain)


def _is_several(value: Any) -> bool:
    """Whether a field holds several completions: a list of strings, or of conversations."""
    return isinstance(value, list) and bool(value) and not isinstance(value[0], dict)


def _common_beginning(conversations: list[Any]) -> tuple[list[Any], list[list[Any]]]:
    """What conversations share at their beginning, as their prompt, and the rest of each."""
    for conversation in conversations:
        checked_messages(conversation, takes_parts=True)
    shared = 0
    shortest = min(map(len, conversations))
    while shared < shortest - 1 and all(one[shared] == conversations[0][shared] for one in conversations):
        shared += 1
    if len(conversations) == 1:  # nothing to compare with: all but what the assistant says at the end
        shared = shortest - 1
    return conversations[0][:shared], [one[shared:] for one in conversations]


def _needed(record: dict[str, Any], name: str) -> Any:
    value = value_at(record, name)
    if value is MISSING:
        raise RecordError(
            "missing_field",
            f"no field {name!r}; the object has {', '.join(map(repr, list(record)[:8])) or 'no fields'}",
        )
    if value is None:
        raise RecordError("null_field", f"the field {name!r} is null")
    return value


def _parsed(value: Any) -> Any:
    """A conversation that is kept as the text of JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise RecordError("bad_messages", f"the conversation is text that is not JSON: {error}") from None
