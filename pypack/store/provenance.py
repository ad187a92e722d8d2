"""Which documents of a merged store come from which store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pypack.store.format import StoreInfo


@dataclass(frozen=True)
class MergedPart:
    """A run of documents that came from another store.

    Attributes:
        store: where that store was.
        first_document, documents: the run.
        tokens: in it.
        lengths_fingerprint: of their lengths, which is that of the other store as it was then.
    """

    store: str
    first_document: int
    documents: int
    tokens: int
    lengths_fingerprint: str


def merged_parts(info: StoreInfo) -> tuple[MergedPart, ...]:
    """The runs that `store.json` records, in order; what was appended since is in none of them.

    Raises:
        ValueError: they are none that pypack writes.
    """
    try:
        return tuple(MergedPart(**part) for part in info.counts.get("merged", ()))
    except TypeError as error:
        raise ValueError(f"store.json: counts: merged: damaged: {error}") from None


def provenance(stores: list[tuple[str, StoreInfo]]) -> list[dict[str, Any]]:
    """What a store that is merged of others records; of others that were merged themselves, their parts."""
    found: list[MergedPart] = []
    first = 0
    for name, info in stores:
        parts = merged_parts(info)
        known = sum(part.documents for part in parts)
        if known != info.documents:  # of no merge, or appended to since: the whole is one part
            parts = (MergedPart(name, 0, info.documents, info.tokens, info.lengths_fingerprint),)
        found += [
            MergedPart(
                part.store, first + part.first_document, part.documents, part.tokens, part.lengths_fingerprint
            )
            for part in parts
        ]
        first += info.documents
    return [asdict(part) for part in found]
