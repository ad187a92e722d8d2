"""Document lengths, in whatever form a user has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


class KnownLengths:
    """Lengths whose fingerprint was made along with them, so that `pack` need not read them for it.

    Attributes:
        values: int32 [D].
        fingerprint: their `lengths_fingerprint`.
    """

    def __init__(self, values: NDArray[np.int32], fingerprint: str) -> None:
        self.values, self.fingerprint = values, fingerprint

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype) if copy else np.asarray(self.values, dtype)


def as_lengths(lengths: ArrayLike) -> NDArray[np.int32]:
    """Document lengths as the kernels take them: a contiguous int32 vector.

    Contiguous int32 arrays are passed on as they are, memory-mapped ones too; everything else is converted
    once.

    Raises:
        TypeError: the lengths are not integers, or a store or the documents themselves.
        ValueError: they are no vector, or one does not fit (the document is named).
    """
    if hasattr(lengths, "lengths"):  # a TokenStore or Ragged, whose documents numpy would try to read
        kind = type(lengths).__name__
        raise TypeError(f"lengths must be the documents' lengths, got a {kind}: pass its .lengths")
    array = np.asarray(lengths)
    if array.size == 0 and array.dtype == np.float64:  # numpy's type for []
        array = array.astype(np.int32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, got an array of {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"lengths must be a vector, got shape {array.shape}")
    if array.dtype != np.int32:
        limit = np.iinfo(np.int32).max
        if len(array) and (int(array.max()) > limit or int(array.min()) < 0):
            document = int(np.argmax((array > limit) | (array < 0)))
            raise ValueError(
                f"lengths[{document}] is {array[document]}: a document has from 0 to {limit} tokens; "
                "split longer documents before packing"
            )
        array = array.astype(np.int32)
    return np.ascontiguousarray(array)
