"""What the order of a loader depends on, besides its sources: who makes it the same gets the same batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import check_choice, make_whole
from pypack.loader.state import sources_digest
from pypack.schedule.epoch_order import EpochOrder
from pypack.schedule.schedule import Schedule, check_curriculum
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.schedule.weight_log import WeightLog
from pypack.source.source import Source


@dataclasses.dataclass(frozen=True)
class OrderOptions:
    """The arguments of `Loader` of the same names, checked.

    Raises:
        ValueError: one is out of its range, or does not go with another.
    """

    schedule: Schedule | None
    batch_tokens: int | None
    batch_sequences: int | None
    seed: int
    epochs: int | None
    tail: str
    curriculum: str | Mapping[int, float]
    cycles: int
    locality: int

    def __post_init__(self) -> None:
        make_whole(self, "batch_tokens", "batch_sequences", "seed", "epochs", "cycles", "locality")
        check_curriculum(self.curriculum, self.cycles)
        if self.locality < 0:
            raise ValueError(f"locality must be at least 0, got {self.locality}")
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, or None for no end, got {self.epochs}")
        check_choice("tail", self.tail, ("pad", "drop"))
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1, got {self.seed}")
        if self.schedule is not None and self.epochs is not None:
            raise ValueError(
                "epochs is for a loader without schedule; a schedule limits its sources by max_epochs"
            )

    def order(self, sources: Mapping[str, Source], log: WeightLog) -> EpochOrder | ScheduleOrder:
        """The steps of a loader with these sources, after these changes of weights."""
        size: dict[str, Any] = {"batch_tokens": self.batch_tokens, "batch_sequences": self.batch_sequences}
        if self.schedule is not None:
            return ScheduleOrder(sources, self.schedule, seed=self.seed, log=log, **size)
        if log.events:
            raise ValueError("changes of weights need a loader with a schedule")
        if len(sources) > 1:
            raise ValueError(f"{len(sources)} sources need a schedule, which says how they are mixed")
        ((name, source),) = sources.items()
        return EpochOrder(
            name,
            source,
            seed=self.seed,
            epochs=self.epochs,
            tail=self.tail,
            curriculum=self.curriculum,
            cycles=self.cycles,
            **size,
        )

    def to_dict(self, sources: Mapping[str, Source]) -> dict[str, Any]:
        """What a state records of it, to tell other orders by; `epochs` only says where it ends."""
        names = ["seed", "locality"]
        names += [name for name in ("batch_tokens", "batch_sequences") if getattr(self, name) is not None]
        described: dict[str, Any] = {"sources": sources_digest(sources)}
        if self.schedule is not None:
            described["schedule"] = self.schedule.fingerprint
        else:
            names += ["tail", "curriculum", "cycles"]
        return described | {name: getattr(self, name) for name in names}
