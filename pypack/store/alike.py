"""What keeps documents of several stores out of one: in words, which two differ and in what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pypack._common.fingerprint import is_composable
from pypack.store.described import DescribedStore
from pypack.store.format import STORE_FILE, StoreInfo
from pypack.store.new_columns import kept_columns
from pypack.store.same_tokenizer import check_same_tokenizer
from pypack.store.store import TokenStore

_LONGEST = 60


class StoresDifferError(ValueError):
    """Stores cannot be one; the message says in what they differ."""


def check_alike(
    stores: Sequence[TokenStore | DescribedStore], templates: Sequence[object] = ()
) -> list[StoreInfo]:
    """Whether stores can be one: tokenizer, type of the tokens, what stands around documents, templates,
    columns, and what is beside the tokens.

    Args:
        templates: by what records became texts in each, where more is known of it than `store.json` says.

    Returns:
        What their `store.json` say.

    Raises:
        StoresDifferError: names two of them, and all in which they differ.
        ValueError: one is no store of pypack, or of an older version; or their tokenizers give other ids.
    """
    infos = [_info(store) for store in stores]
    check_same_tokenizer({str(store.path): store for store in stores})
    templates = templates or [None] * len(stores)
    first = _what_counts(stores[0], infos[0], templates[0])
    for store, info, template in zip(stores[1:], infos[1:], templates[1:], strict=True):
        other = _what_counts(store, info, template)
        told = [
            f"{name} ({_brief(a)} and {_brief(b)})"
            for name, before in first.items()
            if before != other[name]
            for a, b in [_narrowed(before, other[name])]
        ]
        if told:
            raise StoresDifferError(
                f"{stores[0].path} and {store.path} differ in {'; '.join(told)}: one store holds documents "
                "that were made alike. Tokenize the texts of one of them as the other, or read both side by "
                "side (TokenStore.open([...]), a Source each)"
            )
    return infos


def _info(store: TokenStore | DescribedStore) -> StoreInfo:
    info = store.info
    if info is None:
        raise ValueError(
            f"{store.path}: is no store of pypack (it has no {STORE_FILE}): pypack convert makes one of it"
        )
    for shard in info.shards:
        if shard.lengths_fingerprint is None or not is_composable(shard.lengths_fingerprint):
            raise ValueError(f"{store.path}: is of an older version: pypack upgrade {store.path}, then merge")
    return info


def _what_counts(store: TokenStore | DescribedStore, info: StoreInfo, template: object) -> dict[str, Any]:
    return {
        "the type of tokens": info.dtype,
        "vocab_size": info.vocab_size,
        "special ids": info.special_ids,
        "the id that ends documents": info.appended_id,
        "the ids that begin documents": list(info.prepended_ids),
        "the template": template or info.options.get("records"),
        "columns": kept_columns(store),
        "what is beside tokens": sorted(info.requires),
    }


def _narrowed(a: Any, b: Any) -> tuple[Any, Any]:
    """Of objects only what differs."""
    if not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return a, b
    names = [name for name in {**a, **b} if a.get(name) != b.get(name)]
    return {name: a.get(name) for name in names}, {name: b.get(name) for name in names}


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
