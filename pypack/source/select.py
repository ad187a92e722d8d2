"""Documents chosen by columns of their store, how often each is taken, and in which order."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.fingerprint import written_hash
from pypack._common.threads import resolve_num_threads
from pypack.columnar.expressions import ExpressionError, parse_condition
from pypack.plan.lengths import KnownLengths
from pypack.source.document_order import order_of
from pypack.store.store import TokenStore


def documents_where(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The documents of which a mask is true: int64 [n], rising."""
    threads = resolve_num_threads(None)
    return _core.DocumentSet(np.ascontiguousarray(mask), threads).documents(threads)


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


class Selection:
    """Which documents of a store are taken, in which order, and how often.

    Attributes:
        times: int32 [n], how often each is taken, at least once; None: once each.
        described: how they were chosen, in plain values that a plan keeps.
    """

    def __init__(
        self,
        documents: NDArray[np.int64] | None,
        times: NDArray[np.int32] | None,
        described: dict[str, Any],
        chosen: _core.DocumentSet | None = None,
    ) -> None:
        """With `chosen`, the documents are listed when they are asked for, once."""
        self.times, self.described = times, described
        self._documents, self._chosen = documents, chosen

    @property
    def documents(self) -> NDArray[np.int64] | None:
        """int64 [n], documents of the store in the order they are to be packed in; None: all of them."""
        if self._chosen is not None:
            self._documents = self._chosen.documents(resolve_num_threads(None))
            self._chosen = None
        return self._documents

    def copies(self, count: int) -> NDArray[np.int64]:
        """The documents one after another, each as often as it is taken: int64. `count`: of the store."""
        documents = np.arange(count, dtype=np.int64) if self.documents is None else self.documents
        return documents if self.times is None else np.repeat(documents, self.times)

    def lengths_of_copies(
        self, lengths: NDArray[np.int32], num_threads: int
    ) -> NDArray[np.int32] | KnownLengths:
        """The length of each of the `copies`, from those of all documents."""
        if self._chosen is not None:
            values, found = self._chosen.lengths(lengths, num_threads)
            return KnownLengths(values, written_hash(found))
        if self.documents is not None:
            lengths = _core.chosen_lengths(lengths, self.documents, num_threads)
        return lengths if self.times is None else np.repeat(lengths, self.times)


def select(
    store: TokenStore,
    *,
    where: str | ArrayLike | None = None,
    top: tuple[str, int] | None = None,
    repeats: str | ArrayLike | None = None,
    document_weights: str | ArrayLike | None = None,
    order: str | os.PathLike[str] | ArrayLike | None = None,
    seed: int = 0,
) -> Selection:
    """What a selection holds; the arguments are those of `Source.select`.

    Memory: a byte a document for `where`, beside its columns, of which a bit stays; and 8 for each document
    that is taken, once their numbers are asked for.

    Raises:
        ValueError: a value is missing, negative or not finite, an order names a document twice, or nothing is
            selected.
        ExpressionError: `where` cannot be read, or asked of the columns of the store.
    """
    count, told = store.num_documents, dict[str, Any]()
    mask: NDArray[np.bool_] | None = None
    if where is not None:
        mask, unknown = _where(store, where)
        told["where"] = where if isinstance(where, str) else "given"
        if unknown:
            told["where_unknown"] = unknown
    if top is not None:
        mask = _top(store, top, mask)
        told["top"] = [top[0], int(top[1])]
    times: NDArray[np.int32] | None = None
    if repeats is not None:
        times = _repeats(store, repeats)
        told["repeats"] = repeats if isinstance(repeats, str) else "given"
    if document_weights is not None:
        drawn = _systematic(per_document(store, document_weights, "document_weights", "iuf"), seed)
        times = _narrow(drawn if times is None else times.astype(np.int64) * drawn)
        told |= {
            "document_weights": document_weights if isinstance(document_weights, str) else "given",
            "seed": int(seed),
        }
    if times is not None and (mask is not None or not times.all()):
        mask = times > 0 if mask is None else mask & (times > 0)
    threads = resolve_num_threads(None)
    chosen = None if mask is None else _core.DocumentSet(np.ascontiguousarray(mask), threads)
    if chosen is not None and len(chosen) == count:
        chosen = None
    if not (count if chosen is None else len(chosen)):
        raise ValueError(f"the selection holds none of the {count} documents")
    if chosen is not None and order is None and times is None:
        return Selection(None, None, {**told, "store_documents": count}, chosen)
    documents = None if chosen is None else chosen.documents(threads)
    if order is not None:
        documents, name = order_of(store, order, documents)
        told["order"] = name
        if not len(documents):
            raise ValueError(f"the selection holds none of the {count} documents")
    if times is not None and documents is not None:
        times = times[documents]
    if times is not None and (times == 1).all():
        times = None
    return Selection(documents, times, {**told, "store_documents": count} if told else told)


def select_documents(store: TokenStore, **options: Any) -> NDArray[np.int64]:
    """The documents that a selection holds, each as often as it is taken, in its order: int64 [n].

    The arguments are those of `Source.select`; several of them apply together.

    Raises:
        ValueError: as for `select`.
    """
    return select(store, **options).copies(store.num_documents)


def _where(store: TokenStore, where: str | ArrayLike) -> tuple[NDArray[np.bool_], int]:
    """Of which documents it is true, and of how many nobody knows."""
    if not isinstance(where, str):
        return per_document(store, where, "where", "b"), 0
    try:
        condition = parse_condition(where)
    except ExpressionError:
        try:
            return per_document(store, where, "where", "b"), 0  # a column of any name
        except (FileNotFoundError, ValueError):
            pass
        raise
    if not condition.columns:
        raise ExpressionError(f"{where!r} looks at no column")
    return condition.values(store.columns(condition.columns))


def _top(store: TokenStore, top: tuple[str, int], mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The documents of the highest values among those of a mask, the earlier ones among equals."""
    column, count = top
    table = store.columns([column]).column(column)
    scores = table.to_numpy() if mask is None else table.filter(mask).to_numpy()
    if scores.dtype.kind not in "iuf":
        raise TypeError(f"column {column!r} has the type {scores.dtype}, needs int or unsigned int or float")
    if count < 1 or (scores.dtype.kind == "f" and np.isnan(scores).any()):
        raise ValueError(f"top needs a count of at least 1 (got {count}) and a score for every document")
    taken = np.ones(len(scores), np.bool_)
    if count < len(scores):
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        taken = scores > least
        equal = np.flatnonzero(scores == least)
        taken[equal[: count - int(np.count_nonzero(taken))]] = True
    if mask is None:
        return taken
    mask = mask.copy()
    mask[mask] = taken
    return mask


def _repeats(store: TokenStore, repeats: str | ArrayLike) -> NDArray[np.int32]:
    numbers = per_document(store, repeats, "repeats", "iu")
    if (numbers < 0).any():
        raise ValueError(f"repeats[{int(np.argmax(numbers < 0))}] is negative")
    return _narrow(numbers)


def _narrow(times: NDArray[Any]) -> NDArray[np.int32]:
    if len(times) and times.max() > np.iinfo(np.int32).max:
        document = int(np.argmax(times))
        raise ValueError(f"document {document} would be taken {times[document]} times: at most 2**31 - 1")
    return times.astype(np.int32, copy=False)


def _systematic(weights: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """Whole numbers around the weights whose running sum keeps within one of the weights'."""
    exact = weights.astype(np.float64)
    if not np.isfinite(exact).all() or (exact < 0).any():
        bad = int(np.argmax(~(np.isfinite(exact) & (exact >= 0))))
        raise ValueError(f"document_weights[{bad}] is {exact[bad]}: weights must be finite and not negative")
    offset = _core.random_bits(seed, 0, 0) / 2**64
    ends = np.floor(np.cumsum(exact) + offset).astype(np.int64)
    return np.diff(ends, prepend=np.int64(np.floor(offset)))
