"""The engine `huggingface`: ids from the `tokenizers` library. The reference, and the fallback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pypack._common.threads import available_cores
from pypack.ragged import Ragged
from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.engine import OffsetUnit, PlainParts
from pypack.tokenizer.library import load_with_library
from pypack.tokenizer.library_errors import LibraryError, library_errors
from pypack.tokenizer.spans import SpanArrays, tokens_that_meet
from pypack.tokenizer.special_texts import SpecialTexts
from pypack.tokenizer.text_input import Texts, as_strings

if TYPE_CHECKING:
    from tokenizers import Encoding
    from tokenizers import Tokenizer as HuggingFaceTokenizer


Result = TypeVar("Result")


class HuggingFaceEngine:
    """Encodes with a `tokenizers.Tokenizer` that nobody changes and that neither truncates nor pads."""

    name = "huggingface"

    def __init__(self, tokenizer: HuggingFaceTokenizer) -> None:
        self._tokenizer = tokenizer
        self._splitting: HuggingFaceTokenizer | None = None
        self._lock = threading.Lock()

    def encode_batch(
        self, texts: Texts, *, add_special_tokens: bool, split_special_tokens: bool, num_threads: int
    ) -> Ragged:
        """See `Engine.encode_batch`."""
        documents = as_strings(texts)
        tokenizer = self._splitting_copy() if split_special_tokens else self._tokenizer

        def encode(batch: list[str]) -> list[list[int]]:
            encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=add_special_tokens)
            return [encoding.ids for encoding in encodings]

        return _to_ragged(_encoded(encode, documents, num_threads))

    def encode_as_text(self, texts: Texts, *, num_threads: int) -> tuple[Ragged, NDArray[np.uint32]]:
        """See `Engine.encode_as_text`."""
        documents = as_strings(texts)
        rows = self.encode_batch(
            documents, add_special_tokens=False, split_special_tokens=True, num_threads=num_threads
        )
        return rows, self._look_alikes.documents(documents)

    def encode_batch_with_words(
        self, texts: Texts, *, split_special_tokens: bool, num_threads: int
    ) -> tuple[Ragged, NDArray[np.uint32], NDArray[np.bool_]]:
        """See `Engine.encode_batch_with_words`."""
        documents = as_strings(texts)
        tokenizer = self._splitting_copy() if split_special_tokens else self._tokenizer
        encodings = _encoded(
            lambda batch: tokenizer.encode_batch(batch, add_special_tokens=False), documents, num_threads
        )
        begins = [np.zeros(0, np.bool_)]
        for encoding in encodings:
            words = encoding.word_ids
            changes = [i == 0 or words[i - 1] != word for i, word in enumerate(words)]
            begins.append(np.array(changes, np.bool_))
        spelled = self._look_alikes.documents(documents) if split_special_tokens else np.zeros(0, np.uint32)
        return _to_ragged([encoding.ids for encoding in encodings]), spelled, np.concatenate(begins)

    @cached_property
    def _look_alikes(self) -> SpecialTexts:
        normalizer = self._tokenizer.normalizer
        return SpecialTexts(self.added_tokens(), None if normalizer is None else normalizer.normalize_str)

    def encode_batch_with_offsets(
        self,
        texts: Texts,
        *,
        unit: OffsetUnit,
        add_special_tokens: bool,
        split_special_tokens: bool,
        num_threads: int,
        plain: PlainParts | None = None,
    ) -> tuple[Ragged, NDArray[np.uint32]]:
        """See `Engine.encode_batch_with_offsets`."""
        documents = as_strings(texts)
        splits = np.full(len(documents), split_special_tokens)
        if plain is not None and len(plain[1]):
            splits |= self._all_plain(documents, plain)

        def encode(split: bool) -> list[Encoding]:
            tokenizer = self._splitting_copy() if split else self._tokenizer
            chosen = [document for document, one in zip(documents, splits, strict=True) if one == split]
            return _encoded(
                lambda batch: tokenizer.encode_batch(batch, add_special_tokens=add_special_tokens),
                chosen, num_threads,
            )  # fmt: skip

        found_by = {split: iter(encode(split)) for split in set(splits.tolist())}
        encodings = [next(found_by[split]) for split in splits.tolist()]
        rows = _to_ragged([encoding.ids for encoding in encodings])
        ranges = np.empty((len(rows.values), 2), np.uint32)
        for i, (document, encoding) in enumerate(zip(documents, encodings, strict=True)):
            found = np.array(encoding.offsets, np.uint32).reshape(-1, 2)
            if unit == "byte" and not document.isascii():
                found = _byte_positions(document)[found]
            ranges[rows.offsets[i] : rows.offsets[i + 1]] = found
        return rows, ranges

    def encode_batch_with_mask(
        self, texts: list[str], *, plain: PlainParts, learned: SpanArrays, num_threads: int
    ) -> tuple[Ragged, NDArray[np.bool_]]:
        """See `Engine.encode_batch_with_mask`."""
        rows, ranges = self.encode_batch_with_offsets(
            texts,
            unit="char",
            add_special_tokens=False,
            split_special_tokens=False,
            num_threads=num_threads,
            plain=plain,
        )
        bounds, spans = learned
        found = np.empty(len(ranges), np.bool_)
        for i in range(len(texts)):
            tokens = slice(rows.offsets[i], rows.offsets[i + 1])
            found[tokens] = tokens_that_meet(spans[bounds[i] : bounds[i + 1]], ranges[tokens])
        return rows, found

    def _all_plain(self, documents: list[str], plain: PlainParts) -> NDArray[np.bool_]:
        """Which documents have plain parts, in which then every special token lies that they spell.

        Raises:
            ValueError: some of a document are meant and some are not, which the library cannot do.
        """
        bounds, parts = plain
        found = np.diff(bounds) > 0
        for i in np.flatnonzero(found).tolist():
            if not self._look_alikes.lie_in(documents[i], parts[bounds[i] : bounds[i + 1]].tolist()):
                raise ValueError(
                    f"document {i}: its content spells a special token, which the engine 'huggingface' "
                    "cannot read as plain text beside special tokens that are meant: take it out, or give "
                    "parse_special_tokens"
                )
        return found

    def decode_batch(self, rows: Ragged, *, skip_special_tokens: bool) -> list[str]:
        """See `Engine.decode_batch`."""
        return decode_with_library(self._tokenizer, rows, skip_special_tokens=skip_special_tokens)

    def added_tokens(self) -> list[AddedToken]:
        """See `Engine.added_tokens`."""
        return [
            AddedToken(
                token.content,
                i,
                token.single_word,
                token.lstrip,
                token.rstrip,
                token.normalized,
                token.special,
            )
            for i, token in sorted(self._tokenizer.get_added_tokens_decoder().items())
        ]

    def token_to_id(self, token: str) -> int | None:
        """See `Engine.token_to_id`."""
        return self._tokenizer.token_to_id(token)

    def id_to_token(self, token_id: int) -> str | None:
        """See `Engine.id_to_token`."""
        return self._tokenizer.id_to_token(token_id) if token_id < 2**32 else None

    def vocab_size(self) -> int:
        """See `Engine.vocab_size`."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def _splitting_copy(self) -> HuggingFaceTokenizer:
        # A copy, because the library keeps the switch as state of the tokenizer that all threads share.
        with self._lock:
            if self._splitting is None:
                copy = type(self._tokenizer).from_str(self._tokenizer.to_str())
                copy.encode_special_tokens = True
                self._splitting = copy
            return self._splitting


def decode_with_library(
    tokenizer: HuggingFaceTokenizer, rows: Ragged, *, skip_special_tokens: bool
) -> list[str]:
    """Text of every row, by `tokenizers`."""
    with library_errors():
        return tokenizer.decode_batch([row.tolist() for row in rows], skip_special_tokens=skip_special_tokens)


def check_decoder(part: Mapping[str, Any], source: str) -> None:
    """Loads a decoder alone, which is quick.

    Raises:
        ValueError: the `tokenizers` library cannot load it.
    """
    import orjson

    model = {"type": "BPE", "vocab": {}, "merges": []}
    sections = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor")
    alone = {"version": "1.0", "added_tokens": [], "model": model, "decoder": part}
    try:
        with library_errors():
            load_with_library(orjson.dumps(alone | dict.fromkeys(sections)))
    except LibraryError as error:
        raise ValueError(
            f"{source}: `tokenizers` cannot load the decoder {part.get('type')!r}: {error}"
        ) from error


def _encoded(
    encode: Callable[[list[str]], list[Result]], documents: list[str], num_threads: int
) -> list[Result]:
    """What the library makes of every document.

    Raises:
        ValueError: it fails at one; the message says which, and why.
    """
    try:
        with library_errors():
            return _on_threads(encode, documents, num_threads)
    except LibraryError as error:
        if len(documents) == 1:
            raise ValueError(f"document 0: {error}") from error
        for i, document in enumerate(documents):
            try:
                with library_errors():
                    encode([document])
            except LibraryError as found:
                raise ValueError(f"document {i}: {found}") from found
        raise  # it fails at all of them together only


def _on_threads(
    encode: Callable[[list[str]], list[Result]], documents: list[str], num_threads: int
) -> list[Result]:
    if num_threads >= available_cores():
        return encode(documents)
    # The library's own pool takes every core. Batches of one document keep each caller on one of them; the
    # cost (about 10 us a document) is a few per cent of this engine's time.
    if num_threads == 1:
        return [encode([document])[0] for document in documents]
    with ThreadPoolExecutor(num_threads) as pool:
        return [rows[0] for rows in pool.map(lambda document: encode([document]), documents)]


def _byte_positions(text: str) -> NDArray[np.uint32]:
    """Where in UTF-8 each character begins, and the text ends: uint32 [len(text) + 1]."""
    data = np.frombuffer(text.encode(), np.uint8)
    starts = np.flatnonzero((data & 0xC0) != 0x80).astype(np.uint32)
    return np.append(starts, np.uint32(len(data)))


def _to_ragged(rows: list[list[int]]) -> Ragged:
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    values = np.empty(int(offsets[-1]), np.uint32)
    for i, row in enumerate(rows):
        values[offsets[i] : offsets[i + 1]] = row
    return Ragged(values, offsets)
