"""Text to token ids, exactly as the `tokenizers` library gives them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pypack._threads import resolve_num_threads
from pypack.huggingface_engine import HuggingFaceEngine
from pypack.ragged import Ragged
from pypack.special_tokens import SpecialTokens, find_special_tokens, names_beside
from pypack.text_input import Texts
from pypack.tokenizer_engine import Engine

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

EngineName = Literal["native", "huggingface"]

# The parts of a tokenizer.json that decide ids; truncation and padding do not (pypack uses neither).
_SECTIONS_OF_IDS = ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model")


class Tokenizer:
    """A tokenizer: text ↔ ids, with its special ids and a fingerprint.

    Made by `from_file` or `from_huggingface`. Immutable; one object may be used from many threads at once;
    pickles. A truncation or padding set in the tokenizer is not applied: pypack packs, it never cuts text.
    """

    def __init__(
        self,
        tokenizer: HuggingFaceTokenizer,
        special_tokens: SpecialTokens,
        engine: EngineName | None = None,
    ) -> None:
        if engine not in (None, "native", "huggingface"):
            raise ValueError(f"engine must be 'native', 'huggingface' or None (choose), got {engine!r}")
        if engine == "native":
            raise ValueError("engine='native' is not available for this tokenizer: no native engine yet")
        self._tokenizer = tokenizer
        self.special_tokens = special_tokens
        self._requested_engine = engine
        self._engine: Engine = HuggingFaceEngine(tokenizer)

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
        `tokenizer_config.json` or `special_tokens_map.json` beside the file names, else those of
        well-known names (`</s>`, `<|endoftext|>`, ...) that the tokenizer marks as special.

        Args:
            path: the file, or a folder that holds a `tokenizer.json`.
            engine: "native", "huggingface", or None for the native engine wherever it is exact.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not a tokenizer that the `tokenizers` library can load, a special token is
                not in its vocabulary, or the engine asked for cannot run it.
        """
        from tokenizers import Tokenizer as HuggingFaceTokenizer

        file = Path(path)
        if file.is_dir():
            file = file / "tokenizer.json"
        data = file.read_bytes()
        try:
            tokenizer = HuggingFaceTokenizer.from_buffer(data)
        except Exception as error:  # the library raises bare Exception
            raise ValueError(f"{file}: not a tokenizer.json that `tokenizers` can load: {error}") from error
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        return cls(tokenizer, _special_tokens(tokenizer, names_beside(file), asked), engine)

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
        copy = HuggingFaceTokenizer.from_str(inner.to_str())
        asked = {"eos": eos_token, "bos": bos_token, "pad": pad_token}
        return cls(copy, _special_tokens(copy, configured, asked), engine)

    @property
    def engine(self) -> str:
        """Which engine encodes: "native", or "huggingface" where no native engine is exact."""
        return self._engine.name

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
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the parts of the tokenizer that decide ids, in canonical JSON; hexadecimal."""
        definition = json.loads(self._tokenizer.to_str())
        ids = {section: definition.get(section) for section in _SECTIONS_OF_IDS}
        canonical = json.dumps(ids, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> str:
        """The tokenizer as the text of a `tokenizer.json`."""
        return self._tokenizer.to_str()

    def token_to_id(self, token: str) -> int | None:
        """Id of a token, None if it is not in the vocabulary."""
        return self._tokenizer.token_to_id(token)

    def id_to_token(self, token_id: int) -> str | None:
        """Token of an id, None if no token has it."""
        return self._tokenizer.id_to_token(token_id) if token_id >= 0 else None

    def encode(
        self, text: str | bytes, *, add_special_tokens: bool = False, split_special_tokens: bool = False
    ) -> NDArray[np.uint32]:
        """Ids of one document: uint32 [n]. See `encode_batch`."""
        return self.encode_batch(
            [text],
            add_special_tokens=add_special_tokens,
            split_special_tokens=split_special_tokens,
            num_threads=1,
        ).values

    def encode_batch(
        self,
        texts: Texts,
        *,
        add_special_tokens: bool = False,
        split_special_tokens: bool = False,
        num_threads: int | None = None,
    ) -> Ragged:
        """Ids of every document, as `tokenizers.Tokenizer.encode_batch` gives them.

        Args:
            texts: str or bytes (UTF-8) documents in a sequence or numpy object array, or a pyarrow string
                array.
            add_special_tokens: apply the tokenizer's template (BOS, EOS, [CLS] ...). Off by default: a
                store appends its end-of-document id itself.
            split_special_tokens: treat text that looks like a special token as plain text.
            num_threads: None for every core this process may use, 1 inside a DataLoader worker.

        Returns:
            Ragged with one row a document; the same for every number of threads.

        Raises:
            ValueError: a document is null, not valid UTF-8, or holds a lone surrogate.
            TypeError: a document is neither str nor bytes.
        """
        return self._engine.encode_batch(
            texts,
            add_special_tokens=add_special_tokens,
            split_special_tokens=split_special_tokens,
            num_threads=resolve_num_threads(num_threads),
        )

    def decode(self, ids: Sequence[int] | NDArray[np.integer], *, skip_special_tokens: bool = True) -> str:
        """Text of a row of ids, as `tokenizers.Tokenizer.decode` gives it."""
        return self.decode_batch([ids], skip_special_tokens=skip_special_tokens)[0]

    def decode_batch(
        self,
        rows: Iterable[Sequence[int] | NDArray[np.integer]],
        *,
        skip_special_tokens: bool = True,
    ) -> list[str]:
        """Text of every row of ids (a Ragged, or any sequence of rows)."""
        listed = [row.tolist() if isinstance(row, np.ndarray) else row for row in rows]
        return self._engine.decode_batch(listed, skip_special_tokens=skip_special_tokens)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (self.to_json(), self.special_tokens, self._requested_engine)

    def __repr__(self) -> str:
        return f"Tokenizer(vocab_size={self.vocab_size}, engine={self.engine!r})"


def _unpickle(serialized: str, special_tokens: SpecialTokens, engine: EngineName | None) -> Tokenizer:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    return Tokenizer(HuggingFaceTokenizer.from_str(serialized), special_tokens, engine)


def _special_tokens(
    tokenizer: HuggingFaceTokenizer, configured: dict[str, str], asked: dict[str, str | None]
) -> SpecialTokens:
    special = frozenset(t.content for t in tokenizer.get_added_tokens_decoder().values() if t.special)
    return find_special_tokens(tokenizer.token_to_id, special, configured, asked)
