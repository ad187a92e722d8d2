"""Denoisers: what may become of a span that is made into inputs and targets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pypack._common.arguments import check_choice, plain_number
from pypack.objectives.vocabulary import ids_of
from pypack.tokenizer.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Denoiser:
    """One of the ways in which an objective makes inputs and targets.

    Args:
        kind: "spans": runs of tokens are left out of the inputs, and a sentinel stands for each; the targets
            are the sentinels, each followed by its run. "prefix": the first tokens are the inputs, the rest
            the targets.
        rate: how many of the tokens become targets, on average; of "prefix" at most 0.5.
        mean: of "spans": tokens of a run, on average.
        mode: what stands in front of the inputs: a text, which the store's tokenizer encodes, or ids.
        weight: how often it is drawn, beside the others.

    Raises:
        ValueError: a number is out of its range.
    """

    kind: Literal["spans", "prefix"] = "spans"
    rate: float = 0.15
    mean: float = 3.0
    mode: str | tuple[int, ...] = ()
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, ("spans", "prefix"))
        for name in ("rate", "mean", "weight"):
            object.__setattr__(self, name, float(plain_number(name, getattr(self, name))))
        most = 0.5 if self.kind == "prefix" else 1
        if not 0 < self.rate <= most:
            raise ValueError(f"rate of {self.kind!r} must be above 0 and at most {most}, got {self.rate}")
        if self.mean < 1:
            raise ValueError(f"mean is tokens of a run, at least 1, got {self.mean}")
        if self.weight < 0:
            raise ValueError(f"weight must not be negative, got {self.weight}")
        if not isinstance(self.mode, str):
            object.__setattr__(self, "mode", tuple(int(i) for i in ids_of("mode", list(self.mode))))

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return dataclasses.asdict(self) | {
            "mode": self.mode if isinstance(self.mode, str) else list(self.mode)
        }


def mode_ids(denoiser: Denoiser) -> tuple[int, ...]:
    """The ids in front of its inputs.

    Raises:
        ValueError: the mode is a text that nothing has encoded yet.
    """
    if isinstance(denoiser.mode, str):
        if not denoiser.mode:
            return ()
        raise ValueError(
            f"mode={denoiser.mode!r} is a text: give pack_pairs the store, whose tokenizer encodes it, or "
            "give its ids"
        )
    return denoiser.mode


def encoded(denoiser: Denoiser, tokenizer: Tokenizer | None) -> Denoiser:
    """The same with the ids of its mode.

    Raises:
        ValueError: it is a text, and no tokenizer is known.
    """
    if not isinstance(denoiser.mode, str):
        return denoiser
    if denoiser.mode and tokenizer is None:
        raise ValueError(
            f"no store holds its tokenizer, which encodes mode={denoiser.mode!r}: give the ids instead"
        )
    ids: Sequence[int] = ()
    if denoiser.mode:
        assert tokenizer is not None
        known = tokenizer.token_to_id(denoiser.mode)
        ids = [known] if known is not None else tokenizer.encode(denoiser.mode).tolist()
    return dataclasses.replace(denoiser, mode=tuple(ids))


def sized(denoisers: Sequence[Denoiser]) -> tuple[Mapping[str, Any], ...]:
    """What a plan keeps of denoisers: all that decides sizes. Weights as chances * 2^32 of all up to each."""
    total = math.fsum(one.weight for one in denoisers)
    if not total > 0:
        raise ValueError("the weights of all denoisers are 0")
    below = [
        round(math.fsum(one.weight for one in denoisers[: i + 1]) / total * 2**32)
        for i in range(len(denoisers))
    ]
    below[-1] = 2**32
    return tuple(
        {
            "kind": one.kind,
            "rate": one.rate,
            "mean": one.mean,
            "mode_tokens": len(mode_ids(one)),
            "below": limit,
        }
        for one, limit in zip(denoisers, below, strict=True)
    )
