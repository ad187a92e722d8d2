"""Plans with two capacities: how many items the spans of a sequence have for an encoder and for a decoder."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.schema import Field, check

if TYPE_CHECKING:
    from pathlib import Path

    from pypack.plan.plan import Plan

_ROOM = Field("int", 1, 2**26)
FIELD = Field(
    "dict",
    fields={
        "input_length": _ROOM,
        "target_length": _ROOM,
        "denoisers": Field(
            "list",
            items=Field(
                "dict",
                fields={
                    "kind": Field("text"),
                    "rate": Field("number"),
                    "mean": Field("number"),
                    "mode_tokens": Field("int", 0, 1024),
                    "below": Field("int", 0, 2**32),
                },
            ),
        ),
        "ends": Field("flag"),
        "seed": Field("int", 0, 2**64 - 1),
    },
    optional=True,
)


@dataclasses.dataclass(frozen=True)
class PairSize:
    """What decides how many items the tokens of a span become on either side.

    Attributes:
        denoisers: of each: "kind" ("spans" or "prefix"), "rate", "mean" (of "spans"), "mode_tokens" in front
            of the inputs, and "below", the chance * 2^32 of it and all before it.
        ends: whether each side has an end token.
        seed: of what is drawn for a piece of a document: its denoiser, and the length of its prefix.
    """

    denoisers: tuple[Mapping[str, Any], ...]
    ends: bool
    seed: int

    @cached_property
    def kernel(self) -> _core.PairSizes:
        """What counts.

        Raises:
            ValueError: a number is out of its range.
        """
        names = ("kind", "rate", "mean", "mode_tokens", "below")
        fields = [tuple(one[name] for name in names) for one in self.denoisers]
        return _core.PairSizes(fields, self.ends, self.seed)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "kernel"}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which `PairSize.of` takes."""
        return {"denoisers": [dict(one) for one in self.denoisers], "ends": self.ends, "seed": self.seed}


@dataclasses.dataclass(frozen=True)
class Sides:
    """Both capacities of the sequences of a plan.

    Attributes:
        input_length: items of a sequence for the encoder.
        target_length: and for the decoder.
        size: how many of both a span has.
    """

    input_length: int
    target_length: int
    size: PairSize

    def items(self, plan: Plan) -> NDArray[np.int64]:
        """int64 [S, 2]: inputs and targets of every sequence of a plan."""
        spans = self.size.kernel.of(plan.span_document, plan.span_start, plan.span_length)
        sums = np.zeros((len(spans) + 1, 2), np.int64)
        np.cumsum(spans, axis=0, out=sums[1:])
        found: NDArray[np.int64] = np.diff(sums[plan.sequence_offsets], axis=0)
        return found

    def prove(self, plan: Plan) -> None:
        """Raises ValueError unless every sequence has room for its spans on both sides."""
        items = self.items(plan)
        over = np.flatnonzero((items > (self.input_length, self.target_length)).any(axis=1))
        if len(over):
            first = int(over[0])
            raise ValueError(
                f"sequence {first} has {items[first, 0]} inputs and {items[first, 1]} targets, the plan room "
                f"for {self.input_length} and {self.target_length}"
            )
        capacity = self.input_length + self.target_length
        wrong = np.flatnonzero(plan.sequence_capacity != capacity)
        if len(wrong):
            first = int(wrong[0])
            raise ValueError(
                f"sequence {first} has the capacity {plan.sequence_capacity[first]}, both sides together "
                f"have {capacity}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The field "sides" of plan.json."""
        return {
            "input_length": self.input_length,
            "target_length": self.target_length,
            **self.size.to_dict(),
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Sides:
        """From what `to_dict` gave."""
        size = PairSize(tuple(values["denoisers"]), values["ends"], values["seed"])
        return cls(values["input_length"], values["target_length"], size)


def read_sides(directory: Path, header: Mapping[str, Any]) -> Sides | None:
    """The field "sides" of plan.json; None where it is missing.

    Raises:
        ValueError: it is no such field, or the header does not require it of its reader.
    """
    path = directory / "plan.json"
    told = "sides" in header
    if told != ("sides" in (header.get("requires") or ())):
        raise ValueError(f"{path}: fields 'sides' and 'requires' do not agree")
    if not told:
        return None
    check(header["sides"], FIELD, str(path), "sides")
    sides = Sides.of(header["sides"])
    try:
        if not all(math.isfinite(float(one["mean"])) for one in sides.size.denoisers):
            raise ValueError("a mean is no finite number")
        _ = sides.size.kernel
    except ValueError as error:
        raise ValueError(f"{path}: field 'sides': {error}; make the plan again") from error
    return sides
