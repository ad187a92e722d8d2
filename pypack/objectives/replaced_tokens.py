"""ReplacedTokens: some tokens are others than they were, and a model tells which, or what they were."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.arguments import check_choice, number_within, whole_number
from pypack.objectives.clusters import changed_counts, check_beta, rising_weights, token_clusters
from pypack.objectives.masked_lm import MaskedLM
from pypack.objectives.objective import LATER, Objective
from pypack.store.store import TokenStore

_TAKEN = ("whole_word", "mask_id", "special_ids", "vocab_size")


@dataclasses.dataclass(frozen=True, eq=False)
class ReplacedTokens(Objective):
    """Detection of replaced tokens, with a generator as of ELECTRA, or without one.

    "generator": tokens are chosen and masked as by `MaskedLM`: `input_ids` and `labels` are for the
    generator. What it samples at those places goes into `original_ids`, and a discriminator tells which
    tokens are others then. `masked_positions` and `masked_labels` [rows, positions] list the places of each
    row (in the varlen layout places in the batch) and the tokens there: arrays of one size, filled up with 0
    and -100. Where a row has more, the last ones are put back, and `masks_left_out` [rows, 1] counts them.

    "random" (RTS): chosen tokens become any of the vocabulary, and `labels` are 1 there, also where it is the
    same token by chance; 0 elsewhere, and -100 at special tokens, at padding, and where a source's masks say
    that nothing is to be learned. `original_ids` is what stood there.

    "swapped" (SLM): the same tokens; `labels` are what stood at those places, -100 elsewhere.

    "clusters" (C-RTS): as "random", and what stands at chosen places is any token of a cluster of tokens that
    is drawn by how often a model was wrong about such replacements so far: for tokens of cluster s, cluster t
    has the chance softmax(beta * x)[t], where x are the counts of (s, t), spread from 0 to 1. A training loop
    says what the model made of a batch: `feedback` gives what that adds to the counts, summed over ranks it
    goes to `pypack.loader.give_feedback`.

    Args:
        rate: how many of the tokens are chosen.
        method: one of those above.
        positions: "generator": how many places of a row are listed; None: int((rate + 0.005) * row length),
            as ELECTRA's code has it.
        mode: "generator": how `MaskedLM` chooses; None: as ELECTRA does; of the others every token has the
            same chance.
        replace: "generator": as for `MaskedLM`.
        whole_word: choose whole words, as for `MaskedLM`; not as ELECTRA does.
        mask_id: as for `MaskedLM`, like the rest.
        special_ids: tokens that are never chosen.
        vocab_size: what random tokens are drawn from.
        clusters: "clusters": of every token id its cluster, from 0 on, or -1: such tokens are special ones
            then; or the path of an `.npy` file of them.
        beta: "clusters": how much the counts say.

    Raises:
        ValueError: an argument is out of its range, or does not go with another.
    """

    rate: float = 0.15
    method: Literal["generator", "random", "swapped", "clusters"] = "generator"
    _: dataclasses.KW_ONLY
    positions: int | None = None
    mode: Literal["huggingface", "electra"] | None = None
    replace: tuple[float, float, float] | None = None
    whole_word: bool | Literal["kept", "vocabulary"] | ArrayLike = False
    mask_id: int | None = None
    special_ids: ArrayLike | None = None
    vocab_size: int | None = None
    clusters: str | ArrayLike | None = dataclasses.field(default=None, metadata=LATER)
    beta: float = dataclasses.field(default=2.0, metadata=LATER)

    def __post_init__(self) -> None:
        check_choice("method", self.method, ("generator", "random", "swapped", "clusters"))
        if (self.clusters is not None) != (self.method == "clusters"):
            raise ValueError("clusters= is for method='clusters', which needs it")
        if self.clusters is not None:
            self._set("clusters", token_clusters(self.clusters))
        self._set("beta", check_beta(self.beta))
        if self.method != "generator":
            for name in ("positions", "mode", "replace", "mask_id"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is for method='generator'")
        if self.positions is not None:
            if whole_number("positions", self.positions) < 1:
                raise ValueError(f"positions must be at least 1, got {self.positions}")
            self._set("positions", number_within("positions", self.positions, 32))
        self._take(self._choosing())

    def _choosing(self) -> MaskedLM:
        """What chooses tokens and replaces them."""
        shared: dict[str, Any] = {name: getattr(self, name) for name in _TAKEN}
        if self.method == "clusters":
            return MaskedLM(self.rate, (0.0, 0.0, 1.0), **shared)
        if self.method != "generator":
            return MaskedLM(self.rate, (0.0, 1.0, 0.0), **shared)
        mode = self.mode or ("electra" if self.whole_word is False else "huggingface")
        return MaskedLM(self.rate, self.replace, mode=mode, **shared)

    def _take(self, choosing: MaskedLM) -> None:
        """What it has found and checked."""
        self._set("rate", choosing.rate)
        if self.method == "generator":
            self._set("mode", choosing.mode)
            self._set("replace", choosing.replace)
        for name in _TAKEN:
            if name != "mask_id" or self.method == "generator":
                self._set(name, getattr(choosing, name))

    def resolved(self, stores: Sequence[TokenStore]) -> ReplacedTokens:
        found = dataclasses.replace(self)
        choosing = self._choosing().resolved(stores)
        if isinstance(self.clusters, np.ndarray):
            choosing = self._of_clusters(choosing, self.clusters)
        found._take(choosing)
        found._set("_resolved", choosing)
        return found

    def _of_clusters(self, choosing: MaskedLM, clusters: NDArray[np.int32]) -> MaskedLM:
        """What never chooses a token of no cluster."""
        assert choosing.vocab_size is not None
        if len(clusters) != choosing.vocab_size:
            raise ValueError(
                f"clusters has {len(clusters)} values, and the vocabulary {choosing.vocab_size} tokens: give "
                "one a token, -1 for those that are in none"
            )
        without = np.flatnonzero(clusters < 0).astype(np.uint32)
        never = np.union1d(np.asarray(choosing.special_ids), without)
        return choosing.changed(special_ids=never)

    @property
    def feedback_clusters(self) -> int:
        return int(self.clusters.max()) + 1 if isinstance(self.clusters, np.ndarray) else 0

    def kernel_after(self, counts: NDArray[np.int64]) -> _core.Objective:
        assert isinstance(self.clusters, np.ndarray)
        choosing: MaskedLM = self.__dict__["_resolved"]
        assert isinstance(choosing.special_ids, np.ndarray)
        kernel = _core.clustered_tokens(
            choosing=choosing.kernel(),
            clusters=_core.TokenClusters(self.clusters),
            rising=rising_weights(counts, self.beta),
        )
        return _core.detected_tokens(choosing=kernel, never=choosing.special_ids)

    def feedback(
        self, original_ids: Any, input_ids: Any, predictions: Any, labels: Any, *, only_replaced: bool = False
    ) -> NDArray[np.int64]:
        """int64 [clusters, clusters]: what a batch adds to the counts, for `pypack.loader.give_feedback`.

        Ranks sum theirs up. Each place with a label counts for the clusters of its original and its token: 1
        where the prediction is wrong, -1 where it is right.

        Args:
            original_ids: of the batch, an array or a tensor of a CPU.
            input_ids: of the batch, as are
            labels: those of the places that were chosen.
            predictions: 1 where the model says that a token was replaced, else 0, in the same shape.
            only_replaced: leave out the places where the token is what it was.

        Raises:
            ValueError: the method is another, or the arrays have not one shape.
        """
        if not isinstance(self.clusters, np.ndarray):
            raise ValueError(f"feedback is for method='clusters', this is {self.method!r}")
        return changed_counts(
            self.clusters, original_ids, input_ids, predictions, labels, replaced=only_replaced
        )

    def kernel(self) -> _core.Objective:
        if size := self.feedback_clusters:
            return self.kernel_after(np.zeros((size, size), np.int64))
        choosing: MaskedLM = self.__dict__["_resolved"]
        kernel = choosing.kernel()
        if self.method == "swapped":
            return kernel
        if self.method == "random":
            assert isinstance(self.special_ids, np.ndarray)
            return _core.detected_tokens(choosing=kernel, never=self.special_ids)
        items = -1 if self.positions is None else self.positions
        return _core.generator_arrays(choosing=kernel, row_share=self.rate + 0.005, row_items=items)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
