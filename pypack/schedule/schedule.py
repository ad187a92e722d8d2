"""Schedule: what each step of a run draws, by phase: how long, from which sources, in which lengths."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import check_choice, make_whole
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

CURRICULA = ("uniform", "natural", "grow-linear", "grow-p2", "grow-p100", "shrink-p100")
_ON_LIMIT = ("renormalize", "stop", "error")
_SAMPLERS = ("sample", "subcycle")


@dataclasses.dataclass(frozen=True)
class ShapeCycle:
    """Row lengths in cycles of two rates at a constant number of tokens a step (Multigrid, arXiv 1912.00998).

    A phase runs `long_cycles` times through `long`, each time a stretch of steps per length; within a stretch
    the lengths are, step by step, the long one divided by each of `short` in turn.

    Attributes:
        long: row lengths of the slow cycle.
        short: divisors of the fast cycle.
        long_cycles: how often the slow cycle runs in the phase.
    """

    long: Sequence[int]
    short: Sequence[int] = (4, 2, 1)
    long_cycles: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "long", tuple(self.long))
        object.__setattr__(self, "short", tuple(self.short))
        if not self.long or not self.short or self.long_cycles < 1:
            raise ValueError("a ShapeCycle needs lengths, divisors, and at least one long cycle")
        for length in self.long:
            for divisor in self.short:
                if divisor < 1 or length % divisor:
                    raise ValueError(f"the length {length} is not divisible by {divisor}")

    @property
    def lengths(self) -> list[int]:
        """All row lengths, rising."""
        return sorted({length // divisor for length in self.long for divisor in self.short})

    def lengths_of_steps(self, num_steps: int) -> NDArray[np.int64]:
        """The row length of every step of a phase, int64 [num_steps]."""
        steps = np.arange(num_steps)
        stretches = steps * (len(self.long) * self.long_cycles) // num_steps
        long, short = np.array(self.long), np.array(self.short)
        lengths: NDArray[np.int64] = long[stretches % len(long)] // short[steps % len(short)]
        return lengths


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
    weights_by: str = "tokens"
    max_epochs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    on_limit: str = "renormalize"
    sequence_length: int | None = None
    batch_tokens: int | None = None
    batch_sequences: int | None = None
    curriculum: str | Mapping[int, float] = "natural"
    cycles: int = 1
    sampler: str = "sample"
    length_shares: Mapping[int, float] | None = None
    longest_first: bool = False
    shapes: ShapeCycle | None = None

    def __post_init__(self) -> None:
        if sum(size is not None for size in (self.tokens, self.steps, self.fraction)) != 1:
            raise ValueError("a phase needs one of tokens, steps and fraction")
        make_whole(self, "steps", "sequence_length", "batch_tokens", "batch_sequences", "cycles")
        for name in ("tokens", "steps", "fraction"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} of a phase must be positive, got {value}")
        if self.batch_tokens is not None and self.batch_sequences is not None:
            raise ValueError("a phase takes batch_tokens or batch_sequences, not both")
        if self.weights_end is not None and self.weights is None:
            raise ValueError("weights_end needs weights to start from")
        for weights in (self.weights, self.weights_end):
            if weights is not None:
                check_weights(weights)
        check_choice("weights_by", self.weights_by, ("tokens", "sequences"))
        check_choice("on_limit", self.on_limit, _ON_LIMIT)
        check_choice("sampler", self.sampler, _SAMPLERS)
        check_curriculum(self.curriculum, self.cycles)
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

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with anything in the schedule."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return text_fingerprint(text)


def check_curriculum(curriculum: str | Mapping[int, float], cycles: int) -> None:
    """Raises ValueError unless the curriculum is one of `CURRICULA`, or odds, and there are cycles of it."""
    if not isinstance(curriculum, Mapping):
        check_choice("curriculum", curriculum, CURRICULA)
    elif not curriculum or not all(odds > 0 for odds in curriculum.values()):
        raise ValueError(f"the odds of a curriculum must be positive, got {dict(curriculum)}")
    if cycles < 1:
        raise ValueError(f"cycles must be at least 1, got {cycles}")


def check_weights(weights: Mapping[str, float]) -> None:
    """Raises ValueError unless the weights are numbers from 0 up, and not all 0."""
    for name, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of {name!r} must be from 0 up, got {weight}")
    if not sum(weights.values()) > 0:
        raise ValueError(f"weights must not all be 0, got {dict(weights)}")


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
            value = dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        out[field.name] = value
    return out


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
