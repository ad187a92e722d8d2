"""`pypack inspect STORE`: what it holds, and how that is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack._common.words import counted
from pypack.cli import inspect_objective
from pypack.cli.histogram import histogram
from pypack.cli.table import length_histogram
from pypack.remote.url import Url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pypack.store.format import StoreInfo
    from pypack.store.store import TokenStore
    from pypack.tokenizer.tokenizer import Tokenizer

_SHOWN_TOKENS = 48
_NAMED_TOKENS = 4


def described(store: TokenStore, path: Path, tokenizer: Tokenizer | None, first: int) -> dict[str, Any]:
    """Totals, lengths, and the first documents."""
    lengths = store.lengths
    documents = []
    for i in range(min(first, len(store))):
        document = _document(i, store[i], tokenizer)
        if store.has_loss_mask:
            document["learned"] = int(store.loss_mask(i).sum())
        documents.append(document)
    found: dict[str, Any] = {
        "kind": "store" if store.info is not None else "megatron dataset",
        "path": str(path),
        "documents": store.num_documents,
        "tokens": store.num_tokens,
        "dtype": str(store.dtype),
        "vocab_size": store.vocab_size,
        "histogram": length_histogram(lengths),
        "lengths": quantiles(lengths),
        "first": documents,
    }
    if store.has_loss_mask:
        found["learned_tokens"] = int(store.learned_lengths.sum())
    if (groups := store.groups) is not None:
        found["groups"] = int((groups[1:] != groups[:-1]).sum()) + 1
    return found if store.info is None else found | of_info(store.info)


def described_at_url(url: Url, path: Path | None, first: int) -> dict[str, Any]:
    """As `described`; of its tokens those of the first documents are read, and of masks and groups nothing.

    Args:
        path: of a tokenizer to decode with, None for the store's own.
    """
    from pypack.cli.tokenizers import load_tokenizer
    from pypack.store.remote_index import RemoteIndex

    store = RemoteIndex(url)
    info, lengths = store.info, store.lengths
    tokenizer = None
    if first and (path is not None or store.holds_tokenizer):
        tokenizer = store.tokenizer() if path is None else load_tokenizer(path)
    return {
        "kind": "store",
        "path": str(url),
        "documents": info.documents,
        "tokens": info.tokens,
        "dtype": info.dtype,
        "vocab_size": info.vocab_size,
        "histogram": length_histogram(lengths),
        "lengths": quantiles(lengths),
        "first": [_document(i, ids, tokenizer) for i, ids in enumerate(store.ids(0, first))],
        **of_info(info),
    }


def _document(number: int, whole: Any, tokenizer: Tokenizer | None) -> dict[str, Any]:
    """A document, its first ids, and what they are."""
    ids = whole[:_SHOWN_TOKENS]
    text = None if tokenizer is None else tokenizer.decode(ids, skip_special_tokens=False)
    found = {"document": number, "tokens": len(whole), "ids": [int(i) for i in ids], "text": text}
    if tokenizer is not None:
        found["begins"] = _names(tokenizer, whole[:_NAMED_TOKENS])
        found["ends"] = _names(tokenizer, whole[_NAMED_TOKENS:][-_NAMED_TOKENS:])
    return found


def of_info(info: StoreInfo) -> dict[str, Any]:
    """What the `store.json` of a store says, as it is shown."""
    return {
        "special_ids": info.special_ids,
        "appended_id": info.appended_id,
        "prepended_ids": list(info.prepended_ids),
        "requires": list(info.requires),
        "tokenizer_fingerprint": info.tokenizer_fingerprint,
        "options": info.options,
        "shards": [
            {"name": s.name, "documents": s.documents, "tokens": s.tokens, "inputs": s.inputs}
            for s in info.shards
        ],
    }


def _names(tokenizer: Tokenizer, ids: Any) -> list[str]:
    return [tokenizer.id_to_token(int(i)) or f"[{i}]" for i in ids]


def quantiles(lengths: NDArray[np.int32]) -> dict[str, float]:
    """Of lengths; nothing where there are none."""
    import numpy as np

    if len(lengths) == 0:
        return {}
    low, median, high, most = np.quantile(lengths, [0.1, 0.5, 0.9, 1.0])
    return {"mean": float(lengths.mean()), "p10": float(low), "median": float(median), "p90": float(high),
            "max": float(most)}  # fmt: skip


def print_store(found: dict[str, Any]) -> None:
    """Shows what was found."""
    print(f"{found['path']}: {found['kind']}")
    print(f"  documents {found['documents']:,}   tokens {found['tokens']:,}   dtype {found['dtype']}")
    if "shards" in found:
        ids = ", ".join(f"{role} {i}" for role, i in found["special_ids"].items() if i is not None)
        print(f"  shards {len(found['shards'])}   vocabulary {found['vocab_size']:,}")
        print(f"  special ids: {ids or 'none'}")
        if found["appended_id"] is not None:
            print(f"  every document ends with id {found['appended_id']}")
        if found["prepended_ids"]:
            print(f"  every document begins with {', '.join(map(str, found['prepended_ids']))}")
    if "learned_tokens" in found:
        share = found["learned_tokens"] / max(1, found["tokens"])
        print(f"  learned {found['learned_tokens']:,} tokens ({share:.1%}), by the store's loss mask")
    if "groups" in found:
        print(f"  groups {found['groups']:,}")
    if found["lengths"]:
        print("  tokens a document: " + ", ".join(f"{k} {v:,.0f}" for k, v in found["lengths"].items()))
        print(histogram(found["histogram"]))
    if "learns" in found:
        inspect_objective.print_preview(found["objective"], found["learns"])
        return
    for document in found["first"]:
        more = " ..." if document["tokens"] > len(document["ids"]) else ""
        learned = f", {document['learned']:,} learned" if "learned" in document else ""
        print(f"\ndocument {document['document']} ({counted(document['tokens'], 'token')}{learned})")
        if "begins" in document:
            dots = " ..." if document["tokens"] > 2 * _NAMED_TOKENS else ""
            print(
                f"  {' '.join(map(repr, document['begins']))}{dots} {' '.join(map(repr, document['ends']))}"
            )
        if document["text"] is not None:
            print(f"  {document['text']!r}{more}")
        print(f"  {document['ids']}{more}")
