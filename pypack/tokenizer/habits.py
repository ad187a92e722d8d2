"""What people type who come from transformers, `tokenizers` or tiktoken."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.threads import resolve_num_threads
from pypack.tokenizer.byte_alphabet import byte_characters
from pypack.tokenizer.counting import count_ids

if TYPE_CHECKING:
    from typing_extensions import Self

    from pypack.tokenizer.called import TokenizedTexts
    from pypack.tokenizer.engine import Engine
    from pypack.tokenizer.streaming_decoder import StreamingDecoder
    from pypack.tokenizer.text_input import Texts

_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
_BYTE_OF_CHARACTER = {character: byte for byte, character in enumerate(byte_characters())}


class Habits:
    """Further names for what `Tokenizer` does, which is built on this."""

    if TYPE_CHECKING:
        # What `Tokenizer` has.
        _engine: Engine

        def encode(self, text: str | bytes, *, split_special_tokens: bool = ...) -> NDArray[np.uint32]: ...
        def decode_batch(self, rows: Any, *, skip_special_tokens: bool = ...) -> list[str]: ...
        def decode(self, ids: Any, *, skip_special_tokens: bool = ...) -> str: ...
        def token_to_id(self, token: str) -> int | None: ...
        def id_to_token(self, token_id: int) -> str | None: ...
        def _encode_rows(self, texts: Any, **options: Any) -> Any: ...
        def _with_tokens(self, tokens: list[str], special: bool) -> Self: ...

        @property
        def vocab_size(self) -> int: ...
        @property
        def eos_id(self) -> int | None: ...
        @property
        def bos_id(self) -> int | None: ...
        @property
        def pad_id(self) -> int | None: ...
        @property
        def special_texts(self) -> tuple[str, ...]: ...
        @property
        def _spells_bytes(self) -> bool: ...
        @property
        def _post_processor(self) -> Mapping[str, Any] | None: ...

    def __len__(self) -> int:
        return self.vocab_size

    def __call__(
        self,
        text: str | bytes | Texts | Sequence[Sequence[str]],
        text_pair: Any = None,
        *,
        add_special_tokens: bool = True,
        truncation: bool | str = False,
        max_length: int | None = None,
        stride: int = 0,
        truncation_side: str = "right",
        is_split_into_words: bool = False,
        return_overflowing_tokens: bool = False,
        return_token_type_ids: bool | None = None,
        return_offsets_mapping: bool = False,
    ) -> TokenizedTexts:
        """`input_ids` and `attention_mask` as lists, as a tokenizer of transformers gives them.

        Args:
            text: one document, or several, whose lists are then one level deeper.
            text_pair: the second texts of pairs, as many as `text` has.
            truncation: cut to max_length ids, those of the template included, which stay: True or
                "longest_first" (of a pair the longer one first), "only_first" or "only_second".
            stride: how many ids of a piece are those of the piece before it, too.
            truncation_side: where ids are cut off, "right" or "left".
            is_split_into_words: a document is a list of words, each tokenized as a text of its own;
                `word_ids(row)` of the result says which word an id is of.
            return_overflowing_tokens: all pieces of a text that was cut, a row each;
                `overflow_to_sample_mapping` says of which text.
            return_token_type_ids: the types of the template; None for pairs alone.
            return_offsets_mapping: also `offset_mapping`, in characters of a text or of its word.

        Raises:
            ValueError: truncation without max_length, text_pair of another length, a text that is too short
                to cut, a stride that leaves no room, or what encode_batch raises.
            TypeError: is_split_into_words with a text that is no list.
        """
        from pypack.tokenizer.called import Call, truncation_of

        call = Call(
            add_special_tokens=add_special_tokens,
            truncation=truncation_of(truncation, max_length, stride, truncation_side),
            is_split_into_words=is_split_into_words,
            overflowing=return_overflowing_tokens,
            type_ids=return_token_type_ids,
            offsets=return_offsets_mapping,
        )
        return call.encode(self, self._post_processor, text, text_pair)

    @property
    def eos_token_id(self) -> int | None:
        """`eos_id` by the name that transformers has for it."""
        return self.eos_id

    @property
    def bos_token_id(self) -> int | None:
        """`bos_id` by the name that transformers has for it."""
        return self.bos_id

    @property
    def pad_token_id(self) -> int | None:
        """`pad_id` by the name that transformers has for it."""
        return self.pad_id

    def get_vocab(self) -> dict[str, int]:
        """Token → id, added tokens included."""
        found = {}
        for token_id in range(self.vocab_size):
            token = self.id_to_token(token_id)
            if token is not None:
                found[token] = token_id
        return found

    def batch_decode(self, rows: Any, *, skip_special_tokens: bool = False) -> list[str]:
        """`decode_batch` by the name that transformers has for it, where special tokens are not skipped."""
        return self.decode_batch(rows, skip_special_tokens=skip_special_tokens)

    def count_batch(
        self, texts: Texts, *, add_special_tokens: bool = False, num_threads: int | None = None
    ) -> NDArray[np.int64]:
        """Number of ids of every document: int64 [D]. Arguments and errors are those of `encode_batch`.

        The ids themselves are not kept: it takes the memory of some documents at a time.
        """
        return count_ids(self._engine, texts, add_special_tokens, resolve_num_threads(num_threads))

    def encode_allowed(
        self,
        text: str,
        *,
        allowed_special: str | Collection[str] = (),
        disallowed_special: str | Collection[str] = "all",
    ) -> NDArray[np.uint32]:
        """Ids of one document with tiktoken's rules for special tokens: uint32 [n].

        Args:
            allowed_special: "all", or the special tokens that become ids; others are plain text.
            disallowed_special: "all" (those that are not allowed), or the special tokens that must not occur.

        Raises:
            ValueError: one that is disallowed occurs.
        """
        special = self.special_texts
        allowed = set(special) if allowed_special == "all" else set(allowed_special)
        disallowed = set(special) - allowed if disallowed_special == "all" else set(disallowed_special)
        found = _pattern(disallowed).search(text) if disallowed else None
        if found is not None:
            raise ValueError(
                f"the text holds the special token {found[0]!r} at character {found.start()}; allow it "
                "(allowed_special), or take it for plain text (disallowed_special=())"
            )
        if not allowed:
            return self.encode(text, split_special_tokens=True)
        parts, at = [], 0
        for token in _pattern(allowed).finditer(text):
            parts.append(self.encode(text[at : token.start()], split_special_tokens=True))
            parts.append(np.array([self.token_to_id(token[0])], np.uint32))
            at = token.end()
        parts.append(self.encode(text[at:], split_special_tokens=True))
        return np.concatenate(parts)

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of text that an id stands for, which need not be whole characters.

        A leading space that a decoder would take away at the start of a text is there.

        Raises:
            KeyError: no token has the id.
        """
        token = self.id_to_token(token_id)
        if token is None:
            raise KeyError(f"no token has the id {token_id}")
        added = {one.id for one in self._engine.added_tokens()}
        if token_id in added:
            return token.encode()
        byte = _BYTE_TOKEN.fullmatch(token)
        if byte is not None:
            return bytes([int(byte[1], 16)])
        if self._spells_bytes:
            try:
                return bytes(map(_BYTE_OF_CHARACTER.__getitem__, token))
            except KeyError:
                return token.encode()
        return token.replace("\u2581", " ").encode()

    def decoder(self, *, skip_special_tokens: bool = True) -> StreamingDecoder:
        """What decodes ids as they come: feed it ids, it gives whole characters."""
        from pypack.tokenizer.streaming_decoder import StreamingDecoder

        return StreamingDecoder(lambda ids: self.decode(ids, skip_special_tokens=skip_special_tokens))

    def add_tokens(self, tokens: Iterable[str], *, special: bool = False) -> Self:
        """A new tokenizer with further added tokens; this one stays as it is.

        Args:
            tokens: texts; those that are there already are passed over. They get the ids behind the last one.
            special: whether they are special tokens, which split_special_tokens takes for plain text.
        """
        return self._with_tokens(list(tokens), special)


def _pattern(tokens: Collection[str]) -> re.Pattern[str]:
    """Matches any of the tokens, the longest first."""
    return re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))))
