"""Several stores as one, their documents numbered through."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pypack import _core
from pypack._common.fingerprint import joined_fingerprint
from pypack.cache import RemoteFiles
from pypack.store.beside import WORDS, DocumentValues, JoinedValues
from pypack.store.learning import foreign_beside
from pypack.store.many_shards import MOST_MAPPED_SHARDS, open_view
from pypack.store.same_tokenizer import check_same_tokenizer
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.tokenizer.tokenizer import Tokenizer


class JoinedStore(TokenStore):
    """What `TokenStore.open([...])` gives: the documents of the first store, then those of the next, ...

    What is known of all stores alike is known of this one; `info` is None, and `path` is for messages alone.
    """

    def __init__(self, stores: Sequence[TokenStore]) -> None:
        parts = tuple(part for store in stores for part in store.parts)
        for part in parts[1:]:
            if part.dtype != parts[0].dtype:
                raise ValueError(
                    f"{part.place} holds tokens as {part.dtype}, {parts[0].place} as {parts[0].dtype}: "
                    "stores are joined that were written for one vocabulary size"
                )
        check_same_tokenizer({part.place: part for part in parts})
        view = _view_of_mixed(parts) if any(part.is_remote for part in parts) else _view_of_local(parts)
        super().__init__(Path(" + ".join(part.place for part in parts)), view, None)
        self._parts = parts

    @property
    def parts(self) -> tuple[TokenStore, ...]:
        """The stores."""
        return self._parts

    @property
    def cached_groups(self) -> list[RemoteFiles]:
        """See `TokenStore.cached_groups`."""
        return list({id(files): files for part in self._parts for files in part.cached_groups}.values())

    @cached_property
    def word_view(self) -> _core.StoreView:
        """See `TokenStore.word_view`."""
        if not self.is_remote:
            return super().word_view
        self._check_word_borders()
        return _core.mixed_store([part.kernel_parts(WORDS) for part in self._parts], self.dtype.name)

    def _values_beside(self, suffix: str, default: float) -> DocumentValues | None:
        if not self.is_remote:
            return super()._values_beside(suffix, default)
        values = [part._values_beside(suffix, default) for part in self._parts]
        if all(one is None for one in values):
            return None
        if any(part.info is None for part in self._parts):
            raise foreign_beside(self, suffix)
        return JoinedValues(values, [len(part) for part in self._parts], suffix, default)

    @property
    def shard_files(self) -> list[tuple[str, str]]:
        """See `TokenStore.shard_files`."""
        return [shard for part in self._parts for shard in part.shard_files]

    @property
    def mask_files(self) -> list[str]:
        """See `TokenStore.mask_files`."""
        return [mask for part in self._parts for mask in part.mask_files]

    @property
    def prepended_ids(self) -> tuple[int, ...]:
        """The ids that begin every document of all stores."""
        ids = {part.prepended_ids for part in self._parts}
        return ids.pop() if len(ids) == 1 else ()

    @cached_property
    def lengths_fingerprint(self) -> str:
        """See `TokenStore.lengths_fingerprint`; of those of the stores, nothing is read."""
        return joined_fingerprint((part.lengths_fingerprint, len(part)) for part in self._parts)

    @property
    def vocab_size(self) -> int | None:
        """Every id is below it; None if one of the stores does not say."""
        sizes = [part.vocab_size for part in self._parts]
        known = [size for size in sizes if size is not None]
        return max(known) if len(known) == len(sizes) else None

    @property
    def appended_id(self) -> int | None:
        """The id that ends every document of all stores, None if there is none."""
        ids = {part.appended_id for part in self._parts}
        return ids.pop() if len(ids) == 1 else None

    def _special_id(self, role: str) -> int | None:
        return next((i for part in self._parts if (i := part._special_id(role)) is not None), None)

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """What the first of the stores has recorded that has."""
        return next((found for part in self._parts if (found := part.tokenizer_fingerprint)), None)

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the first store that holds one; see `TokenStore.tokenizer`."""
        return next((part for part in self._parts if part.holds_tokenizer), self._parts[0]).tokenizer()

    def columns(self, names: Sequence[str] | None = None) -> pa.Table:
        """The columns of all stores, which must keep the same, or be asked for those that all keep."""
        from pypack.store.column_types import joined_tables

        tables = [part.columns(names) for part in self._parts]
        for part, table in zip(self._parts, tables, strict=True):
            if set(table.column_names) != set(tables[0].column_names):
                raise ValueError(
                    f"{part.place} keeps the columns {table.column_names}, {self._parts[0].place} "
                    f"{tables[0].column_names}: name those that both keep"
                )
        return joined_tables([table.select(tables[0].column_names) for table in tables])

    def verify(self, level: Literal["quick", "full", "deep"] = "full") -> list[str]:
        """See `TokenStore.verify`."""
        return [str(part.path / name) for part in self._parts for name in part.verify(level)]

    @property
    def _first_documents(self) -> list[int]:
        return [0, *itertools.accumulate(part.num_documents for part in self._parts[:-1])]

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenStore.open, (list(self._parts),)

    def __repr__(self) -> str:
        paths = [part.place for part in self._parts]
        return f"TokenStore({paths}, {self.num_documents} documents, {self.num_tokens} tokens)"


def _view_of_local(parts: Sequence[TokenStore]) -> _core.StoreView:
    shards = [shard for part in parts for shard in part.shard_files]
    masks = [mask for part in parts for mask in part.mask_files]
    if any(part.info is None for part in parts):
        return _core.StoreView(shards, one_sequence_per_document=False, masks=masks)
    infos = [shard for part in parts if part.info is not None for shard in part.info.shards]
    return open_view(shards, masks, infos, parts[0].dtype.name)


def _view_of_mixed(parts: Sequence[TokenStore]) -> _core.StoreView:
    local = sum(len(part.shard_files) for part in parts if not part.is_remote)
    if local > MOST_MAPPED_SHARDS:
        raise ValueError(
            f"{local:,} shards of stores of this host, in a list with a remote one, which takes up to "
            f"{MOST_MAPPED_SHARDS:,}: give the remote store as a source of its own, in a mixture"
        )
    return _core.mixed_store([part.kernel_parts() for part in parts], parts[0].dtype.name)
