"""Schedule: what each step of a run draws, by phase: how long, from which sources, in which lengths."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pypack._common.arguments import make_whole, plain_number
from pypack._common.fingerprint import text_fingerprint
from pypack._common.paths import local_path
from pypack.schedule.choices import (
    CURRICULA,
    Curriculum,
    OnLimit,
    Sampler,
    WeightsBy,
    check_curriculum,
    check_weights,
    plain_curriculum,
    plain_weights,
)
from pypack.schedule.phase import Phase, phase_of
from pypack.schedule.plain_values import check_schedule, load_yaml, read_yaml
from pypack.schedule.records import hashable, known_fields, plain_record
from pypack.schedule.shape_cycle import ShapeCycle
from pypack.schedule.skill_weights import skill_it
from pypack.schedule.temperature import temperature_weights

if TYPE_CHECKING:
    from pypack.schedule.preview import Preview
    from pypack.schedule.schedule_order import ScheduleOrder
    from pypack.source.source import Source

__all__ = [
    "CURRICULA",
    "Curriculum",
    "OnLimit",
    "Phase",
    "Sampler",
    "Schedule",
    "ShapeCycle",
    "WeightsBy",
    "check_curriculum",
    "check_weights",
    "plain_curriculum",
    "plain_weights",
    "skill_it",
    "temperature_weights",
]


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
            raise TypeError(
                f"a schedule takes a list of Phase, got {phases!r}; Schedule.from_dict takes plain values, "
                "Schedule.from_yaml a file"
            )
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
        return plain_record(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Schedule:
        """The schedule of `to_dict`.

        Raises:
            ValueError: a name is not known, or a value is out of its range.
        """
        check_schedule(values)
        return cls(**{**known_fields(cls, values), "phases": [phase_of(p) for p in values.get("phases", ())]})

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
        return hash(hashable(self))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with anything in the schedule."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return text_fingerprint(text)
