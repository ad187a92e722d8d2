"""What a loader was made with, and what follows from it without looking at any step."""

from __future__ import annotations

from collections.abc import Mapping

from pypack.loader.batch_maker import BatchMaker
from pypack.loader.objective import objectives_of
from pypack.loader.options import BatchOptions
from pypack.loader.order_options import PLAN_ORDER
from pypack.loader.ranks import Ranks
from pypack.loader.remote import RemoteCost, common_cache, remote_cost
from pypack.loader.run import Run
from pypack.objectives.objective import Objective
from pypack.objectives.schedule import ObjectiveSchedule
from pypack.plan.plan import Plan
from pypack.schedule.order import Order
from pypack.schedule.schedule import Schedule
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.schedule.weight_log import Event
from pypack.source.source import Source


class LoaderFacts:
    """The lowest room of `Loader`: its parts, which `Loader.__init__` fills in, and facts about its order."""

    sources: Mapping[str, Source]
    order: Order
    ranks: Ranks
    objective: Objective | ObjectiveSchedule | None
    _options: BatchOptions
    _run: Run
    _end: int  # the step after the last
    _maker: BatchMaker  # the first of those of all objectives
    _makers: dict[str | None, BatchMaker]
    _prefetch: int
    _read_ahead: int | None
    _pin_memory: bool
    _num_threads: int | None
    _changes: int  # of what comes next, for passes under way

    def _start(self) -> None:
        self._follow()
        self.ranks.check(self.order, self._run.options.tail)
        self._make_maker()

    def _follow(self) -> None:
        """The run has changed. Its order and end are kept here: they are looked at for every batch."""
        self.order, self._end = self._run.order, self._run.end
        self._changes += 1

    def _make_maker(self) -> None:
        self._makers = {
            name: BatchMaker(
                self.sources,
                self.order,
                self.ranks,
                self._options,
                objective=one,
                name=name,
                seed=self.seed,
                locality=self._run.options.locality if self.shuffle else PLAN_ORDER,
                idle_buffers=self._prefetch + 2,
                pin_memory=self._pin_memory,
                num_threads=self._num_threads,
                read_ahead=self._read_ahead,
                kernel_at=self._run.kernel_at if one is not None and one.feedback_clusters else None,
            )
            for name, one in objectives_of(self.objective).items()
        }
        self._maker = next(iter(self._makers.values()))

    @property
    def plan(self) -> Plan:
        """The plan of the first source."""
        return next(iter(self.sources.values())).plan

    @property
    def source_names(self) -> list[str]:
        """Names of the sources, in the order that `PackedBatch.source_ids` counts them."""
        return list(self.sources)

    @property
    def schedule(self) -> Schedule | None:
        """The schedule that it was made with; None: one source, by epochs."""
        return self._run.options.schedule

    @property
    def seed(self) -> int:
        """The seed of the order."""
        return self._run.options.seed

    @property
    def shuffle(self) -> bool:
        """Whether the order is shuffled; False: the loader is for evaluation."""
        return self._run.options.shuffle

    @property
    def rank(self) -> int:
        """Which of the ranks it gives batches to, from 0 to `world_size` - 1."""
        return self.ranks.rank

    @property
    def world_size(self) -> int:
        """Ranks that share each step."""
        return self.ranks.world_size

    @property
    def layout(self) -> str:
        """Of its batches: "padded" or "varlen"."""
        return self._options.layout

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass over the loader, the same on every rank: an epoch, or with a schedule the run.
        With tail="wrap" those of the first pass; `len` has those of the current one."""
        return self.order.pass_first(1)

    @property
    def num_steps(self) -> int | None:
        """Steps of the run; None: no end."""
        return self.order.num_steps

    @property
    def dropped_sequences(self) -> int:
        """Sequences left out of every epoch by `tail="drop"`."""
        plain = self._run.plain
        return 0 if isinstance(plain, ScheduleOrder) else plain.dropped_sequences

    @property
    def repeated_sequences(self) -> int:
        """Sequences that are given once more than they should: by tail="pad" in every epoch, to ranks that
        the last step has none for; by tail="wrap" in the last step of the last of `epochs`."""
        order = self._run.plain
        if isinstance(order, ScheduleOrder):
            return 0
        if self._run.options.tail == "wrap":
            return order.overdrawn
        return sum(max(0, self.world_size - fewest) for _, fewest in order.visit_rows())

    @property
    def events(self) -> list[Event]:
        """The changes of weights so far: from which step on, and the weights.

        All of the run's; where the loader went on from a state that held only the newest, these, from
        `first_step` on. They may be kept beside the checkpoints, as JSON: a loader made with `events=` of
        them gives the run again from its start, and keeps knowing them when it loads a later state.
        """
        return [(step, dict(weights)) for step, weights in self._run.log.events]

    @property
    def first_step(self) -> int:
        """The first step that the loader can give: 0, unless it went on from a state that held only the
        newest changes of weights."""
        return self.order.first_step

    @property
    def skips(self) -> list[tuple[int, int]]:
        """The stretches of steps that are left out, as (first step, step after the last), counted as in the
        run that leaves out nothing: a loader made with `skip=` of them gives the run again."""
        return list(self._run.skips.stretches)

    @property
    def remote(self) -> RemoteCost | None:
        """What stores and plans of object storage can be expected to cost: bytes a step, what the cache will
        have, how long the first batch takes. None where all files are of this host."""
        sources = list(self.sources.values())
        cache = common_cache(sources)
        if cache is None:
            return None
        steps = self.order.pass_first(1)
        rows = self.order.at(self.order.first_step).slots / self.ranks.world_size
        return remote_cost(sources, cache, rows, steps, self._run.options.locality)
