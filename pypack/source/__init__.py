"""Sources: a store with its plans, the documents chosen from it, and the tokens not to be learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.source.named import check_same_tokenizer as check_same_tokenizer
    from pypack.source.named import named_sources as named_sources
    from pypack.source.ordering import DocumentOrder as DocumentOrder
    from pypack.source.ordering import Neighbours as Neighbours
    from pypack.source.ordering import document_neighbours as document_neighbours
    from pypack.source.ordering import embedding_neighbours as embedding_neighbours
    from pypack.source.ordering import mean_neighbour_similarity as mean_neighbour_similarity
    from pypack.source.ordering import min_hash_neighbours as min_hash_neighbours
    from pypack.source.ordering import order_documents as order_documents
    from pypack.source.source import Source as Source

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "ordering": "DocumentOrder Neighbours document_neighbours embedding_neighbours min_hash_neighbours "
        "mean_neighbour_similarity order_documents",
        "named": "check_same_tokenizer named_sources",
        "source": "Source",
    },
)
