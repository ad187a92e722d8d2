"""Records to texts: of which parts are learned, and which may spell special tokens.

One idea: a record becomes texts with spans that are learned or not (`Rendered`). Fields in a template, a
prompt with its completion, and conversations in a chat template all become that; `Tokenizer.encode_rendered`
makes ids and a loss mask of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.records.chat_template import ChatTemplate as ChatTemplate
    from pypack.records.errors import RecordError as RecordError
    from pypack.records.recipe import Recipe as Recipe
    from pypack.records.recipe import RecordTexts as RecordTexts
    from pypack.records.rendered import Rendered as Rendered

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "chat_template": "ChatTemplate",
        "errors": "RecordError",
        "recipe": "Recipe RecordTexts",
        "rendered": "Rendered",
    },
)
