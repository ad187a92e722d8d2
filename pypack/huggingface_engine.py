"""The engine `huggingface`: ids from the `tokenizers` library. The reference, and the fallback."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from pypack._threads import available_cores
from pypack.ragged import Ragged
from pypack.text_input import Texts, as_strings

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HuggingFaceTokenizer


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

        if num_threads >= available_cores():
            return _to_ragged(encode(documents))
        # The library's own pool takes every core. Batches of one document keep each caller on one of them;
        # the cost (about 10 us a document) is a few per cent of this engine's time.
        if num_threads == 1:
            return _to_ragged([encode([document])[0] for document in documents])
        with ThreadPoolExecutor(num_threads) as pool:
            return _to_ragged([rows[0] for rows in pool.map(lambda document: encode([document]), documents)])

    def decode_batch(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        """See `Engine.decode_batch`."""
        return self._tokenizer.decode_batch(
            [[int(token) for token in row] for row in rows], skip_special_tokens=skip_special_tokens
        )

    def special_names(self) -> list[str]:
        """See `Engine.special_names`."""
        return [t.content for t in self._tokenizer.get_added_tokens_decoder().values() if t.special]

    def token_to_id(self, token: str) -> int | None:
        """See `Engine.token_to_id`."""
        return self._tokenizer.token_to_id(token)

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


def _to_ragged(rows: list[list[int]]) -> Ragged:
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    values = np.empty(int(offsets[-1]), np.uint32)
    for i, row in enumerate(rows):
        values[offsets[i] : offsets[i + 1]] = row
    return Ragged(values, offsets)
