"""PairObjective: spans become inputs of an encoder and targets of a decoder."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.objectives.denoisers import Denoiser, mode_ids, sized
from pypack.objectives.objective import Objective
from pypack.objectives.vocabulary import check_distinct, end_id, ids_of, sentinel_ids, start_id, tokenizer_of
from pypack.plan.plan import PairSize
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    from typing_extensions import Self


class PairObjective(Objective):
    """An objective whose batches have two sides, for a plan that `pack_pairs` has packed for it.

    Of the fields of such a batch `input_ids`, `position_ids` and `segment_ids` are the encoder's; `labels`,
    and `loss_mask` with it, are what the decoder is to say at their own place, -100 at padding and where a
    source's masks say that a token is not to be learned. The batch has besides `decoder_input_ids` (the
    labels one place later, begun with the start token), `decoder_position_ids` and `decoder_segment_ids`.
    Span i of a row is segment i on both sides: a decoder attends to the inputs of its own segment.
    """

    has_pairs: ClassVar[bool] = True
    needs_pairs: ClassVar[bool] = True

    # Fields of its subclasses.
    ends: bool
    sentinel_ids: Any
    end_id: int | None
    start_id: int | None

    @abc.abstractmethod
    def denoisers(self) -> Sequence[Denoiser]:
        """What may become of a span."""

    @property
    def plan_seed(self) -> int:
        """Of what is drawn once for a plan."""
        return 0

    def pair_size(self) -> PairSize:
        """How many items spans have on both sides.

        Raises:
            ValueError: mode tokens are named and not known yet; `resolved` looks them up.
        """
        return PairSize(sized(self.denoisers()), self.ends, self.plan_seed)

    def resolved(self, stores: Sequence[TokenStore]) -> Self:
        return self.resolved_for_pairs(stores)

    def resolved_for_pairs(self, stores: Sequence[TokenStore]) -> Self:
        """The same with all that inputs and targets take from the stores filled in.

        Raises:
            ValueError: something is neither given nor known; the message says what to give.
        """
        tokenizer = tokenizer_of(stores)
        found: dict[str, Any] = {}
        if self.sentinel_ids is None and any(one.kind == "spans" for one in self.denoisers()):
            found["sentinel_ids"] = sentinel_ids(tokenizer)
        if self.end_id is None and self.ends:
            found["end_id"] = end_id(stores)
        if self.start_id is None:
            found["start_id"] = start_id(stores)
        return dataclasses.replace(self, **found)  # type: ignore[type-var]

    def kernel(self) -> _core.Objective:
        raise ValueError(
            f"{type(self).__name__} makes inputs and targets: give a plan of pypack.objectives.pack_pairs"
        )

    def denoising(self) -> _core.Denoising:
        """What makes both sides; of a resolved objective."""
        none: NDArray[np.uint32] = np.zeros(0, np.uint32)
        sentinels = none if self.sentinel_ids is None else self.sentinel_ids
        assert self.start_id is not None
        return _core.Denoising(
            sizes=self.pair_size().kernel,
            sentinels=sentinels.tolist(),
            modes=[list(mode_ids(one)) for one in self.denoisers()],
            end=self.end_id if self.ends and self.end_id is not None else 0,
            start=self.start_id,
        )

    def _check_ids(self) -> None:
        if self.sentinel_ids is not None:
            self._set("sentinel_ids", ids_of("sentinel_ids", self.sentinel_ids))
            check_distinct("sentinel_ids", self.sentinel_ids, "each stands for another run")
        for name in ("end_id", "start_id"):
            value = getattr(self, name)
            if value is not None:
                self._set(name, int(ids_of(name, [value])[0]))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
