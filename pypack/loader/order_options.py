"""What the order of a loader depends on, besides its sources: who makes it the same gets the same batches."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import check_choice, make_whole, whole_number
from pypack.loader.ranks import Ranks
from pypack.loader.state import sources_digest
from pypack.schedule.epoch_order import EpochOrder, Resumed
from pypack.schedule.schedule import Curriculum, Schedule, plain_curriculum
from pypack.schedule.schedule_order import GrownSources, ScheduleOrder
from pypack.schedule.tails import TAILS, Tail
from pypack.schedule.weight_log import WeightLog
from pypack.source.source import Source

PLAN_ORDER = -1  # as locality: sequences come as they stand in the plan


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
    tail: Tail
    curriculum: Curriculum | Mapping[int, float]
    cycles: int
    locality: int
    shuffle: bool = True

    def __post_init__(self) -> None:
        make_whole(self, "batch_tokens", "batch_sequences", "epochs")
        for name in ("seed", "cycles", "locality"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        object.__setattr__(self, "curriculum", plain_curriculum(self.curriculum, self.cycles))
        if not isinstance(self.schedule, Schedule | None):
            raise TypeError(
                f"schedule must be a Schedule, got {self.schedule!r}; Schedule.from_dict takes plain values, "
                "Schedule.from_yaml a file"
            )
        if not 0 <= self.locality < 2**63:
            raise ValueError(f"locality must be at least 0 and below 2**63, got {self.locality}")
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, or None for no end, got {self.epochs}")
        check_choice("tail", self.tail, TAILS)
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1, got {self.seed}")
        if self.schedule is not None and self.epochs is not None:
            raise ValueError(
                "epochs is for a loader without schedule; a schedule limits its sources by max_epochs"
            )

        if not self.shuffle:
            self._check_evaluation()

    def _check_evaluation(self) -> None:
        """Raises ValueError for what needs epochs that differ, or an order of its own."""
        for name, given, plain in (
            ("schedule", self.schedule, None),
            ("epochs", self.epochs, 1),
            ("curriculum", self.curriculum, "natural"),
            ("cycles", self.cycles, 1),
            ("locality", self.locality, 0),
        ):
            if given not in (None, plain):
                raise ValueError(
                    f"{name} is for training: with shuffle=False every pass is the same epoch in the order "
                    "of the plan; leave it out"
                )
        if self.tail == "wrap":
            raise ValueError("tail='wrap' needs a next epoch, which shuffle=False has not: leave it out")

    def order(
        self,
        sources: Mapping[str, Source],
        log: WeightLog,
        resumed: Resumed | None = None,
        grown: GrownSources | None = None,
    ) -> EpochOrder | ScheduleOrder:
        """The steps of a loader with these sources, after these changes of weights, of the batch size, or of
        the stores.

        Raises:
            ValueError: several sources, or changes of weights, without a schedule; sizes, tail or schedule
                that do not fit the sources.
        """
        size: dict[str, Any] = {"batch_tokens": self.batch_tokens, "batch_sequences": self.batch_sequences}
        if self.schedule is not None:
            return ScheduleOrder(sources, self.schedule, seed=self.seed, log=log, grown=grown, **size)
        if log.events:
            raise ValueError("changes of weights need a loader with a schedule")
        if len(sources) > 1:
            raise ValueError(f"{len(sources)} sources need a schedule, which says how they are mixed")
        ((name, source),) = sources.items()
        return EpochOrder(
            name,
            source,
            seed=self.seed,
            epochs=self.epochs if self.shuffle else 1,
            tail=self.tail,
            curriculum=self.curriculum,
            cycles=self.cycles,
            shuffle=self.shuffle,
            resumed=resumed,
            **size,
        )

    def to_dict(self, sources: Mapping[str, Source]) -> dict[str, Any]:
        """What a state records of it, to tell other orders by; `epochs` only says where it ends."""
        names = ["seed", "locality"]
        names += [name for name in ("batch_tokens", "batch_sequences") if getattr(self, name) is not None]
        if not self.shuffle:
            names.append("shuffle")
        described: dict[str, Any] = {"sources": sources_digest(sources)}
        if self.schedule is not None:
            described["schedule"] = self.schedule.fingerprint
        else:
            names += ["tail", "curriculum", "cycles"]
        return described | {name: getattr(self, name) for name in names}


def evaluation_tail(options: OrderOptions, sources: Mapping[str, Source], ranks: Ranks) -> OrderOptions:
    """The options with the end of the pass dealt so that no rank needs a sequence again, if that is possible.

    Warns where it is not: sums over all ranks then count some sequences twice.
    """

    def fewest(tail: Tail) -> list[int]:
        order = dataclasses.replace(options, tail=tail).order(sources, WeightLog())
        return [rows for _, rows in order.visit_rows()]

    again = sum(max(0, ranks.world_size - rows) for rows in fewest("pad"))
    if not again:
        return options
    if min(fewest("spread")) >= ranks.world_size:
        return dataclasses.replace(options, tail="spread")
    warnings.warn(
        f"the last step of the pass has fewer sequences than the {ranks.world_size} ranks: {again} are given "
        f"to two ranks. With global batches of at least {2 * ranks.world_size} sequences every one is given "
        "once",
        stacklevel=3,
    )
    return options
