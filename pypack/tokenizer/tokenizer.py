"""Text to token ids, exactly as the `tokenizers` library gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.threads import resolve_num_threads
from pypack.ragged import Ragged
from pypack.tokenizer.chat_files import ChatFiles
from pypack.tokenizer.chats import Chats
from pypack.tokenizer.choice import EngineName, choose_engine
from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.engine import Engine, OffsetsError, OffsetUnit, WordsError
from pypack.tokenizer.folder import with_added_tokens
from pypack.tokenizer.habits import Habits
from pypack.tokenizer.huggingface_engine import HuggingFaceEngine
from pypack.tokenizer.library import library_version
from pypack.tokenizer.native.pretokenizers import is_byte_level
from pypack.tokenizer.native.sentencepiece_file import names_of_roles
from pypack.tokenizer.rows import as_ragged, as_row
from pypack.tokenizer.sources import Sources
from pypack.tokenizer.special_tokens import find_special_tokens
from pypack.tokenizer.text_input import Texts, is_arrow

_SEVERAL_WORDS = "one and two and three"


class Tokenizer(Sources, Chats, Habits):
    """A tokenizer: text ↔ ids, with its special ids and a fingerprint.

    Made by `from_file`, `from_huggingface` or `from_tiktoken`. Immutable; one object may be used from many
    threads at once, and in forked children; pickles. A truncation or padding set in the tokenizer is not
    applied: pypack packs, it never cuts text.
    """

    def __init__(
        self,
        definition: TokenizerDefinition,
        engine: EngineName | None,
        configured: dict[str, str],
        asked: dict[str, str | None],
        chat: ChatFiles | None = None,
    ) -> None:
        if engine not in (None, "native", "huggingface"):
            raise ValueError(f"engine must be 'native', 'huggingface' or None (choose), got {engine!r}")
        self._definition = definition
        self._requested_engine = engine
        self._chat = chat or ChatFiles()
        self._engine: Engine
        self._engine, self._engine_reason = choose_engine(definition, engine)
        self._encode_one = getattr(self._engine, "encode_one", None)
        special = frozenset(token.content for token in self._engine.added_tokens() if token.special)
        configured = names_of_roles(definition.sections_of_any["model"]) | configured
        self.special_tokens = find_special_tokens(self._engine.token_to_id, special, configured, asked)

    @property
    def engine(self) -> str:
        """Which engine encodes: "native", or "huggingface" where no native engine is exact."""
        return self._engine.name

    @property
    def engine_reason(self) -> str | None:
        """Why the engine is not "native": the part of the tokenizer that has no exact native form."""
        return self._engine_reason

    @property
    def engine_version(self) -> str | None:
        """The version of the library whose ids these are; None for the engine "native".

        Native ids are those of `tokenizers` 0.23 whatever is installed.
        """
        return None if self.engine == "native" else library_version()

    @property
    def eos_id(self) -> int | None:
        """Id of the token that ends a document, if there is one."""
        return self.special_tokens.eos

    @property
    def bos_id(self) -> int | None:
        """Id of the token that begins a document, if there is one."""
        return self.special_tokens.bos

    @property
    def pad_id(self) -> int | None:
        """Id of the token that pads, if there is one."""
        return self.special_tokens.pad

    @cached_property
    def vocab_size(self) -> int:
        """Number of ids: one more than the largest id, added tokens included."""
        return self._engine.vocab_size()

    @property
    def dropout(self) -> float:
        """Chance at which a merge of BPE is left out at random when a text is encoded; 0 almost always."""
        model = self._definition.sections_of_any.get("model")
        return float((model.get("dropout") if isinstance(model, dict) else None) or 0)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all that decides ids; hexadecimal. The same for every file that says the same."""
        from pypack.tokenizer.fingerprint import tokenizer_fingerprint

        return tokenizer_fingerprint(self._definition.sections_of_any, self._engine.added_tokens())

    @cached_property
    def ids_fingerprint(self) -> str:
        """SHA-256 over what decides the ids of documents alone; hexadecimal.

        The same for tokenizers that differ in how they decode or trim offsets, or that say the same in
        another way, such as a file and what transformers makes of it. Stores may be mixed whose tokenizers
        share it.
        """
        from pypack.tokenizer.fingerprint import ids_fingerprint

        return ids_fingerprint(self._definition.sections_of_any, self._engine.added_tokens())

    def to_json(self) -> str:
        """The tokenizer as the text of a `tokenizer.json`, without truncation and padding."""
        return self._definition.json

    def kernels(self) -> tuple[_core.Encoder, _core.Decoder] | None:
        """What encodes and decodes, for kernels that work on texts; None where another library does."""
        native = getattr(self._engine, "kernels", None)
        return None if native is None else native()

    def token_to_id(self, token: str) -> int | None:
        """Id of a token, None if it is not in the vocabulary."""
        return self._engine.token_to_id(token)

    def id_to_token(self, token_id: int) -> str | None:
        """Token of an id, None if no token has it."""
        return self._engine.id_to_token(token_id) if token_id >= 0 else None

    def encode(
        self, text: str | bytes, *, add_special_tokens: bool = False, split_special_tokens: bool = False
    ) -> NDArray[np.uint32]:
        """Ids of one document: uint32 [n]. See `encode_batch`, which also gives offsets."""
        if self._encode_one is not None:
            ids: NDArray[np.uint32] | None = self._encode_one(text, add_special_tokens, split_special_tokens)
            if ids is not None:
                return ids
        return self.encode_batch(
            [text],
            add_special_tokens=add_special_tokens,
            split_special_tokens=split_special_tokens,
            num_threads=1,
        ).values

    @overload
    def encode_batch(
        self,
        texts: Texts,
        *,
        add_special_tokens: bool = ...,
        split_special_tokens: bool = ...,
        num_threads: int | None = ...,
        return_offsets: Literal[False] = ...,
    ) -> Ragged: ...

    @overload
    def encode_batch(
        self,
        texts: Texts,
        *,
        add_special_tokens: bool = ...,
        split_special_tokens: bool = ...,
        num_threads: int | None = ...,
        return_offsets: Literal[True, "char", "byte"],
    ) -> tuple[Ragged, NDArray[np.uint32]]: ...

    def encode_batch(
        self,
        texts: Texts,
        *,
        add_special_tokens: bool = False,
        split_special_tokens: bool = False,
        num_threads: int | None = None,
        return_offsets: bool | OffsetUnit = False,
    ) -> Ragged | tuple[Ragged, NDArray[np.uint32]]:
        """Ids of every document, as `tokenizers.Tokenizer.encode_batch` gives them.

        Args:
            texts: str or bytes (UTF-8) documents in a sequence or numpy object array, or a pyarrow string
                array.
            add_special_tokens: apply the tokenizer's template (BOS, EOS, [CLS] ...). Off by default: a
                store appends its end-of-document id itself.
            split_special_tokens: treat text that looks like a special token as plain text.
            num_threads: None for every core this process may use, 1 inside a DataLoader worker.
            return_offsets: also give the part of its document that each id stands for, as `tokenizers` has
                it (`Encoding.offsets`): True or "char" in characters, "byte" in bytes of UTF-8. Slower, and
                takes some 40 bytes of memory for each byte of the documents at hand, one a thread.

        Returns:
            Ragged with one row a document; the same for every number of threads. With return_offsets a pair
            of it and offsets, uint32 [N, 2], row n for id n of `Ragged.values`: the text of the id is
            `document[begin:end]`. Ids of the template have (0, 0); ids that share a character have all of it.

        Raises:
            ValueError: a document is null, not valid UTF-8, or holds a lone surrogate, or the `tokenizers`
                library fails at it, where that encodes; offsets have no exact native form for this
                tokenizer or text, and engine="native" was asked for (the library gives them otherwise).
            TypeError: a document is neither str nor bytes.
        """
        if return_offsets is False:
            return self._engine.encode_batch(
                texts,
                add_special_tokens=add_special_tokens,
                split_special_tokens=split_special_tokens,
                num_threads=resolve_num_threads(num_threads),
            )
        unit: OffsetUnit = "char" if return_offsets is True else return_offsets
        if unit not in ("char", "byte"):
            raise ValueError(f"return_offsets must be True, False, 'char' or 'byte', got {return_offsets!r}")
        options: dict[str, Any] = {
            "unit": unit,
            "add_special_tokens": add_special_tokens,
            "split_special_tokens": split_special_tokens,
            "num_threads": resolve_num_threads(num_threads),
        }
        if not is_arrow(texts) and not isinstance(texts, (str, bytes)):
            texts = list(texts)  # which may be gone through twice
        try:
            return self._engine.encode_batch_with_offsets(texts, **options)
        except OffsetsError:
            if self._requested_engine is not None:
                raise
            return HuggingFaceEngine(self._definition.tokenizer).encode_batch_with_offsets(texts, **options)

    def encode_as_text(
        self, texts: Texts, *, num_threads: int | None = None
    ) -> tuple[Ragged, NDArray[np.uint32]]:
        """Ids of documents in which special tokens are plain text, and where some are spelled.

        Other added tokens are tokens as ever; see `encode_batch`.

        Returns:
            Ragged, and the numbers of the documents that spell a special token, in order, each as often as
            it does: uint32 [K].

        Raises:
            ValueError, TypeError: as of `encode_batch`.
        """
        return self._engine.encode_as_text(texts, num_threads=resolve_num_threads(num_threads))

    def encode_batch_with_words(
        self, texts: Texts, *, split_special_tokens: bool = False, num_threads: int | None = None
    ) -> tuple[Ragged, NDArray[np.uint32], NDArray[np.bool_]]:
        """Ids of documents, and where words begin.

        A word is what the tokenizer's pre-tokenizer cuts a text into, as `tokenizers` has it
        (`Encoding.word_ids`): a punctuation mark is one in most tokenizers. An added token is a word.

        Returns:
            Ragged; the numbers of the documents that spell special tokens which are text, as of
            `encode_as_text` (none without `split_special_tokens`); and bool [N], whether a word begins with
            id n of `Ragged.values`.

        Raises:
            ValueError, TypeError: as of `encode_batch`; and where engine="native" was asked for, which has
                no exact words of SentencePiece's BPE (the library gives them otherwise).
        """
        options: dict[str, Any] = {
            "split_special_tokens": split_special_tokens,
            "num_threads": resolve_num_threads(num_threads),
        }
        try:
            return self._engine.encode_batch_with_words(texts, **options)
        except WordsError:
            if self._requested_engine is not None:
                raise
            return HuggingFaceEngine(self._definition.tokenizer).encode_batch_with_words(texts, **options)

    @cached_property
    def cuts_words(self) -> bool:
        """Whether texts are cut into words before they are encoded; else all of a text is one word."""
        _, _, begins = self.encode_batch_with_words([_SEVERAL_WORDS], num_threads=1)
        return int(begins.sum()) > 1

    @cached_property
    def template_ids(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The ids that the tokenizer's own template puts before and behind a document (add_special_tokens).

        None where it does more than that.
        """
        bare, whole = (self.encode("a", add_special_tokens=add).tolist() for add in (False, True))
        for begin in range(len(whole) - len(bare) + 1):
            if whole[begin : begin + len(bare)] == bare:
                return tuple(whole[:begin]), tuple(whole[begin + len(bare) :])
        return None

    @property
    def special_texts(self) -> tuple[str, ...]:
        """The texts that are special tokens wherever they stand in a text."""
        return tuple(token.content for token in self._engine.added_tokens() if token.special)

    def decode(self, ids: Sequence[int] | NDArray[np.integer], *, skip_special_tokens: bool = True) -> str:
        """Text of a row of ids, as `tokenizers.Tokenizer.decode` gives it."""
        return self.decode_batch([as_row(ids)], skip_special_tokens=skip_special_tokens)[0]

    def decode_batch(
        self,
        rows: Iterable[Sequence[int] | NDArray[np.integer]],
        *,
        skip_special_tokens: bool = True,
    ) -> list[str]:
        """Text of every row of ids, as `tokenizers.Tokenizer.decode_batch` gives it.

        Args:
            rows: a Ragged (no work in Python then), or any iterable of rows. Ids that no token has are
                passed over.

        Raises:
            ValueError: an id is negative or above 2^32-1 (labels of -100 must be taken out first).
            TypeError: a row does not hold integers.
        """
        ragged = rows if isinstance(rows, Ragged) else as_ragged(list(rows))
        return self._engine.decode_batch(ragged, skip_special_tokens=skip_special_tokens)

    @cached_property
    def _spells_bytes(self) -> bool:
        """Whether tokens are spelled in GPT-2's byte alphabet."""
        return is_byte_level(self._definition.sections_of_any.get("pre_tokenizer"))

    @property
    def _post_processor(self) -> Mapping[str, Any] | None:
        part: Mapping[str, Any] | None = self._definition.sections_of_any.get("post_processor")
        return part

    def _encode_rows(self, texts: Any, **options: Any) -> Any:
        return self.encode_batch(texts, **options)

    def _with_tokens(self, tokens: list[str], special: bool) -> Tokenizer:
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": not special}
        first = self.vocab_size
        entries = [
            {"id": first + i, "content": token, **flags, "special": special}
            for i, token in enumerate(dict.fromkeys(tokens))
            if token
        ]
        definition = TokenizerDefinition(
            with_added_tokens(self._definition.data, entries),
            self._definition.source,
            is_printed=self._definition.is_printed,
        )
        names = {
            role: self.id_to_token(i) for role, i in self.special_tokens.as_dict().items() if i is not None
        }
        configured = {role: token for role, token in names.items() if token is not None}
        return type(self)(definition, self._requested_engine, configured, {}, self._chat)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "data": self._definition.data,
            "source": self._definition.source,
            "is_printed": self._definition.is_printed,
            "engine": self._requested_engine,
            "special_tokens": self.special_tokens,
            "chat": self._chat,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._definition = TokenizerDefinition(state["data"], state["source"], is_printed=state["is_printed"])
        self._requested_engine = state["engine"]
        self._engine, self._engine_reason = choose_engine(self._definition, self._requested_engine)
        self._encode_one = getattr(self._engine, "encode_one", None)
        self.special_tokens = state["special_tokens"]
        self._chat = state.get("chat") or ChatFiles()

    def __repr__(self) -> str:
        return f"Tokenizer(vocab_size={self.vocab_size}, engine={self.engine!r})"
