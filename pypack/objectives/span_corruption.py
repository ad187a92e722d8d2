"""SpanCorruption: runs of tokens are left out of an encoder's inputs, and a decoder says them, as of T5."""

from __future__ import annotations

import dataclasses

from numpy.typing import ArrayLike

from pypack.objectives.denoisers import Denoiser
from pypack.objectives.pair_objective import PairObjective


@dataclasses.dataclass(frozen=True, eq=False)
class SpanCorruption(PairObjective):
    """T5's span corruption (`random_spans_noise_mask`): as many tokens and runs are left out of a span as T5
    counts, and among all such masks that begin with a kept token each is equally likely.

    Args:
        rate: how many of the tokens are left out.
        mean: tokens of a run, on average.
        ends: inputs and targets end with the end token, as T5 appends it.
        sentinel_ids: of the first, second, ... run; None: those of <extra_id_0>, <extra_id_1>, ... in the
            store's tokenizer.
        end_id: None: the store's end of a document.
        start_id: what a decoder is given first; None: the store's padding id, as T5 has it.

    Raises:
        ValueError: an argument is out of its range.
    """

    rate: float = 0.15
    mean: float = 3.0
    _: dataclasses.KW_ONLY
    ends: bool = True
    sentinel_ids: ArrayLike | None = None
    end_id: int | None = None
    start_id: int | None = None

    def __post_init__(self) -> None:
        one = Denoiser("spans", self.rate, self.mean)
        self._set("rate", one.rate)
        self._set("mean", one.mean)
        self._check_ids()

    def denoisers(self) -> list[Denoiser]:
        return [Denoiser("spans", self.rate, self.mean)]
