"""The kinds of text that encode_batch takes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Texts: TypeAlias = "Sequence[str] | Sequence[bytes] | NDArray[np.object_] | pa.Array | pa.ChunkedArray"


def is_arrow(texts: object) -> bool:
    """Whether `texts` is a pyarrow (chunked) array; does not import pyarrow."""
    pa: Any = sys.modules.get("pyarrow")
    return pa is not None and isinstance(texts, (pa.Array, pa.ChunkedArray))


def as_strings(texts: Texts) -> list[str]:
    """One Python string a document.

    Raises:
        ValueError: a document is not valid UTF-8, holds a lone surrogate, or is null.
        TypeError: a document is neither str nor bytes.
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError(
            f"texts must be a sequence of documents, got one {type(texts).__name__}: wrap it in a list"
        )
    rows: list[Any] = texts.to_pylist() if is_arrow(texts) else list(texts)  # type: ignore[union-attr]
    return [_as_string(row, i) for i, row in enumerate(rows)]


def _as_string(text: object, index: int) -> str:
    if isinstance(text, str):
        # The test is one flag look-up for ASCII text.
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"document {index}: lone surrogate at character {error.start}; it has no UTF-8 form"
                ) from None
        return text
    if isinstance(text, (bytes, bytearray, memoryview)):
        try:
            return str(text, "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"document {index}: invalid UTF-8 at byte {error.start}") from None
    if text is None:
        raise ValueError(f"document {index} is null; drop it, or replace it by an empty string")
    raise TypeError(f"document {index}: expected str or bytes, got {type(text).__name__}")
