"""FillInMiddle: the middle of a document is learned after what stands before and behind it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from pypack import _core
from pypack._common.arguments import check_choice
from pypack.objectives.chances import chance, in_units
from pypack.objectives.objective import LATER, Objective
from pypack.objectives.vocabulary import check_distinct, ids_of, infilling_ids, special_ids, tokenizer_of
from pypack.plan.plan import Plan
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_TOKENS = 3  # that it puts into a document
_PROBE = "def f(x):\n    return  x + 1  # \u00e9\u4e2d\n"


@dataclasses.dataclass(frozen=True, eq=False)
class FillInMiddle(Objective):
    """Fill in the middle (arXiv 2207.14255): some documents are cut in three at two places drawn from all,
    and their middle is put behind the rest, between control tokens.

    PSM: `P prefix S suffix M middle`; SPM: `P S suffix M prefix middle` (the paper's second variant, which is
    Megatron's). Special tokens at the ends of a document, such as that of its end, stay where they are. Every
    token but the first is learned, the control tokens, too; of a document with a loss mask those that were.

    It works on what a sequence holds of a document: a document that was cut over several sequences is
    infilled piece by piece, each with a draw of its own, as the paper does it ("context-level"). Nothing
    crosses a border.

    It takes three tokens more than the document has: pack with `room=3`. Where they find no room, the
    document stays as it is, and `PackedBatch.objective_counts` counts it: "infilled" spans, those of them
    with "suffix_first", those "without_room", and with level="character" those that were "not_text".

    Args:
        rate: how many of the documents are infilled.
        spm_rate: how many of those have their suffix first.
        level: "token": cut between tokens. "character": cut between characters of the text, whose three parts
            are encoded anew, as Megatron's `GPTFIMDataset` does. These may come to more tokens: a larger room
            is good. A piece that is no whole text (it decodes with U+FFFD), or that has masked tokens, stays.
        prefix_id: the id of the control token before the prefix. None: that of the store's tokenizer, by the
            usual names; so are the next two.
        suffix_id: that before the suffix.
        middle_id: that before the middle.
        special_ids: tokens that stay at the ends of a document; None: those that the store's tokenizer marks
            as special.
        split_token: the token between the files of a document that is a repository: its text or its id. A
            chosen document that has some is infilled file by file, as Megatron's `fim_split_sample` does; the
            tokens between them stay. Each file takes three tokens more: pack with a room for some.
        file_rate: how many of the files of a chosen document; None: `rate`.
        skip_prefix: a text; what begins so stays, as Megatron's `fim_no_prefix` has it. With level="token" by
            the tokens that it comes to.

    Raises:
        ValueError: an argument is out of its range.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    writes_labels: ClassVar[bool] = False
    moves_tokens: ClassVar[bool] = True
    counts: ClassVar[tuple[str, ...]] = ("infilled", "suffix_first", "without_room", "not_text")

    rate: float = 0.5
    spm_rate: float = 0.5
    level: Literal["token", "character"] = "token"
    _: dataclasses.KW_ONLY
    prefix_id: int | None = None
    suffix_id: int | None = None
    middle_id: int | None = None
    special_ids: ArrayLike | None = None
    split_token: int | str | None = dataclasses.field(default=None, metadata=LATER)
    file_rate: float | None = dataclasses.field(default=None, metadata=LATER)
    skip_prefix: str | None = dataclasses.field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        self._set("rate", chance("rate", self.rate))
        self._set("spm_rate", chance("spm_rate", self.spm_rate))
        check_choice("level", self.level, ("token", "character"))
        given = [name for name in ("prefix_id", "suffix_id", "middle_id") if getattr(self, name) is not None]
        if given and len(given) < 3:
            raise ValueError(
                f"prefix_id, suffix_id and middle_id go together, got {' and '.join(given)} alone"
            )
        for name in given:
            self._set(name, int(ids_of(name, [getattr(self, name)])[0]))
        if given:
            ids = np.array([self.prefix_id, self.suffix_id, self.middle_id], np.uint32)
            check_distinct("prefix_id, suffix_id, middle_id", ids, "each begins another part")
        if self.file_rate is not None and self.split_token is None:
            raise ValueError("file_rate is for split_token=, the token between files")
        if self.file_rate is not None:
            self._set("file_rate", chance("file_rate", self.file_rate))
        if self.split_token is not None and not isinstance(self.split_token, str):
            self._set("split_token", int(ids_of("split_token", [self.split_token])[0]))
        if self.skip_prefix == "":
            raise ValueError("skip_prefix is a text; every document begins with an empty one")
        if self.special_ids is not None:
            self._set("special_ids", np.unique(ids_of("special_ids", self.special_ids)))

    def check_plans(self, plans: Sequence[Plan]) -> None:
        super().check_plans(plans)
        if not any(plan.room >= _TOKENS or plan.align > 1 for plan in plans):
            raise ValueError(
                f"FillInMiddle puts {_TOKENS} tokens into a document, and no plan has room for them behind "
                f"its spans: pack with room={_TOKENS} (--room {_TOKENS})"
            )

    def resolved(self, stores: Sequence[TokenStore]) -> FillInMiddle:
        tokenizer = tokenizer_of(stores)
        found: dict[str, Any] = {}
        if self.prefix_id is None:
            names = ("prefix_id", "suffix_id", "middle_id")
            found.update(zip(names, infilling_ids(tokenizer), strict=True))
        if self.special_ids is None:
            found["special_ids"] = special_ids(stores, tokenizer)
        if isinstance(self.split_token, str):
            found["split_token"] = _id_of("split_token", self.split_token, tokenizer)
        whole = dataclasses.replace(self, **found)
        if self.skip_prefix is not None and self.level == "token":
            if tokenizer is None:
                raise ValueError(
                    "skip_prefix needs the tokenizer, and no store holds it: tokenize with it, or leave the "
                    "option out"
                )
            skipped = tokenizer.encode(self.skip_prefix, add_special_tokens=False).tolist()
            whole._set("_skip_ids", skipped)
        if self.level == "character":
            whole._set("_tokenizer", _reversible(tokenizer))
        return whole

    def kernel(self) -> _core.Objective:
        assert self.prefix_id is not None
        assert self.suffix_id is not None
        assert self.middle_id is not None
        assert isinstance(self.special_ids, np.ndarray)
        how = _core.Infilling(
            chance=in_units(self.rate),
            spm_chance=in_units(self.spm_rate),
            prefix_id=self.prefix_id,
            suffix_id=self.suffix_id,
            middle_id=self.middle_id,
            ends=self.special_ids,
            split=self.split_token if isinstance(self.split_token, int) else None,
            file_chance=in_units(self.rate if self.file_rate is None else self.file_rate),
            skip_ids=self.__dict__.get("_skip_ids", []),
            skip_text=self.skip_prefix or "",
        )
        if self.level == "token":
            return _core.infilled_tokens(how)
        tokenizer: Tokenizer = self.__dict__["_tokenizer"]
        kernels = tokenizer.kernels()
        assert kernels is not None  # seen when it was resolved
        return _core.infilled_text(how, *kernels)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def _id_of(name: str, text: str, tokenizer: Tokenizer | None) -> int:
    """The id of a token.

    Raises:
        ValueError: there is none, or the tokenizer is not known.
    """
    found = None if tokenizer is None else tokenizer.token_to_id(text)
    if found is None:
        why = "no store holds its tokenizer" if tokenizer is None else "the tokenizer has no such token"
        raise ValueError(f"{name}={text!r}: {why}: give its id")
    return found


def _reversible(tokenizer: Tokenizer | None) -> Tokenizer:
    """The tokenizer, if texts can be cut by it.

    Raises:
        ValueError: it is not known, has no native form, or does not give a text back as it was.
    """
    if tokenizer is None:
        raise ValueError(
            "level='character' needs the tokenizer, and no store holds it: tokenize with it, or use "
            "level='token'"
        )
    if tokenizer.kernels() is None:
        raise ValueError(
            f"level='character' needs a tokenizer in native form, and this one runs in {tokenizer.engine!r} "
            f"({tokenizer.engine_reason}): use level='token'"
        )
    text = tokenizer.decode(tokenizer.encode(_PROBE, add_special_tokens=False), skip_special_tokens=False)
    if text != _PROBE:
        raise ValueError(
            f"level='character' cuts texts, and this tokenizer does not give them back: {_PROBE!r} becomes "
            f"{text!r}: use level='token'"
        )
    return tokenizer
