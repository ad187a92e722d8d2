"""What a tokenizer is made from: the text of its tokenizer.json, and what others make of that text."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pypack.tokenizer.library import load_with_library
from pypack.tokenizer.library_errors import LibraryError, library_errors
from pypack.tokenizer.library_limits import check_for_library, check_json, try_in_another_process
from pypack.tokenizer.parse import parse_definition

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HuggingFaceTokenizer


class TokenizerDefinition:
    """A tokenizer.json as bytes, as its sections, and as a `tokenizers.Tokenizer` that does not cut or pad.

    Loading the last takes longer than all that the native engine does to load, and it is needed only for
    what the native engine cannot do.

    Attributes:
        data: the text of the tokenizer.json.
        source: where it came from, for messages.
        is_printed: the library printed `data` from a tokenizer in memory, whose numbers it holds exactly.
            Where it reads a file, the numbers are what the library makes of them, which is not the nearest.
    """

    data: bytes

    def __init__(self, data: bytes | None, source: str, *, is_printed: bool = False) -> None:
        if data is not None:
            self.data = data
        self.source = source
        self.is_printed = is_printed
        self._lock = threading.Lock()

    @property
    def tokenizer(self) -> HuggingFaceTokenizer:
        """The library's tokenizer; the same object each time.

        Raises:
            ValueError: the library cannot load it.
        """
        with self._lock:
            return self._loaded

    def changed(self, sections: dict[str, Any]) -> TokenizerDefinition:
        """One with other sections, for a native engine that encodes and no more."""
        other = TokenizerDefinition(b"", self.source)
        other.__dict__["sections"] = sections
        return other

    @cached_property
    def sections(self) -> dict[str, Any]:
        """The parsed JSON, with `model.vocab` and `model.merges` as C++ objects; not to be changed.

        Raises:
            ValueError: it is not understood.
        """
        return parse_definition(self.data, nearest_scores=self.is_printed)

    @cached_property
    def sections_of_any(self) -> dict[str, Any]:
        """The same; where the text is not understood, of what the library prints when it has loaded it.

        Raises:
            ValueError: the library cannot load it either.
        """
        try:
            return self.sections
        except ValueError:
            return parse_definition(self.tokenizer.to_str().encode(), nearest_scores=True)

    @cached_property
    def json(self) -> str:
        """The text of a tokenizer.json that neither truncates nor pads: `data`, if that does neither."""
        try:
            cuts_or_pads = self.sections.get("truncation") or self.sections.get("padding")
        except ValueError:
            cuts_or_pads = True  # for all that is known
        return self.tokenizer.to_str() if cuts_or_pads else self.data.decode()

    @cached_property
    def _loaded(self) -> HuggingFaceTokenizer:
        if b'"SentencePiece' in self.data[:4096]:
            raise ValueError(
                f"{self.source}: a SentencePiece model, which the `tokenizers` library has no form of"
            )
        self._check()
        try:
            with library_errors():
                return load_with_library(self.data)
        except LibraryError as error:
            raise ValueError(
                f"{self.source}: not a tokenizer.json that `tokenizers` can load: {error}"
            ) from error

    def _check(self) -> None:
        """Raises ValueError for what the library cannot stand."""
        try:
            sections = self.sections
        except ValueError:
            check_json(self.data, self.source)
            try_in_another_process(self.data, self.source)
        else:
            check_for_library(sections, self.source)
