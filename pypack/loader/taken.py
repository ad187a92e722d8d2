"""Where a loader goes on with a state."""

from __future__ import annotations

from typing import NamedTuple

from pypack.schedule.epoch_order import Resumed
from pypack.schedule.schedule_order import GrownSources
from pypack.schedule.skips import Skips
from pypack.schedule.weight_log import WeightLog


class Taken(NamedTuple):
    """A step, the changes of weights, the row that the step begins with, where no plain step does, what has
    grown, and what is left out of the run. The step is counted as if nothing were."""

    step: int
    log: WeightLog
    resumed: Resumed | None = None
    grown: GrownSources | None = None
    skips: Skips = Skips()
