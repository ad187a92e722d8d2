"""What a chat template writes that is meant as a special token, by its looks."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product

from pypack.records.errors import RecordError
from pypack.records.messages import Message

# `<|im_end|>` and its full-width form; markers of turns; the end tokens of SentencePiece models.
_LOOKS_SPECIAL = re.compile(
    r"<\|[^<>|\s'\"{}+~]{1,64}\|>|<｜[^<>｜\s'\"{}+~]{1,64}｜>|<(?:start|end)_of_(?:turn|role|text)>|</s>"
)
_TURNS: tuple[Message, ...] = (
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"},
    {"role": "user", "content": "c"},
)
_SYSTEM: Message = {"role": "system", "content": "d"}


@lru_cache(maxsize=64)
def written_tokens(source: str) -> tuple[str, ...]:
    """Texts that look like special tokens, of those that a template may write, in the order of their places.

    They are looked for in its source, and, as a template may put them together of pieces
    (`'<|' + message['role'] + '|>'`), in what it makes of some short conversations.

    Args:
        source: a template that compiles.
    """
    found = dict.fromkeys(_LOOKS_SPECIAL.findall(source))
    for system, prompt in product((True, False), (True, False)):
        found |= dict.fromkeys(_LOOKS_SPECIAL.findall(_rendered(source, system, prompt)))
    return tuple(found)


def _rendered(source: str, system: bool, prompt: bool) -> str:
    from pypack.records.chat_template import ChatTemplate

    conversation = [_SYSTEM, *_TURNS] if system else list(_TURNS)
    try:
        return (
            ChatTemplate(source, learn="none")
            .render(conversation[: -1 if not prompt else None], add_generation_prompt=prompt)
            .text
        )
    except RecordError:  # not every template takes every conversation
        return ""
