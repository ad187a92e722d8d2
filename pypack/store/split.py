"""Documents held out for validation: which ones is a hash's decision, so that each keeps its side."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.store.store import TokenStore


class Split(NamedTuple):
    """Two sides of the documents of a store, which share none; see `TokenStore.split`.

    Attributes:
        train: bool [D].
        validation: bool [D].
    """

    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]


def split_documents(
    store: TokenStore, first_documents: Sequence[int], validation: float, seed: int, key: str | None
) -> Split:
    """`TokenStore.split`; documents are counted anew from each of `first_documents` on."""
    if not 0 < validation < 1:
        raise ValueError(f"validation must be a share of the documents between 0 and 1, got {validation!r}")
    if key is None:
        counts = np.diff([*first_documents, store.num_documents])
        numbers = np.concatenate([np.arange(count, dtype=np.uint64) for count in counts])
    else:
        numbers = _numbers_of_keys(store.columns([key]), key)
    start = int.from_bytes(hashlib.blake2b(f"split {seed}".encode(), digest_size=8).digest(), "little")
    held_out = _mixed(numbers, start) < np.uint64(round(validation * 2**53)) << np.uint64(11)
    return Split(~held_out, held_out)


def _numbers_of_keys(table: pa.Table, name: str) -> NDArray[np.uint64]:
    """64 bits of each document's key. Keys that read the same have the same, whatever their column's type."""
    import orjson
    import pyarrow as pa
    import pyarrow.compute as pc

    from pypack.store.column_types import is_json

    column = table.column(name)
    if column.null_count:
        at = int(np.argmax(column.is_null().to_numpy()))
        raise ValueError(
            f"the key {name!r} of document {at} is null: split by another column, or without a key"
        )
    is_text = pa.types.is_string(column.type) and not is_json(table.schema.field(name))
    if is_text:  # often a different one for each document
        texts = column.cast(pa.binary()).to_pylist()
        return _numbers(map(_digest, texts))
    encoded = pc.dictionary_encode(column).unify_dictionaries()
    values = encoded.chunk(0).dictionary.to_pylist()
    if is_json(table.schema.field(name)):
        values = [orjson.loads(value) for value in values]
    digests = _numbers(_digest(_spelled(value)) for value in values)
    places: NDArray[np.int32] = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])
    return digests[places]


def _spelled(value: object) -> bytes:
    # A column of whole numbers may become one of floats, when stores are joined.
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).encode()  # type: ignore[call-overload]


def _numbers(digests: Iterable[bytes]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=8).digest()


def _mixed(numbers: NDArray[np.uint64], start: int) -> NDArray[np.uint64]:
    """Evenly spread bits of each number: the finalizer of SplitMix64, as in csrc/core/common/random.hpp."""
    bits: NDArray[np.uint64] = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits
