"""Text to token ids, exactly as the `tokenizers` library gives them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import number_within
from pypack._common.paths import local_path
from pypack._common.threads import resolve_num_threads
from pypack.ragged import Ragged
from pypack.tokenizer.chat_files import ChatFiles, chat_files_beside, chat_files_of
from pypack.tokenizer.choice import EngineName, choose_engine
from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.definition_file import read_definition_file
from pypack.tokenizer.engine import Engine, OffsetsError, OffsetUnit
from pypack.tokenizer.folder import read_beside, with_added_tokens
from pypack.tokenizer.habits import Habits, as_row
from pypack.tokenizer.hub import hub_folder
from pypack.tokenizer.huggingface_engine import HuggingFaceEngine
from pypack.tokenizer.library import library_version
from pypack.tokenizer.load_warnings import warn_of_ids, warn_of_transformers
from pypack.tokenizer.native.pretokenizers import is_byte_level
from pypack.tokenizer.native.sentencepiece_file import names_of_roles
from pypack.tokenizer.special_tokens import find_special_tokens
from pypack.tokenizer.text_input import Texts, is_arrow
from pypack.tokenizer.tiktoken_encoding import encoding_of
from pypack.tokenizer.tiktoken_file import RanksDefinition, read_ranks
from pypack.tokenizer.what_file import find_tokenizer_file

if TYPE_CHECKING:
    import tiktoken

    from pypack.records.chat_template import ChatTemplate
    from pypack.records.rendered import Rendered


class Tokenizer(Habits):
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

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        engine: EngineName | None = None,
        eos_token: str | None = None,
        bos_token: str | None = None,
        pad_token: str | None = None,
    ) -> Tokenizer:
        """Loads a `tokenizer.json`, or the one in a folder.

        Special ids are those of `eos_token`, `bos_token`, `pad_token` where given, else those that a
        `tokenizer_config.json` or `special_tokens_map.json` beside the file names (with a warning where
        the vocabulary lacks that one), else those of well-known names (`</s>`, `<|endoftext|>`, ...) that
        the tokenizer marks as special.

        Args:
            path: the file, or a folder that holds a `tokenizer.json`.
            engine: "native", "huggingface", or None for the native engine wherever it is exact.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not a tokenizer that the `tokenizers` library can load, a special token is
                not in its vocabulary, or the engine asked for cannot run it.
        """
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        return cls._opened(local_path(path), engine, asked)

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        revision: str | None = None,
        local_only: bool = False,
        engine: EngineName | None = None,
        eos_token: str | None = None,
        bos_token: str | None = None,
        pad_token: str | None = None,
    ) -> Tokenizer:
        """The tokenizer of a model on the Hugging Face Hub, or in the Hub's cache on this machine.

        Of the model only the files of its tokenizer are downloaded (extra `hub`). What is in the cache needs
        no network: also under `HF_HUB_OFFLINE=1`, or where the Hub does not answer.

        Args:
            name: "owner/model"; or the path of a folder, as `from_file` takes it.
            revision: a branch, a tag, or the whole id of a commit, which is not asked for again.
            local_only: look in the cache alone.

        Raises:
            FileNotFoundError: there is no such model, or it is not in the cache.
            ImportError: it is not in the cache, and huggingface_hub is not installed.
            ValueError: as for `from_file`.
        """
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        if name and Path(name).is_dir():
            return cls._opened(Path(name), engine, asked)
        return cls._opened(hub_folder(name, revision, local_only=local_only), engine, asked)

    @classmethod
    def _opened(cls, path: Path, engine: EngineName | None, asked: dict[str, str | None]) -> Tokenizer:
        """Of a file or folder, see `from_file`."""
        file = find_tokenizer_file(path)
        beside = read_beside(file)
        definition = read_definition_file(file, beside)
        tokenizer = cls(definition, engine, beside.names(), asked, chat_files_beside(file))
        warn_of_ids(definition, tokenizer._engine.added_tokens())
        warn_of_transformers(definition, beside, tokenizer._engine)
        return tokenizer

    @classmethod
    def from_huggingface(
        cls,
        tokenizer: Any,
        *,
        engine: EngineName | None = None,
        eos_token: str | None = None,
        bos_token: str | None = None,
        pad_token: str | None = None,
    ) -> Tokenizer:
        """Takes a `tokenizers.Tokenizer` or a fast tokenizer of transformers; the object is copied.

        A transformers tokenizer says itself which tokens end, begin and pad; the arguments overrule it.

        Raises:
            TypeError: `tokenizer` is neither (transformers' slow tokenizers have no `tokenizers` form).
            ValueError: as for `from_file`.
        """
        from tokenizers import Tokenizer as HuggingFaceTokenizer

        inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if not isinstance(inner, HuggingFaceTokenizer):
            kind = type(tokenizer).__name__
            raise TypeError(f"expected a tokenizers.Tokenizer or a transformers fast tokenizer, got {kind}")
        configured = {}
        for role in ("eos", "bos", "pad"):
            token = getattr(tokenizer, f"{role}_token", None)
            if token is not None:
                configured[role] = str(token)
        definition = TokenizerDefinition(inner.to_str().encode(), source="the tokenizer", is_printed=True)
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        return cls(definition, engine, configured, asked, chat_files_of(tokenizer))

    @classmethod
    def from_tiktoken(
        cls,
        path: str | os.PathLike[str] | tiktoken.Encoding,
        *,
        pattern: str | None = None,
        special_tokens: Mapping[str, int] | None = None,
        engine: EngineName | None = None,
        eos_token: str | None = None,
        bos_token: str | None = None,
        pad_token: str | None = None,
    ) -> Tokenizer:
        """Loads a `.tiktoken` file (lines of a token in base64 and its rank), or an encoding of tiktoken's.

        The tokenizer.json that `to_json` gives has the merges that transformers' converter writes.

        Args:
            path: the file; or a `tiktoken.Encoding`, or the name of one ("cl100k_base"), which tiktoken
                loads from its own cache or from the network. These have their pattern and special tokens.
            pattern: the regex that splits text into words (tiktoken's `pat_str`), or one of the names
                "gpt2", "cl100k", "o200k", "qwen2", "tekken". "cl100k" is as most models have it; the
                `pat_str` that tiktoken itself has for cl100k_base today treats whitespace at the end of
                a text otherwise, and is known too.
            special_tokens: special token → id, behind the ranks or where a rank is missing; ids may be left
                out. Beside an encoding: its own are replaced.

        Raises:
            FileNotFoundError: there is no such file.
            ImportError: it is a name, and tiktoken is not installed.
            ValueError: a line is malformed, a special token has an id or a text that is taken, the
                pattern means something else to `tokenizers`, there is no such encoding, or as for
                `from_file`.
            TypeError: a file comes without a pattern, which it does not hold.
        """
        encoding = encoding_of(path)
        if encoding is not None:
            given = encoding.special_tokens if special_tokens is None else special_tokens
        elif pattern is None:
            raise TypeError(
                f'{path}: a .tiktoken file does not say how text is split: give pattern="cl100k" or another'
            )
        else:
            given = special_tokens or {}
        special = {
            content: number_within(f"the id of special token {content!r}", token_id, 31, signed=False)
            for content, token_id in given.items()
        }
        if encoding is not None:
            name = encoding.name
            ranks = encoding.ranks
        else:
            name = str(path)
            ranks = read_ranks(local_path(cast("str | os.PathLike[str]", path)))
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        regex = pattern or (encoding.pattern if encoding else "")
        tokenizer = cls(RanksDefinition(ranks, regex, special, name), engine, {}, asked)
        for content, token_id in special.items():
            if token_id in tokenizer.encode(content, split_special_tokens=True):
                raise ValueError(
                    f"{name}: plain text can spell the special token {content!r}, because some ids before"
                    f" {token_id} are unused; name the unused ids as special tokens too"
                )
        return tokenizer

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
            learn, parse_special_tokens, now: see `pypack.records.ChatTemplate`.
            **options: what the template finds by name, such as `enable_thinking`.

        Raises:
            ValueError: the tokenizer has none, the template is none, or it writes tokens that the folder's
                configuration names and the tokenizer.json lacks.
            ImportError: jinja2 is missing.
        """
        from pypack.records.chat_template import ChatTemplate

        if template is None:
            chosen = self._chat.choose(has_tools)
            if chosen is None:
                known = ", ".join(map(repr, self._chat.templates)) or "none"
                raise ValueError(
                    f"{self._definition.source}: the tokenizer has no chat template (known: {known}): give "
                    "the path of "
                    "one; it is looked for in chat_template.jinja and tokenizer_config.json beside the "
                    "tokenizer.json"
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
        return ChatTemplate(
            source,
            name,
            self._chat.tokens,
            self.special_texts,
            options,
            learn,
            parse_special_tokens,
            now,
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
        ragged = rows if isinstance(rows, Ragged) else _as_ragged(list(rows))
        return self._engine.decode_batch(ragged, skip_special_tokens=skip_special_tokens)

    @cached_property
    def _spells_bytes(self) -> bool:
        """Whether tokens are spelled in GPT-2's byte alphabet."""
        return is_byte_level(self._definition.sections_of_any.get("pre_tokenizer"))

    def _encode_rows(self, texts: Any, **options: Any) -> Ragged:
        rows: Ragged = self.encode_batch(texts, **options)
        return rows

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


def _as_ragged(rows: list[Sequence[int] | NDArray[np.integer]]) -> Ragged:
    try:
        arrays = [np.asarray(row) for row in rows]
    except ValueError:  # rows of unequal length where ids should be
        raise TypeError("every row must be a vector of ids, got rows within rows") from None
    for i, array in enumerate(arrays):
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"row {i} must hold integers, got {array.dtype}")
        if array.ndim != 1:
            raise TypeError(f"row {i} must be a vector of ids, got shape {array.shape}")
        if array.size and not (array.min() >= 0 and array.max() < 2**32):
            raise ValueError(f"row {i} holds an id outside 0 to 2^32-1: take out labels such as -100 first")
    return Ragged.from_rows(arrays)
