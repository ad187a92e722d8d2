"""A store as far as its descriptions tell, wherever it lies: enough to compare it with others."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path

from pypack.remote import Url, objects
from pypack.store.format import TOKENIZER_FILE, StoreInfo


class DescribedStore:
    """What of a store at a URL others ask that compare it, as of a `TokenStore`.

    Attributes:
        path: where it is.
        info: what its `store.json` says.
    """

    def __init__(self, url: Url, info: StoreInfo) -> None:
        self.path = url
        self.info = info

    @property
    def parts(self) -> tuple[DescribedStore, ...]:
        """Itself."""
        return (self,)

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """See `TokenStore.tokenizer_fingerprint`."""
        return self.info.tokenizer_fingerprint

    @property
    def holds_tokenizer(self) -> bool:
        """Whether the store holds the tokenizer that made it."""
        return TOKENIZER_FILE in self.info.files

    @cached_property
    def ids_fingerprint(self) -> str | None:
        """See `TokenStore.ids_fingerprint`; the tokenizer is fetched."""
        from pypack.tokenizer.tokenizer import Tokenizer

        if not self.holds_tokenizer:
            return None
        with tempfile.TemporaryDirectory(prefix="pypack-") as folder:
            copy = Path(folder) / TOKENIZER_FILE
            copy.write_bytes(objects().read(self.path / TOKENIZER_FILE))
            return Tokenizer.from_file(copy).ids_fingerprint
