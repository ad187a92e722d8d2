"""Documents chosen by columns of their store."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack.store.store import TokenStore


def column_values(store: TokenStore, name: str) -> NDArray[Any]:
    """A kept column of the store, one value a document."""
    table = store.columns([name])
    values: NDArray[Any] = table.column(name).to_numpy()
    return values


def per_document(store: TokenStore, values: str | ArrayLike, what: str, kinds: str) -> NDArray[Any]:
    """`values`, or the column that it names, checked to be one number of a kind a document.

    Raises:
        ValueError: there are more or fewer than documents.
        TypeError: they are of another kind.
    """
    array = column_values(store, values) if isinstance(values, str) else np.asarray(values)
    if array.shape != (store.num_documents,):
        raise ValueError(
            f"{what} must have one value for each of the {store.num_documents} documents, has shape "
            f"{array.shape}"
        )
    if array.dtype.kind not in kinds:
        raise TypeError(f"{what} has the type {array.dtype}, needs {' or '.join(_KINDS[k] for k in kinds)}")
    return array


_KINDS = {"b": "bool", "i": "int", "u": "unsigned int", "f": "float"}


def select_documents(
    store: TokenStore,
    *,
    where: str | ArrayLike | None = None,
    top: tuple[str, int] | None = None,
    repeats: str | ArrayLike | None = None,
    document_weights: str | ArrayLike | None = None,
    seed: int = 0,
) -> NDArray[np.int64]:
    """The documents that a selection holds, in the store's order, each as often as it is taken: int64 [n].

    The arguments are those of `Source.select`; several of them apply together.

    Raises:
        ValueError: a value is missing, negative or not finite, or nothing is selected.
    """
    times = np.ones(store.num_documents, np.int64)
    if where is not None:
        times *= per_document(store, where, "where", "b").astype(np.int64)
    if top is not None:
        column, count = top
        scores = per_document(store, column, f"column {column!r}", "iuf")
        if count < 1 or np.isnan(scores.astype(np.float64)).any():
            raise ValueError(f"top needs a count of at least 1 (got {count}) and a score for every document")
        chosen = np.argsort(-scores.astype(np.float64), kind="stable")[:count]
        times *= np.isin(np.arange(store.num_documents), chosen)
    if repeats is not None:
        numbers = per_document(store, repeats, "repeats", "iu").astype(np.int64)
        if (numbers < 0).any():
            raise ValueError(f"repeats[{int(np.argmax(numbers < 0))}] is negative")
        times *= numbers
    if document_weights is not None:
        times *= _systematic(per_document(store, document_weights, "document_weights", "iuf"), seed)
    documents = np.repeat(np.arange(store.num_documents, dtype=np.int64), times)
    if not len(documents):
        raise ValueError(f"the selection holds none of the {store.num_documents} documents")
    return documents


def _systematic(weights: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """Whole numbers around the weights whose running sum keeps within one of the weights'."""
    exact = weights.astype(np.float64)
    if not np.isfinite(exact).all() or (exact < 0).any():
        bad = int(np.argmax(~(np.isfinite(exact) & (exact >= 0))))
        raise ValueError(f"document_weights[{bad}] is {exact[bad]}: weights must be finite and not negative")
    offset = _core.random_bits(seed, 0, 0) / 2**64
    ends = np.floor(np.cumsum(exact) + offset).astype(np.int64)
    return np.diff(ends, prepend=np.int64(np.floor(offset)))
