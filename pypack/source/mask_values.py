"""Lists of values a document, in whatever form a user has them, as flat arrays."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.store.store import TokenStore


@dataclasses.dataclass(frozen=True)
class Lists:
    """One list of values a document.

    Attributes:
        counts: int64 [D], values of each document; 0 where there is no list.
        given: bool [D], False where a document has None.
        flat: the values of documents start to stop, end to end. A few documents at a time: the flat copy of
            a whole corpus would take more memory than what is made of it.
    """

    counts: NDArray[np.int64]
    given: NDArray[np.bool_]
    flat: Callable[[int, int], NDArray[Any]]

    def __len__(self) -> int:
        return len(self.counts)


def is_arrow(values: Any) -> bool:
    """Whether it is a pyarrow Array or ChunkedArray."""
    return hasattr(values, "to_pylist") and hasattr(values, "null_count")


def as_numpy(values: Any) -> NDArray[Any]:
    """An Arrow array of numbers or flags as a NumPy array."""
    array: NDArray[Any] = (
        values.to_numpy() if hasattr(values, "chunks") else values.to_numpy(zero_copy_only=False)
    )
    return array


def plain(values: Any) -> Any:
    """The values as an Arrow array, a NumPy array, a list, or a ragged pair of `values` and `offsets`.

    Tensors become arrays, the series of a data frame what they hold, and JSON text in Arrow (what a store
    keeps of lists in JSON lines) the lists that it spells.
    """
    if hasattr(values, "to_arrow") and not _is_ragged(values):
        values = values.to_arrow()
    if is_arrow(values):
        return _spelled_lists(values) or _parsed(values)
    if isinstance(values, list | tuple) or _is_ragged(values):
        return values
    if hasattr(values, "__array__"):
        array = np.asarray(values)
        return array.tolist() if array.dtype == object and array.ndim == 1 else array
    return list(values)


def lists_of(values: Any, name: str) -> Lists | None:
    """The lists in what `plain` gives; None where it holds one number or flag an item.

    Raises:
        TypeError: some items are lists, and others are not.
    """
    if isinstance(values, Lists):
        return values
    if is_arrow(values):
        return _arrow_lists(values)
    if _is_ragged(values):
        offsets = np.asarray(values.offsets, np.int64)
        ids = np.asarray(values.values)
        return _whole(np.diff(offsets), lambda a, b: ids[offsets[a] : offsets[b]])
    if isinstance(values, np.ndarray):
        if values.ndim < 2:
            return None
        counts = np.full(len(values), int(np.prod(values.shape[1:])), np.int64)
        return _whole(counts, lambda a, b: values[a:b].reshape(-1))
    kinds = set(map(type, values)) - {type(None)}
    # Where all documents have None, none has a list either.
    return _python_lists(values, name) if not kinds or any(map(_holds_values, kinds)) else None


def _holds_values(kind: type) -> bool:
    return hasattr(kind, "__len__") and not issubclass(kind, str | bytes)


def flat_lists(store: TokenStore, array: NDArray[Any], name: str) -> Lists:
    """One flat array with a value for each token of the store, as lists.

    Raises:
        ValueError: it has more or fewer.
    """
    if array.shape != (store.num_tokens,):
        hint = ""
        if name == "loss_mask" and array.shape == (store.num_documents,):
            hint = "; one number or bool a document, of what is not learned, goes to mask="
        raise ValueError(
            f"{name} must have one value for each of the {store.num_tokens} tokens, or one list a document, "
            f"has shape {array.shape}{hint}"
        )
    ends = np.concatenate([[0], np.cumsum(store.lengths, dtype=np.int64)])
    return _whole(store.lengths.astype(np.int64), lambda a, b: array[ends[a] : ends[b]])


def check_counts(store: TokenStore, lists: Lists, name: str) -> None:
    """Raises ValueError unless each list has a value for each token of its document."""
    if len(lists) != store.num_documents:
        raise ValueError(f"{name} has lists for {len(lists)} documents, the store has {store.num_documents}")
    wrong = lists.given & (lists.counts != store.lengths)
    if not wrong.any():
        return
    at = int(np.argmax(wrong))
    count, tokens = int(lists.counts[at]), int(store.lengths[at])
    hint = ""
    if store.appended_id is not None and count == tokens - 1:
        hint = f": the store ends every document with id {store.appended_id}, which needs a value too"
    raise ValueError(f"{name}[{at}] has {count} values, document {at} has {tokens} tokens{hint}")


def _whole(counts: NDArray[np.int64], flat: Callable[[int, int], NDArray[Any]]) -> Lists:
    return Lists(counts, np.ones(len(counts), np.bool_), flat)


def _is_ragged(values: Any) -> bool:
    return isinstance(getattr(values, "offsets", None), np.ndarray) and hasattr(values, "values")


def _parsed(values: Any) -> Any:
    import orjson
    import pyarrow.types as types

    if not (types.is_string(values.type) or types.is_large_string(values.type)):
        return values
    return [None if text is None else orjson.loads(text) for text in values.to_pylist()]


def _spelled_lists(values: Any) -> Lists | None:
    """The lists of whole numbers or flags that texts spell, without a Python object a list; None where a text
    spells something else."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    if not (types.is_string(values.type) or types.is_large_string(values.type)) or not len(values):
        return None
    whole = pa.chunked_array(values.chunks if hasattr(values, "chunks") else [values], values.type)
    whole = whole.cast(pa.large_string())
    given = as_numpy(whole.is_valid())
    if pc.any(pc.equal(pc.binary_length(whole), 0)).as_py():
        return None  # an empty text is no list

    def read(start: int, stop: int, numbers: bool) -> list[tuple[Any, ...] | None]:
        chunks = whole.slice(start, stop - start).chunks
        return [_core.read_number_lists(*_text_bytes(chunk), numbers) for chunk in chunks if len(chunk)]

    counted = read(0, len(whole), False)
    if any(part is None for part in counted):
        return None
    counts = np.concatenate([part[0] for part in counted if part is not None])
    flags = any(part[2] for part in counted if part is not None)

    def flat(start: int, stop: int) -> NDArray[Any]:
        parts = [part[1] for part in read(start, stop, True) if part is not None]
        joined = np.concatenate(parts) if parts else np.zeros(0, np.uint8)
        return (
            joined.view(np.bool_)
            if flags and joined.dtype == np.uint8 and joined.max(initial=0) < 2
            else joined
        )

    return Lists(counts, given, flat)


def _text_bytes(chunk: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes and offsets of an Arrow array of large strings; nulls are empty."""
    if chunk.null_count:
        chunk = chunk.fill_null("")
    _, bounds, data = chunk.buffers()
    offsets = np.frombuffer(bounds, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    return np.frombuffer(data or b"", np.uint8), offsets


def _arrow_lists(values: Any) -> Lists | None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    kind = values.type
    if types.is_fixed_size_list(kind):
        kind = pa.large_list(kind.value_type)
    elif types.is_null(kind):
        kind = pa.large_list(pa.int64())
    elif not (types.is_list(kind) or types.is_large_list(kind)):
        return None
    whole = pa.chunked_array(values.chunks if hasattr(values, "chunks") else [values], values.type)
    whole = whole.cast(kind)
    # A pair is a list of two in a list: both are taken apart at once.
    inner = kind.value_type
    while types.is_list(inner) or types.is_large_list(inner) or types.is_fixed_size_list(inner):
        inner = inner.value_type
    ends = pc.fill_null(pc.list_value_length(whole), 0).to_numpy().astype(np.int64)
    counts = ends if inner == kind.value_type else ends * 2
    given = pc.is_valid(whole).to_numpy()

    def flat(start: int, stop: int) -> NDArray[Any]:
        part = whole.slice(start, stop - start)
        arrays = []
        for chunk in part.chunks:
            items = chunk.flatten()
            while items.type != inner:
                items = items.flatten()
            if items.null_count:
                raise ValueError("a list of one of the documents holds a null")
            arrays.append(as_numpy(items))
        return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)

    return Lists(counts, given, flat)


def _python_lists(values: Sequence[Any], name: str) -> Lists:
    kinds = set(map(type, values)) - {type(None)}
    if not all(map(_holds_values, kinds)):
        number, value = next(
            (i, v) for i, v in enumerate(values) if v is not None and not _holds_values(type(v))
        )
        raise TypeError(f"{name}[{number}] is {value!r}, others are lists: give every document a list")
    given = np.array([value is not None for value in values], np.bool_)
    if all(issubclass(kind, list | tuple) for kind in kinds):
        firsts = {type(value[0]) for value in values if value}
        size: Callable[[Any], int] = _items if any(map(_holds_values, firsts)) else len
        join = _join_lists
    else:
        size, join = _items, _join_arrays
    counts = np.array([0 if value is None else size(value) for value in values], np.int64)
    return Lists(counts, given, lambda a, b: join([value for value in values[a:b] if value is not None]))


def _items(value: Any) -> int:
    """Numbers in an array, or in a list; a list of (start, stop) pairs has two an item."""
    if isinstance(value, list | tuple):
        return sum(map(len, value)) if value and _holds_values(type(value[0])) else len(value)
    return value.size if isinstance(value, np.ndarray) else int(np.asarray(value).size)


def _join_arrays(lists: list[Any]) -> NDArray[Any]:
    arrays = [value if isinstance(value, np.ndarray) else np.asarray(value) for value in lists if len(value)]
    if not arrays:
        return np.zeros(0, np.int64)
    return np.concatenate([array if array.ndim == 1 else array.reshape(-1) for array in arrays])


def _join_lists(lists: list[Any]) -> NDArray[Any]:
    """The numbers of the lists, end to end; flags, if any list begins with one."""
    try:
        # Far faster than any way that asks NumPy about every number; good for whole ones below 256.
        flat = np.frombuffer(b"".join(map(bytes, lists)), np.uint8)
    except (TypeError, ValueError):
        firsts = {type(value[0]) for value in lists if value}
        items = itertools.chain.from_iterable(lists)
        if firsts and all(map(_holds_values, firsts)):
            items = itertools.chain.from_iterable(items)
        elif any(map(_holds_values, firsts)):
            return _join_arrays(lists)
        return np.array(list(items))
    has_flags = any(type(value[0]) is bool for value in lists if value)
    return flat.view(np.bool_) if has_flags and flat.max() <= 1 else flat
