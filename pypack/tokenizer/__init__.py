"""Text to token ids: the tokenizer, its two engines, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.tokenizer.choice import EngineName as EngineName
    from pypack.tokenizer.engine import Engine as Engine
    from pypack.tokenizer.engine import OffsetUnit as OffsetUnit
    from pypack.tokenizer.tokenizer import Tokenizer as Tokenizer

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "choice": "EngineName",
        "engine": "Engine OffsetUnit",
        "tokenizer": "Tokenizer",
    },
)
