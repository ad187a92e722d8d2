"""Phase: a stretch of a run with one mixture, one set of row lengths and one batch size."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args

from pypack._common.arguments import (
    check_choice,
    make_whole,
    plain_by_length,
    plain_number,
    plain_shares,
    whole_number,
)
from pypack.schedule.choices import Curriculum, OnLimit, Sampler, WeightsBy, plain_curriculum, plain_weights
from pypack.schedule.records import hashable, known_fields, plain_record
from pypack.schedule.shape_cycle import ShapeCycle


@dataclasses.dataclass(frozen=True)
class Phase:
    """A stretch of a run with one mixture, one set of row lengths and one batch size.

    Attributes:
        tokens: how long it is, in tokens of the global batches, padding included; or
        steps: in steps; or
        fraction: as a part of the schedule's `total_tokens` or `total_steps`.
        weights: share of each source; they are normalized. Sources that are not named have none. None: by the
            tokens of the sources. Weights are rounded to millionths; what is drawn then follows them within
            one sequence at every step.
        weights_end: where given, the weights run linearly from `weights` at the start to these at the end.
        weights_by: "tokens" or "sequences", what the weights are shares of.
        max_epochs: for the sources named: the most passes over it in the whole run up to the end of this
            phase; may be fractional.
        on_limit: what happens when a source has reached its max_epochs: "renormalize" shares its weight among
            the others (where none is left, the run ends), "stop" ends the run, "error" refuses the schedule.
            `Loader.num_steps` and `preview` tell where it ends.
        sequence_length: the row length, of which the sources' plans must have sequences; None: all lengths of
            the sources.
        batch_tokens: the global batch of this phase; None: the loader's.
        batch_sequences: or the rows of the global batch.
        curriculum: order of the lengths, where there are several. "natural": every order is as likely as any
            other. "uniform", "grow-linear", "grow-p2", "grow-p100", "shrink-p100": drawn without replacement
            with odds 1 : 1 : ..., n : ... : 2 : 1, 2^(n-1) : ... : 1, 100^(n-1) : ... : 1 and its inverse,
            shortest length first (Dataset Decomposition, arXiv 2405.13226, section 3). Or the odds
            themselves, by length.
        cycles: how often the curriculum starts again, each time with an equal part of every length.
        sampler: "sample", the paper's random draws; or "subcycle", OLMo-core's division of every cycle into
            sub-cycles.
        length_shares: share of the steps for each length; None: as the tokens of the weighted sources are.
        longest_first: begin with a step of the longest length, so that memory runs out early if it does.
        shapes: instead of a curriculum, row lengths in the cycles of Multigrid.
    """

    tokens: float | None = None
    steps: int | None = None
    fraction: float | None = None
    weights: Mapping[str, float] | None = None
    weights_end: Mapping[str, float] | None = None
    weights_by: WeightsBy = "tokens"
    max_epochs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    on_limit: OnLimit = "renormalize"
    sequence_length: int | None = None
    batch_tokens: int | None = None
    batch_sequences: int | None = None
    curriculum: Curriculum | Mapping[int, float] = "natural"
    cycles: int = 1
    sampler: Sampler = "sample"
    length_shares: Mapping[int, float] | None = None
    longest_first: bool = False
    shapes: ShapeCycle | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without what stands at its default."""
        return plain_record(self)

    def __hash__(self) -> int:
        return hash(hashable(self))

    def ramped(self, start: int, increments: int, tokens: float) -> list[Phase]:
        """The phase with a batch that grows at its begin, as phases one after another: `Schedule([
        *phase.ramped(...), ...])`.

        Args:
            start: size of the first batches, in the unit of the phase's own batch_tokens or batch_sequences.
            increments: equal steps in which the batch grows to its size; each lasts for an equal part of
            tokens: the first so many tokens of the phase.

        Raises:
            ValueError: the phase has no tokens or no batch size of its own, changes its weights, or the sizes
                do not go up in whole numbers.
        """
        unit = "batch_tokens" if self.batch_tokens is not None else "batch_sequences"
        size = getattr(self, unit)
        if self.tokens is None or size is None or self.weights_end is not None:
            raise ValueError(
                "a phase whose batch grows needs tokens, a batch size of its own, and no weights_end"
            )
        start, increments = whole_number("start", start), whole_number("increments", increments)
        tokens = plain_number("tokens", tokens)
        if not 0 < start < size or increments < 1 or (size - start) % increments:
            raise ValueError(f"{unit} cannot grow from {start} to {size} in {increments} whole increments")
        if not 0 < tokens < self.tokens:
            raise ValueError(
                f"the batch must grow within the {self.tokens} tokens of the phase, got {tokens}"
            )
        sizes = range(start, size, (size - start) // increments)
        part = dataclasses.replace(self, tokens=tokens / increments)
        growing = [
            dataclasses.replace(part, batch_tokens=one)
            if unit == "batch_tokens"
            else dataclasses.replace(part, batch_sequences=one)
            for one in sizes
        ]
        return [*growing, dataclasses.replace(self, tokens=self.tokens - tokens)]

    def __post_init__(self) -> None:
        shapes: Any = self.shapes
        if isinstance(shapes, Mapping):  # of a configuration
            object.__setattr__(self, "shapes", ShapeCycle(**known_fields(ShapeCycle, shapes)))
        if sum(size is not None for size in (self.tokens, self.steps, self.fraction)) != 1:
            raise ValueError("a phase needs one of tokens, steps and fraction")
        make_whole(self, "steps", "sequence_length", "batch_tokens", "batch_sequences", "cycles")
        for name in ("tokens", "fraction"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, plain_number(f"{name} of a phase", value))
        for name in ("tokens", "steps", "fraction"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} of a phase must be positive, got {value}")
        object.__setattr__(self, "longest_first", bool(self.longest_first))
        if self.batch_tokens is not None and self.batch_sequences is not None:
            raise ValueError("a phase takes batch_tokens or batch_sequences, not both")
        if self.weights_end is not None and self.weights is None:
            raise ValueError("weights_end needs weights to start from")
        for name in ("weights", "weights_end"):
            if (weights := getattr(self, name)) is not None:
                object.__setattr__(self, name, plain_weights(weights))
        check_choice("weights_by", self.weights_by, get_args(WeightsBy))
        check_choice("on_limit", self.on_limit, get_args(OnLimit))
        check_choice("sampler", self.sampler, get_args(Sampler))
        object.__setattr__(self, "curriculum", plain_curriculum(self.curriculum, self.cycles))
        if self.length_shares is not None:
            shares = plain_by_length("length_shares", self.length_shares)
            if not shares or min(shares.values()) < 0 or not sum(shares.values()) > 0:
                raise ValueError(f"length_shares must be from 0 up, and not all 0, got {shares}")
            object.__setattr__(self, "length_shares", shares)
        object.__setattr__(self, "max_epochs", plain_shares("max_epochs", self.max_epochs))
        for name, epochs in self.max_epochs.items():
            if not epochs > 0:
                raise ValueError(f"max_epochs of {name!r} must be positive, got {epochs}")


def phase_of(values: Mapping[str, Any]) -> Phase:
    """The phase of `Phase.to_dict`."""
    known = known_fields(Phase, values)
    if isinstance(known.get("shapes"), Mapping):
        known["shapes"] = ShapeCycle(**known_fields(ShapeCycle, known["shapes"]))
    return Phase(**known)
