"""The middle stage of a tokenize job: texts to ids, with what cannot be encoded set aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.corpus import DocumentBatch, InputFile, Reject, RejectedInputError
from pypack.corpus.json_array import new_source
from pypack.corpus.passed_over import PassedOver
from pypack.corpus.piece import first_line_start
from pypack.ragged import Ragged
from pypack.store.beside import Beside

# Under which name text that spells special tokens is counted, beside what is passed over.
LOOK_ALIKES = "look_alikes"
# Ids of texts, and the numbers of those that spell special tokens which are text, see
# `Tokenizer.encode_as_text`. Counting these was measured at 0 to 1 % of encoding (GPT-2 and Llama 3, 16 MB of
# web text and of code, one thread, at real-time priority): the noise of seven runs in turns.
Encode = Callable[[Any], tuple[Ragged, NDArray[np.uint32]]]


class EncodeStage:
    """Encodes batches; a document at which the encoder fails becomes a reject, and the others go on."""

    def __init__(self, encode: Encode, files: Sequence[InputFile], on_error: str = "reject") -> None:
        self._encode = encode
        self._files = files
        self._on_error = on_error

    def __call__(self, batch: DocumentBatch) -> tuple[DocumentBatch, Ragged, Beside | None]:
        """The batch without the documents that were refused, the ids of the others, and what is beside them:
        nothing.

        Raises:
            RejectedInputError: the first of them, under `on_error="stop"`.
        """
        return (*self._encoded(batch), None)

    def _encoded(self, batch: DocumentBatch) -> tuple[DocumentBatch, Ragged]:
        try:
            rows, look_alikes = self._encode(batch.texts)
            return _with_look_alikes(batch, look_alikes), rows
        except ValueError:
            return self._one_by_one(batch)

    def _one_by_one(self, batch: DocumentBatch) -> tuple[DocumentBatch, Ragged]:
        kept = np.ones(len(batch), bool)
        rows, rejects = [], []
        look_alikes: list[int] = []
        for i, text in enumerate(batch.text_list()):
            try:
                ids, found = self._encode([text])
                rows.append(ids.values)
                look_alikes += [i] * len(found)
            except ValueError as error:
                rejects.append(self._reject(batch, i, str(error).removeprefix("document 0: ")))
                if self._on_error == "stop":
                    raise RejectedInputError(rejects[0]) from error
                kept[i] = False
        batch = _with_look_alikes(batch, np.array(look_alikes, np.uint32))
        together = sorted([*batch.rejects, *rejects], key=lambda reject: (reject.index, reject.record))
        return replace(batch.only(kept), rejects=together), Ragged.from_rows(rows)

    def _reject(self, batch: DocumentBatch, i: int, reason: str) -> Reject:
        return reject_of(self._files, batch, i, "not_encodable", f"the tokenizer fails at the text: {reason}")


def _with_look_alikes(batch: DocumentBatch, documents: NDArray[np.uint32]) -> DocumentBatch:
    if not len(documents):
        return batch
    return replace(batch, look_alikes=PassedOver.of(LOOK_ALIKES, batch, documents))


def reject_of(files: Sequence[InputFile], batch: DocumentBatch, i: int, kind: str, reason: str) -> Reject:
    """The reject of a document of a batch."""
    index, record = int(batch.files[i]), int(batch.records[i])
    file = files[index]
    offset = _line_start(files, batch, i) if file.unit != "row" else 0
    return Reject(file.path, index, record, file.unit, offset, kind, reason)


def _line_start(files: Sequence[InputFile], batch: DocumentBatch, i: int) -> int:
    """Where the line of a document begins; batches say only where it ends."""
    end, record = int(batch.ends[i]), int(batch.records[i])
    if end == 0:
        return 0
    if record == 0:
        file = files[int(batch.files[i])]
        return 0 if file.end is None else first_line_start(file, file.begin, file.end)
    if i > 0 and batch.files[i - 1] == batch.files[i] and batch.records[i - 1] == record - 1:
        return int(batch.ends[i - 1])
    file = files[int(batch.files[i])]
    if file.is_stream:
        return end
    start = offset = 0
    for chunk in new_source(file):  # rare: only behind a line that is no document
        start = max(start, offset + chunk.rfind(b"\n", 0, max(0, end - 1 - offset)) + 1)
        offset += len(chunk)
        if offset >= end:
            break
    return start
