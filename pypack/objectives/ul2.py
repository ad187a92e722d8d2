"""UL2: a mixture of denoisers, each with its mode tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from pypack._common.arguments import number_within
from pypack.objectives.denoisers import Denoiser, encoded
from pypack.objectives.pair_objective import PairObjective
from pypack.objectives.vocabulary import tokenizer_of
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    from typing_extensions import Self


def _of_paper() -> tuple[Denoiser, ...]:
    runs = [(3, 0.15), (8, 0.15), (3, 0.5), (8, 0.5), (64, 0.15), (64, 0.5)]
    modes = ["[NLU]" if rate < 0.5 and mean < 64 else "[NLG]" for mean, rate in runs]
    spans = [Denoiser("spans", rate, mean, mode) for (mean, rate), mode in zip(runs, modes, strict=True)]
    return (*spans, Denoiser("prefix", 0.5, mode="[S2S]"))


# R, R, X, X, X, X and S, of equal weight.
PAPER = _of_paper()


@dataclasses.dataclass(frozen=True, eq=False)
class UL2(PairObjective):
    """The mixture of denoisers of UL2 (arXiv 2205.05131): every piece of a document gets one of them.

    Which one a piece gets, how long it is for that, and where a prefix ends, is drawn when the plan is
    packed, and the same in every epoch; which runs are left out is drawn anew in each. Another `seed`,
    another plan.

    Args:
        mixture: the denoisers; None: the seven of the paper, of equal weight: runs of 3 and 8 tokens at 15 %
            (mode [NLU]); of 3 and 8 at 50 % and of 64 at 15 % and 50 % ([NLG]); and prefix-LM ([S2S]), which
            its code takes from T5: any prefix is equally likely, and no sentinel stands for the rest.
        seed: of what a plan draws.
        ends: as for `SpanCorruption`, like the rest.
        sentinel_ids: of the runs.
        end_id: end of both sides.
        start_id: what a decoder is given first.

    Raises:
        ValueError: there is no denoiser, or an argument is out of its range.
    """

    mixture: Sequence[Denoiser | dict[str, Any]] | None = None
    _: dataclasses.KW_ONLY
    seed: int = 0
    ends: bool = True
    sentinel_ids: ArrayLike | None = None
    end_id: int | None = None
    start_id: int | None = None

    def __post_init__(self) -> None:
        given = PAPER if self.mixture is None else tuple(self.mixture)
        if not given:
            raise ValueError("mixture has no denoiser")
        self._set("mixture", tuple(one if isinstance(one, Denoiser) else Denoiser(**one) for one in given))
        self._set("seed", number_within("seed", self.seed, 64, signed=False))
        self._check_ids()

    @property
    def plan_seed(self) -> int:
        return self.seed

    def denoisers(self) -> Sequence[Denoiser]:
        return self.mixture  # type: ignore[return-value]  # made so

    def resolved_for_pairs(self, stores: Sequence[TokenStore]) -> Self:
        tokenizer = tokenizer_of(stores)
        mixture = tuple(encoded(one, tokenizer) for one in self.denoisers())
        return dataclasses.replace(super().resolved_for_pairs(stores), mixture=mixture)
