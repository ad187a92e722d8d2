"""Choosing while reading: which documents of a batch a job takes, and what becomes of their texts.

In this order: the sample, the condition, the function that edits, the lengths in tokens. Each sees what those
before it have left, and all that is passed over is counted under its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.corpus import DocumentBatch, InputFile, Reject, RejectedInputError
from pypack.jobs.encode_stage import reject_of
from pypack.jobs.options import TokenizeOptions
from pypack.jobs.sampling import Sample
from pypack.jobs.transform import Transform, TransformError, load_transform, transformed
from pypack.jobs.where import Where
from pypack.ragged import Ragged
from pypack.store.beside import Beside


def check_choice(options: TokenizeOptions) -> None:
    """Raises ValueError (ExpressionError, TransformError) for what cannot be chosen so."""
    if options.sample is not None and not 0 < options.sample <= 1:
        raise ValueError(f"sample must be above 0 and at most 1, got {options.sample}")
    for name, least in (("limit", 1), ("min_tokens", 0), ("max_tokens", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    fewest, most = options.min_tokens, options.max_tokens
    if fewest is not None and most is not None and fewest > most:
        raise ValueError(f"min_tokens {fewest} is above max_tokens {most}")
    if options.where is not None:
        Where(options.where).check()
    if options.transform is not None:
        if options.records is not None:
            raise ValueError("transform edits texts: it does not go with records that become texts")
        load_transform(options.transform)


class Choice:
    """What a job chooses, from its description."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job
        where = job.get("where")
        self._where = None if where is None else Where(where)
        name = job.get("transform")
        self._transform: Transform | None = None if name is None else load_transform(name)
        self._least, self._most = job.get("min_tokens"), job.get("max_tokens")

    @property
    def fields(self) -> list[str]:
        """All fields that are read beside the text: kept ones first, then those that are looked at."""
        looked_at = [] if self._where is None else self._where.columns
        return list(dict.fromkeys([*self._job["keep"], *(name for name in looked_at if name != self._text)]))

    @property
    def _text(self) -> str | None:
        """The name of the text, where documents have one name for it that is no column of its own."""
        field = self._job["field"]
        return field if isinstance(field, str) and self._job.get("records_as") is None else None

    def of_batches(
        self, batches: Iterable[DocumentBatch], files: list[InputFile], on_error: str
    ) -> Iterator[DocumentBatch]:
        """The batches with what is chosen of them before it is encoded.

        Raises:
            RejectedInputError: a text at which the function fails, under "stop".
            ExpressionError, TransformError: the condition, or the function, does not fit the documents.
        """
        share = self._job.get("sample")
        sample = None if share is None else Sample(share, self._job["seed"], files)
        for batch in batches:
            yield self._chosen(batch, sample, files, on_error)

    def _chosen(
        self, batch: DocumentBatch, sample: Sample | None, files: list[InputFile], on_error: str
    ) -> DocumentBatch:
        if sample is not None:
            batch = _without(batch, "sample", ~sample.holds(batch))
        if self._where is not None:
            columns = {**batch.columns, **({} if self._text is None else {self._text: batch.texts})}
            batch = _without(batch, "where", ~self._where.holds(batch, columns))
            batch = replace(batch, columns={name: batch.columns[name] for name in self._job["keep"]})
        return batch if self._transform is None else self._edited(batch, files, on_error)

    def _edited(self, batch: DocumentBatch, files: list[InputFile], on_error: str) -> DocumentBatch:
        assert self._transform is not None
        rejects: list[Reject] = []
        texts = batch.text_list()
        failed = np.zeros(len(batch), bool)
        try:
            found = transformed(self._transform, texts)
        except TransformError:
            raise
        except Exception:  # which of them it was is seen one by one
            found = []
            for i, text in enumerate(texts):
                try:
                    found += transformed(self._transform, [text])
                except TransformError:
                    raise
                except Exception as error:
                    reason = f"the transform fails at the text: {type(error).__name__}: {error}"[:500]
                    rejects.append(reject_of(files, batch, i, "transform_failed", reason))
                    if on_error == "stop":
                        raise RejectedInputError(rejects[-1]) from error
                    failed[i] = True
                    found.append("")
        together = sorted([*batch.rejects, *rejects], key=lambda reject: (reject.index, reject.record))
        batch = replace(batch, texts=[text or "" for text in found], rejects=together)
        none = np.array([text is None for text in found], bool)[~failed]
        return _without(batch.only(~failed), "transform", none)

    def of_tokens(
        self, batch: DocumentBatch, tokens: Ragged, beside: Beside | None
    ) -> tuple[DocumentBatch, Ragged, Beside | None]:
        """The documents of a batch whose lengths are within the limits.

        A record of several documents is taken with all of them, or not at all.
        """
        for reason, limit, outside in (
            ("min_tokens", self._least, np.less),
            ("max_tokens", self._most, np.greater),
        ):
            if limit is None or len(batch) == 0:
                continue
            left_out = _whole_records(batch, outside(tokens.lengths, limit))
            if left_out.any():
                batch = _without(batch, reason, left_out)
                tokens, beside = kept_documents(tokens, beside, ~left_out)
        return batch, tokens, beside


def _without(batch: DocumentBatch, reason: str, left_out: NDArray[np.bool_]) -> DocumentBatch:
    batch.passed_over.add(reason, batch, left_out)
    return batch.only(~left_out)


def _whole_records(batch: DocumentBatch, left_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True for every document of a record of which one is left out."""
    new = np.ones(len(batch), bool)
    new[1:] = (np.diff(batch.records) != 0) | (np.diff(batch.files) != 0)
    record = np.cumsum(new) - 1
    gone = np.zeros(int(record[-1]) + 1, bool)
    gone[record[left_out]] = True
    found: NDArray[np.bool_] = gone[record]
    return found


def kept_documents(
    tokens: Ragged, beside: Beside | None, kept: NDArray[np.bool_]
) -> tuple[Ragged, Beside | None]:
    """Some of the documents, with what is beside them."""
    of_token = np.repeat(kept, tokens.lengths)
    offsets = np.concatenate([[0], np.cumsum(tokens.lengths[kept])])
    found = Ragged(tokens.values[of_token], offsets)
    return found, None if beside is None else beside.kept(kept, tokens.lengths)
