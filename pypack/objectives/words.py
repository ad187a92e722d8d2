"""Where words begin, for objectives that choose whole words: kept by stores, or told by the vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pypack._common.arguments import check_choice
from pypack.objectives.vocabulary import ids_of, word_starts
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

KEPT, VOCABULARY = "kept", "vocabulary"


def checked_words(whole_word: Any) -> Any:
    """The argument `whole_word`: a bool, one of the two words, or ids, rising.

    Raises:
        ValueError: it is none of them.
    """
    if isinstance(whole_word, bool):
        return whole_word
    if isinstance(whole_word, str):
        check_choice("whole_word", whole_word, (KEPT, VOCABULARY))
        return whole_word
    return np.unique(ids_of("whole_word", whole_word))


def resolved_words(whole_word: Any, stores: Sequence[TokenStore], tokenizer: Tokenizer | None) -> Any:
    """What tells where words begin: "kept", or ids of tokens; False: nothing is to.

    Raises:
        ValueError: it is not known, or some of the stores keep it and others do not.
    """
    if isinstance(whole_word, np.ndarray) or whole_word is False:
        return whole_word
    kept = [store.has_word_borders for store in stores]
    if whole_word == VOCABULARY or (whole_word is True and not any(kept)):
        return word_starts(tokenizer)
    if not all(kept):
        lacking = [repr(store) for store, one in zip(stores, kept, strict=True) if not one]
        others = "others of the loader do: " if any(kept) else ""
        raise ValueError(
            f"{lacking[0]} does not keep where words begin; {others}tokenize it with --word-borders, or give "
            f"whole_word={VOCABULARY!r}, which tells words of all by their tokens"
        )
    return KEPT
