"""PrefixLM: the first tokens of a span are read at once, the rest are foretold."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pypack import _core
from pypack._common.arguments import number_within
from pypack.objectives.denoisers import Denoiser
from pypack.objectives.pair_objective import PairObjective
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclasses.dataclass(frozen=True, eq=False)
class PrefixLM(PairObjective):
    """Prefix language modelling: a span's prefix is any number of its tokens, as T5 draws it.

    With a plan of `pypack.pack` a batch has one side: labels are -100 in the prefix, and `prefix_mask`
    (int32, of the shape of `input_ids`) is 1 there: those tokens are to be seen by all of their span, the
    others by those behind them. The prefix is drawn anew in every epoch.

    With a plan of `pack_pairs` the prefix is what an encoder reads, and the rest what a decoder says. Its
    length is then drawn when the plan is packed, and the same in every epoch.

    Args:
        rate: how many of the tokens are foretold, on average, at most 0.5: a prefix has from
            round((1 - 2 * rate) * (length - 1)) tokens, at least 1, up to all but one.
        seed: of what a plan of `pack_pairs` draws.
        ends: of both sides, as for `SpanCorruption`, like the rest.
        end_id: end of both sides.
        start_id: what a decoder is given first.

    Raises:
        ValueError: an argument is out of its range.
    """

    needs_pairs: ClassVar[bool] = False
    writes_labels: ClassVar[bool] = False

    rate: float = 0.5
    _: dataclasses.KW_ONLY
    seed: int = 0
    ends: bool = True
    sentinel_ids: None = None
    end_id: int | None = None
    start_id: int | None = None

    def __post_init__(self) -> None:
        self._set("rate", Denoiser("prefix", self.rate).rate)
        self._set("seed", number_within("seed", self.seed, 64, signed=False))
        self._check_ids()

    @property
    def plan_seed(self) -> int:
        return self.seed

    def denoisers(self) -> list[Denoiser]:
        return [Denoiser("prefix", self.rate)]

    def resolved(self, stores: Sequence[TokenStore]) -> Self:
        return self  # what pairs need besides is looked up for them

    def kernel(self) -> _core.Objective:
        return _core.prefix_targets(rate=self.rate)
