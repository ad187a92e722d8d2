"""The middle stage of a job that keeps where words begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.corpus import DocumentBatch, InputFile
from pypack.jobs.encode_stage import EncodeStage
from pypack.ragged import Ragged
from pypack.store.beside import Beside

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

EncodeWords = Callable[[Any], tuple[Ragged, NDArray[np.uint32], NDArray[np.bool_]]]


class WordStage(EncodeStage):
    """Encodes batches as `EncodeStage` does, and gives beside the ids with which of them words begin.

    Args:
        encode: as `Tokenizer.encode_batch_with_words`.
    """

    def __init__(self, encode: EncodeWords, files: Sequence[InputFile], on_error: str = "reject") -> None:
        super().__init__(self._ids, files, on_error)
        self._encode_words = encode
        self._words: list[NDArray[np.bool_]] = []  # of what was encoded of the batch at hand

    def _ids(self, texts: Any) -> tuple[Ragged, NDArray[np.uint32]]:
        rows, look_alikes, begins = self._encode_words(texts)
        self._words.append(begins)
        return rows, look_alikes

    def __call__(self, batch: DocumentBatch) -> tuple[DocumentBatch, Ragged, Beside]:
        """As `EncodeStage`, with the words of the documents."""
        self._words = []
        batch, rows = self._encoded(batch)
        words = np.concatenate([np.zeros(0, np.bool_), *self._words])
        return batch, rows, Beside(words=words)


def check_words(has_records: bool, tokenizer: Tokenizer) -> None:
    """Raises ValueError where a job cannot keep where words begin.

    Args:
        has_records: records become texts first, of which templates write a part.
    """
    if has_records:
        raise ValueError(
            "word_borders keeps where the words of plain texts begin: it does not go with records that "
            "become texts; leave it out, and words are told by the vocabulary"
        )
    if not tokenizer.cuts_words:
        raise ValueError(
            "word_borders: this tokenizer does not cut texts into words before it encodes them (it has no "
            "pre-tokenizer that does), so that there are none to keep; leave it out, and words are told by "
            "the vocabulary"
        )
