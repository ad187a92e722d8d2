"""What a store says of how its documents are to be learned: masks, words, groups, weights."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.paths import native_name
from pypack.store.beside import FEATURE_OF, GROUP, WEIGHT, WORDS, DocumentValues
from pypack.store.columns_beside import ColumnsBeside
from pypack.store.many_shards import open_view


class LearnedDocuments(ColumnsBeside):
    """The room of `TokenStore` for what training asks for beside tokens."""

    @property
    def has_loss_mask(self) -> bool:
        """Whether the store says of its tokens which are learned."""
        return self._view.has_masks

    def loss_mask(self, index: int) -> NDArray[np.bool_]:
        """bool [n]: which tokens of a document are learned; all of them where the store does not say."""
        return self._view.document_mask(int(range(len(self))[index]))

    @cached_property
    def learned_lengths(self) -> NDArray[np.int64]:
        """int64 [D]: how many tokens of every document are learned. Reads the whole mask."""
        if not self.has_loss_mask:
            return self.lengths.astype(np.int64)
        documents = np.arange(len(self), dtype=np.int64)
        return self._view.count_learned(documents, np.zeros_like(documents), self.lengths.astype(np.int64))

    @property
    def has_word_borders(self) -> bool:
        """Whether the store says of all its tokens whether a word begins with them (`--word-borders`)."""
        return all(
            part.info is not None and all(WORDS in shard.beside for shard in part.info.shards)
            for part in self.parts
        )

    def word_borders(self, index: int) -> NDArray[np.bool_]:
        """bool [n]: with which tokens of a document a word begins.

        Raises:
            ValueError: the store does not say.
        """
        return self.word_view.document_mask(int(range(len(self))[index]))

    @cached_property
    def word_view(self) -> _core.StoreView:
        """The mapped shards as the kernels take them, with the bits of words in the place of a loss mask.

        Raises:
            ValueError: the store does not say where words begin.
        """
        self._check_word_borders()
        infos = [(part, shard) for part in self.parts if part.info for shard in part.info.shards]
        files = [files for part in self.parts for files in part.shard_files]
        words = [native_name(part.path / f"{shard.name}{WORDS}") for part, shard in infos]
        return open_view(files, words, [shard for _, shard in infos], self.dtype.name)

    def _check_word_borders(self) -> None:
        if not self.has_word_borders:
            raise ValueError(
                f"{self!r} does not say where words begin: tokenize the texts with --word-borders "
                "(word_borders=True)"
            )

    @cached_property
    def group_places(self) -> DocumentValues | None:
        """How many documents of its group stand before each document; None where there are no groups."""
        return self._values_beside(GROUP, 0)

    @cached_property
    def document_weights(self) -> DocumentValues | None:
        """How much the loss of each document counts; None where the store does not say."""
        return self._values_beside(WEIGHT, 1)

    def _values_beside(self, suffix: str, default: float) -> DocumentValues | None:
        files = [
            part.path / f"{shard.name}{suffix}" if suffix in shard.beside else None
            for part in self.parts
            if part.info is not None
            for shard in part.info.shards
        ]
        if not any(files):
            return None
        if any(part.info is None for part in self.parts):
            raise ValueError(
                f"{self!r}: one of the stores has {FEATURE_OF[suffix]}, another is no store of pypack"
            )
        return DocumentValues(files, self._view.shard_documents, suffix, default)

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """int64 [D]: the group of each document, named by the number of its first one; None without groups.

        Documents of one group are neighbours: the answers to one prompt, or the chosen and the rejected one.
        """
        places = self.group_places
        return None if places is None else np.arange(len(self), dtype=np.int64) - places.all()

    def groups_by(self, name: str) -> NDArray[np.int64]:
        """int64 [D]: the group of each document: "group", those of the store; else a column that it keeps, of
        which runs of equal values are groups.

        Raises:
            ValueError: the store has no groups.
            FileNotFoundError: it keeps no columns.
        """
        if name == "group" and self.group_places is not None:
            groups = self.groups
            assert groups is not None
            return groups
        if name == "group" and (self.info is None or "group" not in self.info.options.get("keep", ())):
            raise ValueError(
                f"{self!r} has no groups: they come of records of several texts (pypack tokenize "
                "--completion-field chosen,rejected); or name a column that it keeps"
            )
        values = self.columns([name]).column(name).to_pylist()
        changes = [i > 0 and values[i] != values[i - 1] for i in range(len(values))]
        return np.cumsum(changes, dtype=np.int64)
