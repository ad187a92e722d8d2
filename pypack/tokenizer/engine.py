"""What an engine behind `Tokenizer` provides."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pypack.ragged import Ragged
from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.spans import SpanArrays
from pypack.tokenizer.text_input import Texts

OffsetUnit = Literal["byte", "char"]
# Of D documents: offsets int64 [D + 1], and parts uint32 [M, 2].
PlainParts = tuple[NDArray[np.int64], NDArray[np.uint32]]


class OffsetsError(ValueError):
    """Offsets have no exact native form for this tokenizer or text; `engine="huggingface"` has them."""


class WordsError(ValueError):
    """Where words begin has no exact native form for this tokenizer; `engine="huggingface"` has it."""


class Engine(Protocol):
    """Turns text into ids and back. Thread-safe; its results depend on its arguments alone."""

    name: str

    def encode_batch(
        self, texts: Texts, *, add_special_tokens: bool, split_special_tokens: bool, num_threads: int
    ) -> Ragged:
        """Ids of every document; see `Tokenizer.encode_batch`."""

    def encode_as_text(self, texts: Texts, *, num_threads: int) -> tuple[Ragged, NDArray[np.uint32]]:
        """See `Tokenizer.encode_as_text`."""

    def encode_batch_with_words(
        self, texts: Texts, *, split_special_tokens: bool, num_threads: int
    ) -> tuple[Ragged, NDArray[np.uint32], NDArray[np.bool_]]:
        """See `Tokenizer.encode_batch_with_words`.

        Raises:
            WordsError: the engine cannot do that.
        """

    def encode_batch_with_offsets(
        self,
        texts: Texts,
        *,
        unit: OffsetUnit,
        add_special_tokens: bool,
        split_special_tokens: bool,
        num_threads: int,
        plain: PlainParts | None = None,
    ) -> tuple[Ragged, NDArray[np.uint32]]:
        """Ids, and what each stands for: uint32 [N, 2]; see `Tokenizer.encode_batch`.

        Special tokens are text in the `plain` parts of the documents, in the unit of the offsets.

        Raises:
            ValueError: the engine cannot do that.
        """

    def encode_batch_with_mask(
        self, texts: list[str], *, plain: PlainParts, learned: SpanArrays, num_threads: int
    ) -> tuple[Ragged, NDArray[np.bool_]]:
        """Ids, and which of them meet a learned span of their text: bool [N].

        Args:
            texts: the documents.
            plain: parts in which special tokens are text, in characters.
            learned: spans in characters, see `spans.tokens_that_meet`.
            num_threads: threads.

        Raises:
            ValueError: the engine cannot do that.
        """

    def decode_batch(self, rows: Ragged, *, skip_special_tokens: bool) -> list[str]:
        """Text of every row of ids; see `Tokenizer.decode_batch`."""

    def added_tokens(self) -> list[AddedToken]:
        """The tokens beside the vocabulary, by id."""

    def token_to_id(self, token: str) -> int | None:
        """Id of a token, None if there is no such token."""

    def id_to_token(self, token_id: int) -> str | None:
        """Token of an id that is not negative, None if no token has it."""

    def vocab_size(self) -> int:
        """One more than the largest id."""
