"""How much the loss of each token counts, as a user says it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack.source.mask_values import as_numpy, check_counts, flat_lists, is_arrow, lists_of, plain
from pypack.store.beside import DocumentValues
from pypack.store.store import TokenStore


@dataclasses.dataclass(frozen=True, eq=False)
class LossWeights:
    """Weights of the tokens of a store.

    Attributes:
        values: float32, one a document [D], or one a token [N] of all documents, end to end; or those that
            the store has beside its tokens, which stay where they are.
        begins: int64 [D], where the tokens of each document begin in `values`; None: one a document.
    """

    values: NDArray[np.float32] | DocumentValues
    begins: NDArray[np.int64] | None

    @classmethod
    def of(cls, store: TokenStore, loss_weights: str | ArrayLike) -> LossWeights:
        """What `loss_weights=` of `Source` says.

        Raises:
            ValueError: there are more or fewer values than documents or tokens, or one is not finite.
            TypeError: they are no numbers.
        """
        values: Any = loss_weights
        if isinstance(loss_weights, str):
            values = store.columns([loss_weights]).column(loss_weights)
        values = plain(values)
        lists = lists_of(values, "loss_weights")
        if lists is None:
            numbers = _numbers(values)
            if numbers.shape == (store.num_documents,):
                return cls(_checked(numbers), None)
            lists = flat_lists(store, numbers, "loss_weights")
        check_counts(store, lists, "loss_weights")
        flat = lists.flat(0, len(lists))
        lengths = store.lengths.astype(np.int64)
        if not lists.given.all():
            given = flat
            flat = np.ones(int(lengths.sum()), np.float32)
            flat[np.repeat(lists.given, lengths)] = given
        return cls(_checked(flat), np.cumsum(lengths) - lengths)

    @property
    def of_tokens(self) -> NDArray[np.float32] | None:
        """`values`, where there is one a token; else None."""
        return None if self.begins is None or isinstance(self.values, DocumentValues) else self.values

    def of_documents(self, documents: NDArray[np.int64]) -> NDArray[np.float32]:
        """The weights of documents, where there is one a document."""
        if isinstance(self.values, DocumentValues):
            return self.values.of(documents)
        return self.values[documents]

    def of_spans(
        self, documents: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The weights of the tokens of spans, end to end."""
        if self.begins is None:
            return np.repeat(self.of_documents(documents), lengths)
        assert not isinstance(self.values, DocumentValues)
        ends = np.cumsum(lengths)
        places = np.repeat(self.begins[documents] + starts - (ends - lengths), lengths)
        return self.values[places + np.arange(len(places))]


def _numbers(values: Any) -> NDArray[Any]:
    """One number an item; None is 1."""
    if is_arrow(values):
        return as_numpy(values.fill_null(1))
    if isinstance(values, list | tuple):
        return np.array([1.0 if value is None else value for value in values])
    return np.asarray(values)


def _checked(values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype.kind not in "iuf":
        raise TypeError(f"loss_weights are numbers, got {values.dtype}")
    weights = values.astype(np.float32)
    wrong = ~np.isfinite(weights)
    if wrong.any():
        raise ValueError(f"loss_weights hold {values[np.argmax(wrong)]}, which is no finite float32")
    return weights
