"""Losses of documents, from the losses of the tokens of packed batches."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.batch import IGNORE_LABEL

if TYPE_CHECKING:
    from pypack.batch import PackedBatch


@dataclasses.dataclass(frozen=True, eq=False)
class DocumentLosses:
    """Losses of documents, one entry a document; sums of several batches are made with `+`.

    Attributes:
        source_ids: int32 [documents], the source of each, as in `PackedBatch`.
        document_ids: int64 [documents], its number in the source's store; sorted within each source.
        sums: float64 [documents], the losses of its learned tokens.
        tokens: int64 [documents], how many those are; 0 for a document of which nothing is learned.
    """

    source_ids: NDArray[np.int32]
    document_ids: NDArray[np.int64]
    sums: NDArray[np.float64]
    tokens: NDArray[np.int64]

    @property
    def means(self) -> NDArray[np.float64]:
        """float64 [documents], mean loss of the learned tokens; NaN where there is none."""
        means = np.full(len(self.sums), np.nan)
        np.divide(self.sums, self.tokens, out=means, where=self.tokens > 0)
        return means

    @property
    def mean(self) -> float:
        """Mean loss of all learned tokens; NaN if there is none."""
        tokens = int(self.tokens.sum())
        return float(self.sums.sum()) / tokens if tokens else float("nan")

    def __len__(self) -> int:
        return len(self.sums)

    def __add__(self, other: DocumentLosses) -> DocumentLosses:
        """The documents of both; those that are in both are added up, which a cut document needs."""
        names = [field.name for field in dataclasses.fields(self)]
        return _added_up(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))


def document_losses(batch: PackedBatch, losses: Any) -> DocumentLosses:
    """Sum, mean and count of the losses of each document in a batch.

    For an evaluation: `total = sum of document_losses(batch, losses)` over the batches of one pass (`a + b`
    adds up the pieces of documents that were cut), then `total.means`, `total.mean`.

    Args:
        batch: of either layout, NumPy or torch, with `labels` (or `loss_mask`), and `segment_ids` in the
            padded layout. Only places whose label is not -100 count.
        losses: the loss of each label of *this* batch, an array or tensor of the same shape, not reduced:
            `cross_entropy(..., reduction="none")`. Of logits against `batch.shift_labels().labels`, give the
            shifted batch; or leave out the first place of each row, as in `cross_entropy(logits[:, :-1],
            batch.labels[:, 1:], reduction="none")`.

    Raises:
        ValueError: the shapes differ, or the batch lacks an array.
    """
    labels, mask = _numpy(batch.labels), _numpy(batch.loss_mask)
    if labels is None and mask is None:
        raise ValueError(
            "the batch has neither labels nor loss_mask: make the loader with arrays=['labels', ...]"
        )
    learned = labels != IGNORE_LABEL if labels is not None else mask > 0
    values = _numpy(losses)
    if values.shape == (*learned.shape[:-1], learned.shape[-1] - 1):
        if labels is not None and (labels[learned] != _numpy(batch.input_ids)[learned]).any():
            raise ValueError(
                f"losses have the shape {values.shape}, one place less than the labels, which are shifted: "
                "give the unshifted batch, or a loss for every label"
            )
        learned = learned[..., 1:]
        spans = _span_of_places(batch)[..., 1:]
    else:
        spans = _span_of_places(batch)
    if values.shape != learned.shape:
        raise ValueError(
            f"losses have the shape {values.shape}, the labels {learned.shape}: give one loss a label, with "
            "reduction='none'"
        )
    at = spans[learned]
    count = batch.num_spans
    sums = np.bincount(at, values[learned].astype(np.float64), count)
    sources, documents = _numpy(batch.source_ids), _numpy(batch.document_ids)
    return _added_up(sources, documents, sums, np.bincount(at, minlength=count))


def _numpy(array: Any) -> Any:
    """The array of a tensor on any device; bfloat16, which NumPy lacks, as float32."""
    if array is None or isinstance(array, np.ndarray):
        return array
    if hasattr(array, "detach"):
        array = array.detach()
        return (array.float() if array.is_floating_point() else array).cpu().numpy()
    return np.asarray(array)


def _span_of_places(batch: PackedBatch) -> NDArray[np.int64]:
    """The span that each place of the batch belongs to; beyond the last one, or wrong, at padding."""
    if batch.cu_seqlens is not None:
        places = np.arange(len(batch.input_ids))
        return np.searchsorted(_numpy(batch.cu_seqlens), places, side="right") - 1
    segments = _numpy(batch.segment_ids)
    if segments is None:
        raise ValueError(
            "the batch has no segment_ids, which tell documents apart: make the loader with them"
        )
    spans: NDArray[np.int64] = _numpy(batch.row_spans)[:-1, None] + segments.astype(np.int64) - 1
    return spans


def _added_up(
    sources: NDArray[np.int32],
    documents: NDArray[np.int64],
    sums: NDArray[Any],
    tokens: NDArray[Any],
) -> DocumentLosses:
    order = np.lexsort((documents, sources))
    sources, documents = sources[order], documents[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (documents[1:] != documents[:-1]) | (sources[1:] != sources[:-1])
    entry = np.cumsum(is_new) - 1
    count = int(is_new.sum())
    return DocumentLosses(
        sources[is_new].astype(np.int32),
        documents[is_new].astype(np.int64),
        np.bincount(entry, sums[order], count).astype(np.float64),
        np.bincount(entry, tokens[order], count).astype(np.int64),
    )
