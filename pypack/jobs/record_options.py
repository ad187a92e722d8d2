"""What a job is asked to make of records: options, and in `job.json` all that every process needs of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pypack.records.chat_template import ChatTemplate
from pypack.records.recipe import Recipe, RecordTexts

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

TOKENIZERS_OWN = "tokenizer"
_OF_CHATS = ("tools", "chat_template", "learn", "chat_options", "chat_date")


@dataclass(frozen=True)
class RecordOptions:
    """Records that become texts first; see `pypack.records.Recipe` for what is meant by each.

    Attributes:
        template, mask_template: a text with fields in it, of which the field `TokenizeOptions.field` alone is
            learned under mask_template.
        prompt_field, completion_fields: what is not learned, and what is; several completions make a group.
        messages, tools: fields of a conversation and its tools.
        chat_template: path of a template, or "tokenizer" for the tokenizer's own.
        learn: "assistant", "last-assistant", "all" or "none", of conversations.
        chat_options: what the template finds by name, such as `enable_thinking`.
        chat_date: the day (YYYY-MM-DD) that a template is told which asks for the time; None: today.
        parse_special_tokens: special tokens that records spell are tokens; without it they are plain text.
        weight_field: the number that says how much the loss of a record counts.
    """

    template: str | None = None
    mask_template: bool = False
    prompt_field: str | None = None
    completion_fields: tuple[str, ...] = ()
    messages: str | None = None
    tools: str | None = None
    chat_template: str = TOKENIZERS_OWN
    learn: str = "assistant"
    chat_options: Mapping[str, Any] = field(default_factory=dict)
    chat_date: str | None = None
    parse_special_tokens: bool = False
    weight_field: str | None = None

    def recipe(self, text: str) -> Recipe:
        """What becomes of what; `text`: the field of a template that is learned.

        Raises:
            ValueError: options do not go together, or are of conversations where there are none.
        """
        self._check_chat()
        return Recipe(
            text,
            self.template,
            self.mask_template,
            self.prompt_field,
            tuple(self.completion_fields),
            self.messages,
            self.tools,
            self.parse_special_tokens,
            self.weight_field,
        )

    def _check_chat(self) -> None:
        if self.chat_date is not None:
            try:
                date.fromisoformat(self.chat_date)
            except ValueError:
                raise ValueError(f"chat_date must be a day as 2024-07-26, got {self.chat_date!r}") from None
        if self.messages is not None or self.completion_fields:
            return
        idle = [one.name for one in fields(self) if one.name in _OF_CHATS and not self._is_default(one)]
        if idle:
            raise ValueError(
                f"{idle[0]}: is of conversations, which are asked for by messages, or by completion_fields"
            )

    def _is_default(self, option: Field[Any]) -> bool:
        default = option.default if option.default is not MISSING else {}
        return bool(getattr(self, option.name) == default)


def describe_records(options: RecordOptions, text: str, tokenizer: Tokenizer) -> dict[str, Any]:
    """What `job.json` says of them, in values of JSON.

    Raises:
        ValueError: options do not go together, or there is no chat template.
    """
    recipe = options.recipe(text)
    described: dict[str, Any] = {"recipe": {**asdict(recipe), "completions": list(recipe.completions)}}
    needs_chat = recipe.messages is not None
    own = options.chat_template == TOKENIZERS_OWN
    if needs_chat or (recipe.completions and (not own or tokenizer.has_chat_template)):
        chat = tokenizer.chat_template(
            None if own else options.chat_template,
            has_tools=options.tools is not None,
            learn=options.learn,
            parse_special_tokens=options.parse_special_tokens,
            **options.chat_options,
        )
        described["chat"] = {
            "source": chat.source,
            "name": chat.name,
            "special_tokens": dict(chat.special_tokens),
            "options": dict(chat.options),
            "learn": chat.learn,
            "date": (options.chat_date or date.today().isoformat()) if chat.tells_time else None,
        }
    return described


def record_texts(job: Mapping[str, Any], tokenizer: Tokenizer) -> RecordTexts | None:
    """What makes the texts of a job's records; None where it reads texts."""
    described = job.get("records_as")
    if described is None:
        return None
    values = described["recipe"]
    recipe = Recipe(**{**values, "completions": tuple(values["completions"])})
    special = tokenizer.special_texts
    chat = described.get("chat")
    if chat is None:
        return RecordTexts(recipe, None, special)
    template = ChatTemplate(
        chat["source"],
        chat["name"],
        chat["special_tokens"],
        special,
        chat["options"],
        chat["learn"],
        recipe.parse_special_tokens,
        None if chat["date"] is None else datetime.fromisoformat(chat["date"]),
    )
    return RecordTexts(recipe, template, special)
