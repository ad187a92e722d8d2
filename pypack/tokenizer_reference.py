"""The `tokenizers` library's own form of a tokenizer, made when it is first needed."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HuggingFaceTokenizer


class Reference:
    """A tokenizer.json as bytes, and as a `tokenizers.Tokenizer` that neither truncates nor pads.

    Loading the latter takes longer than all that the native engine does to load, and it is needed only to
    decode, to describe, and to encode what the native engine cannot.

    Attributes:
        data: the text of the tokenizer.json.
        source: where it came from, for messages.
        is_printed: the library printed `data` from a tokenizer in memory, whose numbers it holds exactly.
            Where it reads a file, the numbers are what the library makes of them, which is not the nearest.
    """

    def __init__(self, data: bytes, source: str, *, is_printed: bool = False) -> None:
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

    @cached_property
    def _loaded(self) -> HuggingFaceTokenizer:
        from tokenizers import Tokenizer as HuggingFaceTokenizer

        try:
            tokenizer = HuggingFaceTokenizer.from_buffer(self.data)
        except Exception as error:  # the library raises bare Exception
            raise ValueError(
                f"{self.source}: not a tokenizer.json that `tokenizers` can load: {error}"
            ) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
