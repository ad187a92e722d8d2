"""Schedule: what each step of a run draws, by phase: how long, from which sources, in which lengths."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import (
    check_choice,
    make_whole,
    plain_by_length,
    plain_number,
    plain_shares,
    whole_number,
)
from pypack._common.fingerprint import text_fingerprint
from pypack._common.paths import local_path
from pypack.schedule.plain_values import check_schedule, load_yaml, read_yaml
from pypack.schedule.skill_weights import skill_it
from pypack.schedule.temperature import temperature_weights

if TYPE_CHECKING:
    from pypack.schedule.preview import Preview
    from pypack.schedule.schedule_order import ScheduleOrder
    from pypack.source.source import Source

__all__ = ["CURRICULA", "Phase", "Schedule", "ShapeCycle", "check_weights", "skill_it", "temperature_weights"]

Curriculum = Literal["uniform", "natural", "grow-linear", "grow-p2", "grow-p100", "shrink-p100"]
OnLimit = Literal["renormalize", "stop", "error"]
Sampler = Literal["sample", "subcycle"]
WeightsBy = Literal["tokens", "sequences"]

CURRICULA: tuple[Curriculum, ...] = get_args(Curriculum)


@dataclasses.dataclass(frozen=True)
class ShapeCycle:
    """Row lengths in cycles of two rates at a constant number of tokens a step (Multigrid, arXiv 1912.00998).

    A phase runs `long_cycles` times through `long`, each time a stretch of steps per length; within a stretch
    the lengths are, step by step, the long one divided by each of `short` in turn. `multigrid` has the
    numbers of the paper. The learning rate is scaled by the long cycle alone: `PackedBatch.rows_ratio`.

    Attributes:
        long: row lengths of the slow cycle.
        short: divisors of the fast cycle; or such divisors for each of the long lengths.
        long_cycles: how often the slow cycle runs in the phase.
    """

    long: Sequence[int]
    short: Sequence[int] | Sequence[Sequence[int]] = (4, 2, 1)
    long_cycles: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "long", _whole_numbers("long", self.long))
        object.__setattr__(self, "short", _divisors(self.short))
        make_whole(self, "long_cycles")
        if not self.long or not self.short or self.long_cycles < 1:
            raise ValueError("a ShapeCycle needs lengths, divisors, and at least one long cycle")
        if any(isinstance(one, tuple) for one in self.short) and len(self.short) != len(self.long):
            raise ValueError(
                f"a ShapeCycle of {len(self.long)} long lengths has divisors for {len(self.short)} of them"
            )
        for length, divisors in zip(self.long, self._short_of_each, strict=True):
            for divisor in divisors:
                if length < 1 or divisor < 1 or length % divisor:
                    raise ValueError(f"the length {length} is not divisible by {divisor}")

    @classmethod
    def multigrid(cls, length: int, long_cycles: int = 1) -> ShapeCycle:
        """The cycles of the paper's table for a full length: batches of [16, 8, 8], [8, 4, 4], [8, 4, 2] and
        [4, 2, 1] times the rows of the full length.

        Args:
            length: row length at the end, a multiple of 16.
            long_cycles: as for `ShapeCycle`.
        """
        length = whole_number("length", length)
        long = [length // 8, length // 4, length // 2, length]
        if length < 16 or length % 16:
            raise ValueError(f"length must be a multiple of 16, got {length}")
        return cls(long, [(2, 1, 1), (2, 1, 1), (4, 2, 1), (4, 2, 1)], long_cycles)

    @property
    def _short_of_each(self) -> list[tuple[int, ...]]:
        """The divisors of each long length."""
        each = [one for one in self.short if isinstance(one, tuple)]
        return each or [tuple(one for one in self.short if isinstance(one, int))] * len(self.long)

    @property
    def lengths(self) -> list[int]:
        """All row lengths, rising."""
        pairs = zip(self.long, self._short_of_each, strict=True)
        return sorted({length // divisor for length, divisors in pairs for divisor in divisors})

    def long_lengths_of_steps(self, num_steps: int) -> NDArray[np.int64]:
        """The length of the slow cycle at every step of a phase, int64 [num_steps]."""
        lengths: NDArray[np.int64] = np.array(self.long)[self._long_of_steps(num_steps)]
        return lengths

    def _long_of_steps(self, num_steps: int) -> NDArray[np.int64]:
        stretches = np.arange(num_steps) * (len(self.long) * self.long_cycles) // num_steps
        return stretches % len(self.long)

    def lengths_of_steps(self, num_steps: int) -> NDArray[np.int64]:
        """The row length of every step of a phase, int64 [num_steps]."""
        steps, chosen = np.arange(num_steps), self._long_of_steps(num_steps)
        lengths = np.array(self.long)[chosen]
        for number, divisors in enumerate(self._short_of_each):
            mine = chosen == number
            lengths[mine] //= np.array(divisors)[steps[mine] % len(divisors)]
        return lengths


def _whole_numbers(name: str, values: Sequence[int]) -> tuple[int, ...]:
    return tuple(whole_number(f"{name} of a ShapeCycle", value) for value in values)


def _divisors(short: Sequence[int] | Sequence[Sequence[int]]) -> tuple[int | tuple[int, ...], ...]:
    each: list[Any] = list(short)
    of_each = [one for one in each if isinstance(one, Sequence) or getattr(one, "ndim", 0) > 0]
    if not of_each:
        return _whole_numbers("short", each)
    if len(of_each) != len(each) or not all(len(one) for one in of_each):
        raise ValueError("short of a ShapeCycle is divisors, or divisors for each long length")
    return tuple(_whole_numbers("short", one) for one in of_each)


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
        return _plain(self)

    def __hash__(self) -> int:
        return hash(_hashable(self))

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
            object.__setattr__(self, "shapes", ShapeCycle(**_known(ShapeCycle, shapes)))
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


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Phases, one after another.

    Attributes:
        phases: the phases.
        total_tokens: what the `fraction` of a phase is part of; or
        total_steps: the same in steps.
    """

    phases: Sequence[Phase]
    total_tokens: float | None = None
    total_steps: int | None = None

    def __post_init__(self) -> None:
        phases = self.phases
        if not isinstance(phases, Sequence) or not all(isinstance(phase, Phase) for phase in phases):
            raise TypeError(f"a schedule takes a list of Phase, got {phases!r}; from_dict takes plain values")
        object.__setattr__(self, "phases", tuple(phases))
        make_whole(self, "total_steps")
        if self.total_tokens is not None:
            object.__setattr__(self, "total_tokens", plain_number("total_tokens", self.total_tokens))
        for name in ("total_tokens", "total_steps"):
            if (total := getattr(self, name)) is not None and not total > 0:
                raise ValueError(f"{name} of a schedule must be positive, got {total}")
        if not self.phases:
            raise ValueError("a schedule needs at least one phase")
        if self.total_tokens is not None and self.total_steps is not None:
            raise ValueError("a schedule takes total_tokens or total_steps, not both")
        whole = self.total_tokens is not None or self.total_steps is not None
        for i, phase in enumerate(self.phases):
            if phase.fraction is not None and not whole:
                raise ValueError(
                    f"phase {i} has a fraction, so the schedule needs total_tokens or total_steps"
                )
        parts = sum(phase.fraction or 0 for phase in self.phases)
        if parts > 1 + 1e-9:
            raise ValueError(f"the fractions of the phases add up to {parts:g}, more than the whole run")

    def preview(
        self,
        sources: Mapping[str, Source],
        *,
        batch_tokens: int | None = None,
        batch_sequences: int | None = None,
    ) -> Preview:
        """What a run over these sources would draw, phase by phase; `print` shows it as a table.

        Args:
            sources: by the names that the weights use.
            batch_tokens: size of the global batch, as for `Loader`; or
            batch_sequences: in sequences. Neither where every phase has its own.

        Raises:
            ValueError: the schedule does not fit the sources; the message names the phase.
        """
        from pypack.schedule.preview import make_preview

        return make_preview(self._order(sources, batch_tokens, batch_sequences), sources)

    def plot(
        self,
        path: str | os.PathLike[str],
        sources: Mapping[str, Source],
        *,
        batch_tokens: int | None = None,
        batch_sequences: int | None = None,
    ) -> None:
        """Draws the shares of sources and row lengths over the steps into an image file (needs matplotlib).

        Arguments and errors are those of `preview`: how many steps a phase has, and which lengths, only the
        sources tell.
        """
        from pypack.schedule.plot import plot_order

        plot_order(self._order(sources, batch_tokens, batch_sequences), path)

    def _order(
        self, sources: Mapping[str, Source], batch_tokens: int | None, batch_sequences: int | None
    ) -> ScheduleOrder:
        from pypack.schedule.schedule_order import ScheduleOrder

        return ScheduleOrder(
            sources, self, batch_tokens=batch_tokens, batch_sequences=batch_sequences, seed=0
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without what stands at its default; `from_dict` reads them back."""
        return _plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Schedule:
        """The schedule of `to_dict`.

        Raises:
            ValueError: a name is not known, or a value is out of its range.
        """
        check_schedule(values)
        return cls(**{**_known(cls, values), "phases": [_phase(p) for p in values.get("phases", ())]})

    def to_yaml(self) -> str:
        """The schedule as YAML (needs the package `pyyaml`)."""
        import yaml

        text: str = yaml.safe_dump(self.to_dict(), sort_keys=False)
        return text

    @classmethod
    def from_yaml(cls, source: str | os.PathLike[str]) -> Schedule:
        """Reads a schedule from a YAML file, or from YAML text (which holds a line break). Needs `pyyaml`.

        Raises:
            ValueError: the text is no YAML mapping, or `from_dict` refuses it.
            FileNotFoundError: there is no such file.
        """
        if isinstance(source, str) and "\n" in source:
            values = load_yaml(source, "the schedule")
        else:
            try:
                values = read_yaml(local_path(source))
            except FileNotFoundError as error:
                raise FileNotFoundError(
                    f"{os.fspath(source)}: there is no such file (YAML text must hold a line break)"
                ) from error
        if not isinstance(values, dict):
            raise ValueError(f"a schedule must be a mapping with 'phases', got {type(values).__name__}")
        return cls.from_dict(values)

    def __hash__(self) -> int:
        return hash(_hashable(self))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with anything in the schedule."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return text_fingerprint(text)


def plain_curriculum(
    curriculum: Curriculum | Mapping[int, float], cycles: int
) -> Curriculum | dict[int, int | float]:
    """A curriculum whose odds, if it is odds, are plain numbers by length.

    Raises:
        ValueError: it is neither one of `CURRICULA` nor odds, or there are no cycles of it.
    """
    check_curriculum(curriculum, cycles)
    return plain_by_length("curriculum", curriculum) if isinstance(curriculum, Mapping) else curriculum


def check_curriculum(curriculum: Curriculum | Mapping[int, float], cycles: int) -> None:
    """Raises ValueError unless the curriculum is one of `CURRICULA`, or odds, and there are cycles of it."""
    if not isinstance(curriculum, Mapping):
        check_choice("curriculum", curriculum, CURRICULA)
    else:
        odds = plain_by_length("curriculum", curriculum)
        if not odds or not min(odds.values()) > 0:
            raise ValueError(f"the odds of a curriculum must be positive, got {dict(curriculum)}")
    if cycles < 1:
        raise ValueError(f"cycles must be at least 1, got {cycles}")


def check_weights(weights: Mapping[str, float]) -> None:
    """Raises ValueError unless the weights are numbers from 0 up, and not all 0."""
    plain_weights(weights)


def plain_weights(weights: Mapping[str, float]) -> dict[str, int | float]:
    """Weights as plain numbers.

    Raises:
        ValueError: one is no number from 0 up, or all are 0.
    """
    if not isinstance(weights, Mapping):
        raise ValueError(f"weights must be numbers by the names of sources, got {weights!r}")
    try:
        plain = plain_shares("the weight", weights)
    except ValueError as error:
        raise ValueError(f"{error}; a weight must be from 0 up") from None
    for name, weight in plain.items():
        if weight < 0:
            raise ValueError(f"the weight of {name!r} must be from 0 up, got {weight}")
    if not 0 < sum(plain.values()) < float("inf"):
        raise ValueError(f"weights must not all be 0, nor too large to add up, got {plain}")
    return plain


def _plain(record: Schedule | Phase | ShapeCycle) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if value == default:
            continue
        if field.name == "phases":
            value = [_plain(phase) for phase in value]
        elif isinstance(value, ShapeCycle):
            value = _plain(value)
        elif isinstance(value, Mapping):
            value = dict(value)  # keys by length stay whole numbers: `from_dict` takes JSON's strings, too
        elif isinstance(value, tuple):
            value = [list(one) if isinstance(one, tuple) else one for one in value]
        out[field.name] = value
    return out


def _hashable(value: Any) -> Any:
    """A value as one that can be hashed; equal ones give equal ones."""
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(one)) for key, one in value.items())
    if isinstance(value, Schedule | Phase | ShapeCycle):
        return tuple(_hashable(getattr(value, field.name)) for field in dataclasses.fields(value))
    return tuple(map(_hashable, value)) if isinstance(value, tuple | list) else value


def _known(record: type, values: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(record)]
    for name in values:
        if name not in names:
            raise ValueError(f"{record.__name__} has no field {name!r}; its fields: {', '.join(names)}")
    return dict(values)


def _phase(values: Mapping[str, Any]) -> Phase:
    known = _known(Phase, values)
    if isinstance(known.get("shapes"), Mapping):
        known["shapes"] = ShapeCycle(**_known(ShapeCycle, known["shapes"]))
    return Phase(**known)
