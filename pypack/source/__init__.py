"""Sources: a store with its plans, the documents chosen from it, and the tokens not to be learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.source.source import Source as Source
    from pypack.source.source import check_same_tokenizer as check_same_tokenizer
    from pypack.source.source import named_sources as named_sources

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "source": "Source check_same_tokenizer named_sources",
    },
)
