"""Several stores as one, their documents numbered through."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pypack import _core
from pypack._common.fingerprint import joined_fingerprint
from pypack.store.many_shards import open_view
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
                    f"{part.path} holds tokens as {part.dtype}, {parts[0].path} as {parts[0].dtype}: stores "
                    "are joined that were written for one vocabulary size"
                )
        check_same_tokenizer({str(part.path): part for part in parts})
        for part in parts:
            if part.cached_files is not None:
                raise ValueError(
                    f"{part!r}: a list that is opened as one holds stores of this host alone: give a remote "
                    "one as a source of its own, in a mixture"
                )
        whole = all(part.info is not None for part in parts)
        shards = [shard for part in parts for shard in part.shard_files]
        masks = [mask for part in parts for mask in part.mask_files]
        if whole:
            infos = [shard for part in parts if part.info is not None for shard in part.info.shards]
            view = open_view(shards, masks, infos, parts[0].dtype.name)
        else:
            view = _core.StoreView(shards, one_sequence_per_document=False, masks=masks)
        super().__init__(Path(" + ".join(str(part.path) for part in parts)), view, None)
        self._parts = parts

    @property
    def parts(self) -> tuple[TokenStore, ...]:
        """The stores."""
        return self._parts

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
                    f"{part.path} keeps the columns {table.column_names}, {self._parts[0].path} "
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
        return TokenStore.open, ([part.path for part in self._parts],)

    def __repr__(self) -> str:
        paths = [str(part.path) for part in self._parts]
        return f"TokenStore({paths}, {self.num_documents} documents, {self.num_tokens} tokens)"
