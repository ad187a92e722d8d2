"""The numpy type of an Arrow type of numbers; Arrow's own `to_pandas_dtype` wants pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def numpy_type(kind: pa.DataType) -> np.dtype[Any]:
    """int32 of `pa.int32()`, and so on."""
    import pyarrow as pa

    found: np.dtype[Any] = pa.array([], kind).to_numpy(zero_copy_only=False).dtype
    return found
