"""MaskedLM: tokens or words are masked, and foretold from both sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.arguments import check_choice, number_within, whole_number
from pypack.objectives.chances import chance, in_units
from pypack.objectives.objective import Objective
from pypack.objectives.ranges import DocumentRanges, document_ranges
from pypack.objectives.vocabulary import (
    ids_of,
    mask_id,
    special_ids,
    tokenizer_of,
    vocab_size,
)
from pypack.objectives.words import checked_words, resolved_words
from pypack.store.store import TokenStore

_REPLACE = {"huggingface": (0.8, 0.1, 0.1), "electra": (0.85, 0.0, 0.15)}


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedLM(Objective):
    """Masked language modelling: some tokens are replaced, and they alone are labels.

    `labels` hold the original token where one was chosen, at its own place, and -100 everywhere else;
    `loss_mask` is 1 there. Special tokens, and what a source's masks say is not to be learned, are never
    chosen. Such labels are not to be shifted.

    Args:
        rate: how many of the tokens are chosen.
        replace: chances that a chosen token becomes the mask, any token of the vocabulary, or stays; in sum
            1. None: (0.8, 0.1, 0.1), of mode "electra" (0.85, 0, 0.15).
        mode: "huggingface": every token is chosen with the same chance, as transformers'
            `DataCollatorForLanguageModeling` does. "electra": round(rate * length) places are drawn in every
            span, at least one, each among all of its tokens, as ELECTRA's code does: a place may be drawn
            again, so that somewhat fewer are labels.
        whole_word: choose whole words: each with the chance `rate`, all of its tokens. True: where they
            begin, the stores say that were tokenized with --word-borders; where none was, the vocabulary does
            (`pypack.objectives.vocabulary.word_starts`). "kept" and "vocabulary" name one of the two; or the
            ids of the tokens that begin a word. A word also begins with a span, and behind a special token.
        spans: choose among known spans of the documents, such as the names in them, each with the chance
            `rate` if the sequence holds all of it; nothing else is chosen. The name of a column that the
            stores keep, or its values for the one store: a list of [start, stop, start, stop, ...] or of
            (start, stop) pairs a document, in tokens.
        whole_span: mask all tokens of a chosen span; False: one of them, as Linguistic Entity Masking does.
        most: mode "electra": most draws of a span. ELECTRA's code has int((rate + 0.005) * row length).
        mask_id: None: that of the store's tokenizer.
        special_ids: tokens that are never chosen; None: those that the store's tokenizer marks as special.
        vocab_size: what random tokens are drawn from; None: that of the store.

    Raises:
        ValueError: an argument is out of its range, or does not go with another.
    """

    rate: float = 0.15
    replace: tuple[float, float, float] | None = None
    _: dataclasses.KW_ONLY
    mode: Literal["huggingface", "electra"] = "huggingface"
    whole_word: bool | Literal["kept", "vocabulary"] | ArrayLike = False
    spans: str | ArrayLike | DocumentRanges | None = None
    whole_span: bool = False
    most: int | None = None
    mask_id: int | None = None
    special_ids: ArrayLike | None = None
    vocab_size: int | None = None

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, ("huggingface", "electra"))
        self._set("rate", chance("rate", self.rate))
        self._set("replace", _shares(self.replace or _REPLACE[self.mode]))
        self._set("whole_word", checked_words(self.whole_word))
        if self.mode == "electra" and self.whole_word is not False:
            raise ValueError("mode='electra' draws tokens: whole_word goes with mode='huggingface'")
        if self.spans is not None and (self.mode == "electra" or self.whole_word is not False):
            raise ValueError("spans go with mode='huggingface' and without whole_word")
        if self.whole_span and self.spans is None:
            raise ValueError("whole_span is for spans=, which names them")
        if self.most is not None:
            if self.mode != "electra" or whole_number("most", self.most) < 1:
                raise ValueError(
                    f"most is for mode='electra' and at least 1, got {self.most} with mode={self.mode!r}"
                )
            self._set("most", number_within("most", self.most, 64))
        if self.special_ids is not None:
            self._set("special_ids", _ids("special_ids", self.special_ids))
        for name in ("mask_id", "vocab_size"):
            value = getattr(self, name)
            if value is not None:
                self._set(name, _one_id(name, value, least=name == "vocab_size"))

    def resolved(self, stores: Sequence[TokenStore]) -> MaskedLM:
        tokenizer = tokenizer_of(stores)
        found: dict[str, Any] = {}
        if self.special_ids is None:
            found["special_ids"] = special_ids(stores, tokenizer)
        if self.mask_id is None:
            found["mask_id"] = mask_id(tokenizer) if self.replace[0] > 0 else 0  # type: ignore[index]
        if self.vocab_size is None:
            found["vocab_size"] = vocab_size(stores)
        found["whole_word"] = resolved_words(self.whole_word, stores, tokenizer)
        if self.spans is not None and not isinstance(self.spans, DocumentRanges):
            found["spans"] = document_ranges(stores, self.spans)
        whole = dataclasses.replace(self, **found)
        whole._set("_stores", tuple(stores))
        return whole

    def changed(self, **values: Any) -> MaskedLM:
        """A resolved one with other values of some fields."""
        found = dataclasses.replace(self, **values)
        found._set("_stores", self.__dict__["_stores"])
        return found

    def kernel(self) -> _core.Objective:
        assert self.replace is not None
        assert self.mask_id is not None
        assert self.vocab_size is not None
        assert isinstance(self.special_ids, np.ndarray)
        replacement = _core.Replacement(
            mask_below=in_units(self.replace[0]),
            word_below=in_units(self.replace[0] + self.replace[1]),
            mask_id=self.mask_id,
            vocab_size=self.vocab_size,
        )
        if self.mode == "electra":
            most = 2**62 if self.most is None else self.most
            return _core.counted_tokens(
                rate=self.rate, most=most, replacement=replacement, never=self.special_ids
            )
        if isinstance(self.spans, DocumentRanges):
            return _core.masked_ranges(
                chance=in_units(self.rate),
                whole=self.whole_span,
                replacement=replacement,
                never=self.special_ids,
                ranges=self.spans.of_store,
            )
        if isinstance(self.whole_word, str):
            return _core.masked_words(
                chance=in_units(self.rate),
                replacement=replacement,
                never=self.special_ids,
                borders=[store.word_view for store in self.__dict__["_stores"]],
            )
        starts = self.whole_word if isinstance(self.whole_word, np.ndarray) else None
        return _core.masked_tokens(
            chance=in_units(self.rate), replacement=replacement, never=self.special_ids, word_starts=starts
        )

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def _shares(replace: Any) -> tuple[float, float, float]:
    try:
        mask, word, same = (chance("replace", share) for share in replace)
    except TypeError:
        raise ValueError(f"replace is three chances (mask, any token, the same), got {replace!r}") from None
    if abs(mask + word + same - 1) > 1e-9:
        raise ValueError(
            f"replace must add up to 1 (mask, any token, the same), got {replace!r}: {mask + word + same}"
        )
    return mask, word, same


def _ids(name: str, values: Any) -> NDArray[np.uint32]:
    return np.unique(ids_of(name, values))


def _one_id(name: str, value: Any, *, least: int) -> int:
    number = number_within(name, value, 32)
    if number < least:
        raise ValueError(f"{name} must be at least {int(least)}, got {value!r}")
    return number
