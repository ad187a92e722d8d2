"""Where a loader goes on with a state."""

from __future__ import annotations

from typing import NamedTuple

from pypack.schedule.epoch_order import Resumed
from pypack.schedule.weight_log import WeightLog


class Taken(NamedTuple):
    """A step, the changes of weights, and the row that the step begins with, where no plain step does."""

    step: int
    log: WeightLog
    resumed: Resumed | None = None
