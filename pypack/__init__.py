"""pypack: text to full training batches.

Three artifacts in one direction: text → `TokenStore` → `Plan` → `PackedBatch`.

    store = pypack.tokenize("corpus/", "corpus.store", "tokenizer.json")
    plan = pypack.pack(store.lengths, 8192)
    for batch in pypack.Loader(store, plan, batch_sequences=64):
        ...

`tokenize` and `StoreWriter` make a `TokenStore`, `merge_stores` one of several; `pack`, `extend_plan` and
`StreamPacker` put its documents into sequences; a `Loader` over a store and a plan, a `Source`, or several of
them with a `Schedule` of `Phase`s gives `PackedBatch`es. `Tokenizer` and `Ragged` are texts as ids, `balance`
deals sequences to ranks, `prepack` packs prompts, and `document_losses` tells losses apart by document.
Modules whose names begin with an underscore are pypack's own. The documentation has a page for each:
docs/README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack import _moved
from pypack._common.lazy import lazy_exports
from pypack._common.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from pypack.batch import PackedBatch
    from pypack.evaluation import DocumentLosses, document_losses
    from pypack.jobs.corpus_to_store import tokenize
    from pypack.jobs.store_merge import merge_stores
    from pypack.loader import Loader
    from pypack.packing import (
        Balance,
        Prepacked,
        StreamPacker,
        balance,
        extend_plan,
        group_by_ceiling,
        pack,
        prepack,
    )
    from pypack.plan import Plan
    from pypack.ragged import Ragged
    from pypack.schedule import Phase, Schedule, ShapeCycle
    from pypack.source import DocumentOrder, Source, document_neighbours, order_documents
    from pypack.store import StoreWriter, TokenStore
    from pypack.tokenizer import Tokenizer

__all__ = [
    "Balance",
    "DocumentLosses",
    "DocumentOrder",
    "Loader",
    "PackedBatch",
    "Phase",
    "Plan",
    "Prepacked",
    "Ragged",
    "Schedule",
    "ShapeCycle",
    "Source",
    "StoreWriter",
    "StreamPacker",
    "TokenStore",
    "Tokenizer",
    "__version__",
    "balance",
    "document_losses",
    "document_neighbours",
    "extend_plan",
    "group_by_ceiling",
    "merge_stores",
    "order_documents",
    "pack",
    "prepack",
    "tokenize",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "batch": "PackedBatch",
        "evaluation": "DocumentLosses document_losses",
        "jobs.corpus_to_store": "tokenize",
        "jobs.store_merge": "merge_stores",
        "loader": "Loader",
        "packing": "Balance Prepacked StreamPacker balance extend_plan group_by_ceiling pack prepack",
        "plan": "Plan",
        "ragged": "Ragged",
        "schedule": "Phase Schedule ShapeCycle",
        "source": "DocumentOrder Source document_neighbours order_documents",
        "store": "StoreWriter TokenStore",
        "tokenizer": "Tokenizer",
    },
)

_moved.install()
