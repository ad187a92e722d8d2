"""Conversations, and other texts of which parts are learned, to ids."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pypack._common.paths import local_path
from pypack._common.threads import resolve_num_threads
from pypack.tokenizer.told import warn_caller

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pypack.ragged import Ragged
    from pypack.records.chat_template import ChatTemplate
    from pypack.records.rendered import Rendered
    from pypack.tokenizer.chat_files import ChatFiles
    from pypack.tokenizer.definition import TokenizerDefinition
    from pypack.tokenizer.engine import Engine

_SHOWN = 3


class Chats:
    """What `Tokenizer`, which is built on this, makes of conversations."""

    if TYPE_CHECKING:
        # What `Tokenizer` has.
        _engine: Engine
        _chat: ChatFiles
        _definition: TokenizerDefinition

        @property
        def special_texts(self) -> tuple[str, ...]: ...
        def encode(self, text: str | bytes, *, split_special_tokens: bool = ...) -> NDArray[np.uint32]: ...

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer came with a chat template."""
        return self._chat.choose(has_tools=False) is not None

    def encode_rendered(
        self, documents: Sequence[Rendered], *, num_threads: int | None = None
    ) -> tuple[Ragged, NDArray[np.bool_]]:
        """Ids of texts with spans, and which ids are learned: bool [N], one an id of `Ragged.values`.

        An id is learned if it stands for a character of a learned span. See `pypack.records`.
        """
        from pypack.tokenizer.rendered import encode_rendered

        return encode_rendered(self._engine, documents, resolve_num_threads(num_threads))

    def chat_template(
        self,
        template: str | os.PathLike[str] | None = None,
        *,
        has_tools: bool = False,
        learn: str = "assistant",
        parse_special_tokens: bool = False,
        now: datetime | None = None,
        **options: Any,
    ) -> ChatTemplate:
        """A chat template that knows this tokenizer's special tokens.

        Args:
            template: the text of a template, or the path of a file with one; None for the tokenizer's own
                (`chat_template.jinja` or `tokenizer_config.json` in its folder).
            has_tools: choose the one for tools, where the tokenizer has several.
            learn: whose words are learned, as in `pypack.records.ChatTemplate`.
            parse_special_tokens: whether special tokens in the words of a message are those tokens, as there.
            now: what the template takes for the time, as there.
            **options: what the template finds by name, such as `enable_thinking`.

        Raises:
            ValueError: the tokenizer has none, the template is none, or it writes tokens that the folder's
                configuration names and the tokenizer.json lacks.
            ImportError: jinja2 is missing.

        Warns:
            UserWarning: it writes what looks like special tokens, `<|im_end|>`, that the tokenizer lacks.
        """
        from pypack.records.chat_template import ChatTemplate

        if template is None:
            chosen = self._chat.choose(has_tools)
            if chosen is None:
                others = ", ".join(map(repr, self._chat.templates))
                known = f", but {others}" if others else ""
                raise ValueError(
                    f"{self._definition.source}: the tokenizer has no chat template{known}: give "
                    "one (--chat-template FILE, in Python template=PATH); it is looked for in "
                    "chat_template.jinja and tokenizer_config.json beside the tokenizer.json"
                )
            source, name = chosen
        elif isinstance(template, str) and ("{%" in template or "{{" in template):
            source, name = template, "the chat template"
        else:
            path = local_path(template)
            source, name = path.read_text("utf-8"), str(path)
        added = {token.content: token for token in self._engine.added_tokens()}
        lost = [text for text in self._chat.configured if text not in added and text in source]
        if lost:
            raise ValueError(
                f"{name}: writes {', '.join(map(repr, lost[:5]))}, which tokenizer_config.json adds to the "
                "tokenizer "
                f"and {self._definition.source} does not have, so that they would become plain text: save "
                "the "
                "tokenizer anew with transformers (save_pretrained), or load it with from_huggingface"
            )
        chat = ChatTemplate(
            source,
            name,
            self._chat.tokens,
            self.special_texts,
            options,
            learn,
            parse_special_tokens,
            now,
        )
        self._warn_of_lacking(chat)
        return chat

    def _warn_of_lacking(self, chat: ChatTemplate) -> None:
        """Warns of what a template writes as special tokens and the tokenizer takes for plain text."""
        from pypack.records.written_tokens import written_tokens

        known = frozenset(self.special_texts)
        sizes = {text: len(self.encode(text)) for text in written_tokens(chat.source) if text not in known}
        lacking = [text for text, size in sizes.items() if size > 1]
        if not lacking:
            return
        shown = ", ".join(f"{text!r} ({sizes[text]} tokens)" for text in lacking[:_SHOWN])
        more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        warn_caller(
            f"{chat.name}: writes {shown}{more}, which {self._definition.source} has no token for: they "
            "become plain text. Where the model knows them as tokens, this is the wrong tokenizer, or "
            "tokenizer.add_tokens([...], special=True) gives one that has them"
        )

    def encode_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        template: str | os.PathLike[str] | ChatTemplate | None = None,
        learn: str = "assistant",
        parse_special_tokens: bool = False,
        **options: Any,
    ) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Ids of a conversation in a chat template, uint32 [n], and which of them are learned, bool [n].

        With `parse_special_tokens`, and for conversations that spell no special token, they are what
        transformers' `apply_chat_template(tokenize=True, return_assistant_tokens_mask=True)` gives. Without
        it, what a conversation spells is plain text, and special tokens come from the template alone.

        Args:
            messages: of `{"role": ..., "content": ...}`.
            tools: JSON schemas of what may be called.
            template: see `chat_template`; or what that gave.
            learn: "assistant", "last-assistant", "all" or "none".
            **options: what the template finds by name, such as `enable_thinking`.

        Raises:
            RecordError: (a ValueError) see `pypack.records.ChatTemplate.render`.
        """
        from pypack.records.chat_template import ChatTemplate
        from pypack.records.messages import plain_data

        if not isinstance(template, ChatTemplate):
            template = self.chat_template(
                template,
                has_tools=bool(tools),
                learn=learn,
                parse_special_tokens=parse_special_tokens,
                **options,
            )
        rendered = template.render(plain_data(messages), plain_data(tools))
        rows, learned = self.encode_rendered([rendered], num_threads=1)
        return rows.values, learned
