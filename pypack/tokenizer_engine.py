"""What an engine behind `Tokenizer` provides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pypack.ragged import Ragged
from pypack.text_input import Texts


class Engine(Protocol):
    """Turns text into ids and back. Thread-safe; its results depend on its arguments alone."""

    name: str

    def encode_batch(
        self, texts: Texts, *, add_special_tokens: bool, split_special_tokens: bool, num_threads: int
    ) -> Ragged:
        """Ids of every document; see `Tokenizer.encode_batch`."""

    def decode_batch(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        """Text of every row of ids; see `Tokenizer.decode_batch`."""

    def special_names(self) -> Iterable[str]:
        """The added tokens that are special."""

    def token_to_id(self, token: str) -> int | None:
        """Id of a token, None if there is no such token."""

    def vocab_size(self) -> int:
        """One more than the largest id."""
