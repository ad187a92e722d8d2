"""What a store knows of the tokenizer that made it, and its documents as texts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, overload

from pypack._common.rows import RowsIndex
from pypack.store.documents import StoredDocuments
from pypack.store.format import TOKENIZER_FILE

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer


class OwnTokenizer(StoredDocuments):
    """The room of `TokenStore` about its vocabulary."""

    @property
    def vocab_size(self) -> int | None:
        """Every id is below it; None for a bare Megatron-Core dataset, which does not say."""
        return None if self.info is None else self.info.vocab_size

    @property
    def eos_id(self) -> int | None:
        """The tokenizer's end-of-document id, if known."""
        return self._special_id("eos")

    @property
    def pad_id(self) -> int | None:
        """The tokenizer's padding id, if known."""
        return self._special_id("pad")

    @property
    def prepended_ids(self) -> tuple[int, ...]:
        """The ids that begin every document, none if it is not known."""
        return () if self.info is None else self.info.prepended_ids

    @property
    def appended_id(self) -> int | None:
        """The id that ends every document, None if there is none, or if it is not known."""
        return None if self.info is None else self.info.appended_id

    def _special_id(self, role: str) -> int | None:
        return None if self.info is None else self.info.special_ids.get(role)

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """`Tokenizer.fingerprint` of the tokenizer that made the ids, as it was recorded; None if unknown."""
        return None if self.info is None else self.info.tokenizer_fingerprint

    @property
    def holds_tokenizer(self) -> bool:
        """Whether the store holds the tokenizer that made it."""
        return (self.path / TOKENIZER_FILE).is_file()

    @cached_property
    def ids_fingerprint(self) -> str | None:
        """`Tokenizer.ids_fingerprint` of the tokenizer that the store holds; None if it holds none."""
        return self.tokenizer().ids_fingerprint if self.holds_tokenizer else None

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the store.

        Raises:
            FileNotFoundError: the store does not hold its tokenizer.
        """
        from pypack.tokenizer.tokenizer import Tokenizer

        if not self.holds_tokenizer:
            raise FileNotFoundError(
                f"{self.path}: holds no {TOKENIZER_FILE}; load the tokenizer from elsewhere"
            )
        return Tokenizer.from_file(self.path / TOKENIZER_FILE)

    @overload
    def text(self, index: int, *, skip_special_tokens: bool = ...) -> str: ...

    @overload
    def text(self, index: RowsIndex, *, skip_special_tokens: bool = ...) -> list[str]: ...

    def text(self, index: int | RowsIndex, *, skip_special_tokens: bool = True) -> str | list[str]:
        """The text of a document, or of several (see `store[index]`), decoded by the store's tokenizer.

        Raises:
            FileNotFoundError: the store does not hold its tokenizer.
            IndexError: there is no such document.
        """
        documents = self[index]
        if isinstance(documents, list):
            return self._tokenizer.decode_batch(documents, skip_special_tokens=skip_special_tokens)
        return self._tokenizer.decode(documents, skip_special_tokens=skip_special_tokens)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return self.tokenizer()
