"""Loader: the batch of any step, on any rank, as a pure function of what the loader was made with."""

from __future__ import annotations

import copy
import operator
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import whole_number
from pypack._common.callers import called_from
from pypack._common.threads import resolve_num_threads
from pypack.batch import PackedBatch, weights_refused
from pypack.loader.batch_maker import BatchMaker
from pypack.loader.documents import StepDocuments, documents_of
from pypack.loader.objective import objectives_of, resolved_objective
from pypack.loader.options import BatchOptions
from pypack.loader.order_options import PLAN_ORDER, OrderOptions, evaluation_tail
from pypack.loader.passes import Given, made_ahead, one_by_one
from pypack.loader.place import of_group, of_mesh, resolve
from pypack.loader.ranks import RankBalance, Ranks, Remainder
from pypack.loader.run import Run
from pypack.loader.stats import LoaderStats
from pypack.objectives.objective import Objective
from pypack.objectives.schedule import ObjectiveSchedule
from pypack.plan.plan import Plan
from pypack.schedule.order import StepDraws
from pypack.schedule.schedule import Curriculum, Schedule
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.schedule.skips import Skips
from pypack.schedule.tails import Tail
from pypack.schedule.weight_log import Event
from pypack.source.source import PlanPath, Source, named_sources
from pypack.store.store import StorePaths

if TYPE_CHECKING:
    from pypack.schedule.preview import Preview


class Loader:
    """Batches of packed sequences, freshly shuffled in every epoch.

    Nothing about the order is stored: `batch_at(k)` gives the batch of any step at once, so that resuming is
    a number, and a loader starts in the same time whatever the size of the corpus.

    With one source and no schedule, one pass of `for batch in loader` is one epoch: every sequence of the
    plan once; the next pass is the next epoch, and the steps count on. With a schedule, one pass is the whole
    run.

    Under `torch.utils.data.DataLoader`, pass the loader itself with `batch_size=None`: it is a map-style
    dataset (`len`, `loader[k]`) of the current pass, in order with any number of workers. `torch_dataset()`
    gives an `IterableDataset` that goes on from epoch to epoch. Workers are possible, never needed.

    Args:
        sources: a store, with its `plan`; or a `Source`; or sources by name, for a `schedule`. A store may be
            given as its path, several as a list.
        plan: the sequences of the store, or the path of its plan.
        schedule: what each step draws; None: epochs of the one source.
        batch_tokens: tokens of the **global** batch, that of one step over all ranks, padding included; a
            multiple of every row length. The data of a step therefore stays the same when the number of ranks
            changes, and with rows of several lengths a step has batch_tokens / length of them.
        batch_sequences: or the number of sequences of the global batch.
        seed: another seed, another order.
        shuffle: False: for evaluation. Every pass is the same one epoch in the order of the plan, from its
            start, whatever passes there were or still are; there is no position that moves on. For one
            source without schedule.
        rank: which part of each step's batch: 0 to world_size - 1; "auto": that of torch.distributed if it is
            initialized, else that which torchrun, srun or mpirun left in the environment, else 0 of 1. With
            tensor, pipeline or context parallelism, see `from_torch_distributed`. None: 0.
        world_size: ranks that share each step's batch; None: 1, or with rank="auto" as it finds.
        remainder: a global batch that does not divide among the ranks is an "error"; or "pad": ranks get
            empty rows so that all have the same number, each at least one row that is not; or "drop": the
            last rows of each batch are left out (`stats.dropped_rows` counts them).
        balance: None: row i goes to rank i % world_size. "deal" or "lpt": rows go to ranks so that the sums
            of the squared span lengths, what attention costs, are near one another (see `pypack.balance`);
            every rank works it out for itself, "deal" at little cost.
        layout: "padded", arrays [rows, row length]; or "varlen", all spans end to end with `cu_seqlens`.
        dtype: "int64" or "int32", of the arrays with one item a token.
        arrays: which of "labels", "position_ids", "segment_ids" and "loss_mask" are wanted besides
            `input_ids`.
        positions: "span": positions begin anew at every span; "row": at every row.
        pad_id: the id at padding; None: the store's padding id, else its end-of-document id, else 0.
        pad_to: varlen layout: items of every batch, filled up with padding, for graphs of fixed shape;
            `max_seqlen` is then the row length. Padding is cut into segments of at most a row.
        max_documents: varlen layout: segments of every batch, those of padding among them, filled up with
            empty ones.
        epochs: without a schedule: epochs after which the loader has no more steps; None: endless.
        tail: without a schedule: the last step of an epoch, if fewer sequences are left than a batch has. No
            rank is ever given a batch without a token.
            "pad", the default: the batch is filled up with empty rows. Every sequence is given once, a pass
            is an epoch, and any number of rows will do. Only where fewer sequences are left than there are
            ranks, those without one get one of the first of the epoch again (`repeated_sequences` and
            `stats.repeated_rows` count them).
            "wrap": the batch is filled up with the first sequences of the next epoch, which goes on after
            them: every batch is full, and every sequence is given once an epoch. Epochs then begin within
            steps, and passes differ by a step; after the last of `epochs`, `repeated_sequences` are given
            once more.
            "spread": the last two steps of an epoch share its last sequences evenly, each once; refused where
            they are too few for the ranks.
            "drop": the sequences are left out of this epoch (`dropped_sequences` counts them).
            None: "pad"; with shuffle=False "spread", where that is possible.
        curriculum: without a schedule, for a plan with several row lengths: their order in each epoch, as in
            `Phase`.
        cycles: how often an epoch goes through that order.
        locality: for storage that is slow to jump: shuffle runs of so many neighbouring sequences, and the
            sequences within eight runs at a time; 0: shuffle all sequences among one another.
        events: with a schedule: changes of weights of a run that is to be given again, the `events` of its
            loader.
        skip: stretches of steps to leave out, as (first step, step after the last), where a loss jumped for
            example: the steps behind them move up. Counted as in the run that leaves out nothing, as are
            `events`; `skip_steps` takes numbers as they are now. They are kept in the state, and a loader
            that goes on with a state may leave out further steps ahead.
        prefetch: batches made ahead by a background thread; 0: none.
        read_ahead: steps whose tokens the system is asked to read ahead, beyond the prefetched ones, where
            files are not in memory yet; 32 is enough for a local disk. Files that fill less than half of the
            free memory are besides read from end to end, up to 4 MiB a step; then nothing is asked any more.
        pin_memory: give torch tensors in pinned memory (needs CUDA), made without a further copy.
        objective: what is to be learned other than the next token: one of `pypack.objectives`, as
            `MaskedLM(0.15)`, or an `ObjectiveSchedule` of several. It changes the arrays of every batch, span
            by span, the same way at any step, on any rank and with any number of threads; a state of a loader
            with another objective is refused.
        num_threads: threads that fill a batch; None: all available cores (1 in a DataLoader worker), where a
            batch is large enough to be worth them.

    Raises:
        ValueError: an argument is out of its range, the global batch cannot be dealt to the ranks, or a plan
            was made for another store; the message says what to do.
    """

    def __init__(
        self,
        sources: StorePaths | Source | Mapping[str, Source],
        plan: PlanPath | Sequence[PlanPath] | None = None,
        *,
        schedule: Schedule | None = None,
        batch_tokens: int | None = None,
        batch_sequences: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | Literal["auto"] | None = None,
        world_size: int | Literal["auto"] | None = None,
        remainder: Remainder = "error",
        balance: RankBalance | None = None,
        layout: Literal["padded", "varlen"] = "padded",
        dtype: Literal["int64", "int32"] = "int64",
        arrays: Sequence[Literal["labels", "position_ids", "segment_ids", "loss_mask"]] = (
            "labels",
            "position_ids",
            "segment_ids",
        ),
        positions: Literal["span", "row"] = "span",
        pad_id: int | None = None,
        pad_to: int | None = None,
        max_documents: int | None = None,
        epochs: int | None = None,
        tail: Tail | None = None,
        curriculum: Curriculum | Mapping[int, float] = "natural",
        cycles: int = 1,
        locality: int = 0,
        events: Iterable[tuple[int, Mapping[str, float]]] = (),
        skip: Iterable[tuple[int, int]] = (),
        prefetch: int = 2,
        read_ahead: int = 0,
        pin_memory: bool = False,
        objective: Objective | ObjectiveSchedule | None = None,
        num_threads: int | None = None,
    ) -> None:
        self.sources = named_sources(sources, plan)
        order_options = OrderOptions(
            schedule,
            batch_tokens,
            batch_sequences,
            seed,
            epochs,
            tail or "pad",
            curriculum,
            cycles,
            locality,
            shuffle,
        )
        for name, value in (("prefetch", prefetch), ("read_ahead", read_ahead)):
            if whole_number(name, value) < 0:
                raise ValueError(f"{name} must be at least 0, got {value}")
        if num_threads is not None:
            num_threads = resolve_num_threads(num_threads)
        self._options = BatchOptions.make(
            self.sources, layout, dtype, arrays, positions, pad_id, pad_to, max_documents
        )
        self.objective = resolved_objective(objective, self.sources, self._options)
        self._prefetch, self._read_ahead = int(prefetch), int(read_ahead)
        self._pin_memory, self._num_threads = pin_memory, num_threads
        self._step = 0
        self._given = 0  # steps before it were given out: what they drew cannot change
        self._map_style: Any = None  # what torch's DataLoaders read from instead of the loader
        self._changes = 0  # of what comes next, for passes under way
        self._passes = 0
        self.ranks = Ranks(*resolve(rank, world_size), remainder, balance or "none")
        if not shuffle and tail is None:
            order_options = evaluation_tail(order_options, self.sources, self.ranks)
        self._run = Run(self.sources, order_options, self.objective, events=events, skip=skip)
        self._start()
        self._maker.check_memory()
        self.stats = LoaderStats(self.sources, self.order.source_buckets)

    @classmethod
    def from_torch_distributed(
        cls,
        sources: StorePaths | Source | Mapping[str, Source],
        plan: PlanPath | Sequence[PlanPath] | None = None,
        *,
        mesh: Any = None,
        dims: str | int | Sequence[str | int] | None = None,
        group: Any = None,
        **options: Any,
    ) -> Loader:
        """The loader of this process's data-parallel rank.

        With tensor, pipeline and context parallelism several processes work on the same rows: they get the
        same rank here, which only a mesh or a group tells.

        Args:
            sources: as for `Loader`, as is `plan`.
            mesh: a torch `DeviceMesh` of all processes; and
            dims: its dimensions that the data is dealt over, by name or number; None: those that are named as
                usual ("dp", "dp_replicate", "dp_shard", "fsdp", ...). Or
            group: the process group of the data-parallel ranks, as Megatron's
                `parallel_state.get_data_parallel_group()`. None of them: all processes.
            **options: of `Loader`, without rank and world_size.

        Raises:
            ValueError: torch.distributed is not initialized, the process is not in the mesh or group, or
                nothing tells which dimensions deal data.
        """
        if {"rank", "world_size"} & options.keys():
            raise ValueError("from_torch_distributed finds rank and world_size itself: leave them out")
        if mesh is not None and group is not None:
            raise ValueError("give mesh or group, not both")
        rank, world_size = of_group(group) if mesh is None else of_mesh(mesh, dims)
        return cls(sources, plan, rank=rank, world_size=world_size, **options)

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
        return self._run.options.schedule

    @property
    def seed(self) -> int:
        return self._run.options.seed

    @property
    def shuffle(self) -> bool:
        """Whether the order is shuffled; False: the loader is for evaluation."""
        return self._run.options.shuffle

    @property
    def rank(self) -> int:
        return self.ranks.rank

    @property
    def world_size(self) -> int:
        return self.ranks.world_size

    @property
    def layout(self) -> str:
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
    def step(self) -> int:
        """The step that comes next."""
        return self._step

    @property
    def epoch(self) -> int:
        """The pass that the next step belongs to."""
        return self.order.pass_of(self._step)

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

    def pass_end(self) -> int:
        """The step after the last of the current pass over the loader."""
        return self.order.pass_end(self._step)

    def seek(self, step: int) -> None:
        """Makes `step` the one that comes next.

        Raises:
            IndexError: the loader has no such step.
            ValueError: the step is no whole number, came before `first_step`, or is within a pass of a
                loader with shuffle=False, whose passes all begin at the start.
        """
        step = whole_number("step", step)
        if not 0 <= step <= self._end:
            raise IndexError(self._run.no_step(step))
        self.order.check_known(step)
        if not self.shuffle:
            if 0 < step < self._end:
                raise ValueError(
                    f"step {step}: with shuffle=False every pass begins at the start; batch_at gives any step"
                )
            return
        if step != self._step:
            self._changes += 1
        self._step = step

    def set_epoch(self, epoch: int) -> None:
        """Goes to the start of a pass (the convention of torch's samplers)."""
        if called_from("accelerate"):  # at every pass, with its own count, which takes a resumed run back
            return
        epoch = whole_number("epoch", epoch)
        if not self.shuffle:  # every pass is the same
            return
        first = self.order.pass_first(epoch)
        if epoch < 0 or (self.num_steps is not None and first >= self.num_steps):
            raise ValueError(f"epoch {epoch} of a loader with {self.num_steps} steps")
        self.seek(first)

    def _maker_at(self, step: int) -> BatchMaker:
        """This process's maker, for a step that the loader must have. Called for every batch: no detours."""
        if not 0 <= step < self._end:
            raise IndexError(self._run.no_step(step))
        if not self._maker.is_of_this_process:
            self._make_maker()
        if self._run.objective_order is not None:
            return self._makers[self._run.objective_at(step)]
        return self._maker

    def objective_at(self, step: int) -> str:
        """The name of the objective of a step, of an `ObjectiveSchedule`."""
        step = whole_number("step", step)
        if not 0 <= step < self._end:
            raise IndexError(self._run.no_step(step))
        return self._run.objective_at(step)

    @property
    def objective_events(self) -> list[tuple[int, dict[str, float]]]:
        """The changes that `change_objectives` made: from which step on, counted without skips, and the
        weights."""
        return [(step, dict(weights)) for step, weights in self._run.objective_events]

    def rows_at(self, step: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The rows of this rank's batch at a step: sources, and sequences in their plans; -1 for empty
        rows."""
        sources, sequences, _ = self._maker_at(step).rows(self.order.at(step))
        return sources, sequences

    def epochs_at(self, step: int) -> NDArray[np.int64]:
        """The epoch of its source that each row of this rank's batch belongs to: int64 [rows]."""
        return self._maker_at(step).rows(self.order.at(step))[2]

    def sequences_at(self, step: int) -> NDArray[np.int64]:
        """The sequences alone of `rows_at`, for a loader with one source: int64 [rows]."""
        return self.rows_at(step)[1]

    def documents_at(self, step: int, *, all_ranks: bool = False) -> StepDocuments:
        """The documents that a step gives, without reading a token: what to look at where a loss jumped.

        Args:
            step: any step.
            all_ranks: those of the whole global batch, in the order in which its rows are dealt to the ranks;
                not only of this rank's batch.
        """
        step = whole_number("step", step)
        plans, sequences, _ = self._maker_at(step).plan_rows(self.order.at(step), all_ranks=all_ranks)
        return documents_of(self.sources, plans, sequences)

    def batch_at(self, step: int) -> PackedBatch:
        """This rank's batch at any step, whatever was read before.

        Raises:
            IndexError: the loader has no such step.
            ValueError: the step came before `first_step`.
            TypeError: the step is no whole number.
        """
        if type(step) is not int:
            step = operator.index(step)
        return self._maker_at(step).batch(self.order.at(step), step)

    def __len__(self) -> int:
        """Steps of the current pass, those that were given out among them."""
        caller = sys._getframe(1)
        if caller.f_globals.get("__name__", "").startswith(
            ("torch.utils.data.", "torchdata.", "accelerate.")
        ):
            from pypack.loader.torch_dataset import steps_asked_by

            return steps_asked_by(caller, self)
        return self.order.pass_length(self._step)

    def __getitem__(self, index: int) -> PackedBatch:
        """The batch of a step of the current pass, counted from the start of the pass."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"step {index} of a pass of {len(self)} steps")
        return self.batch_at(self.order.pass_start(self._step) + index % len(self))

    def __iter__(self) -> Iterator[PackedBatch]:
        """A pass: from the step that comes next to the end of its epoch, or with a schedule of the run.

        A loader has one position, so that of several passes under way only the newest goes on, and the others
        raise RuntimeError. With shuffle=False all are independent, and begin at the start.
        """
        if not self.shuffle:
            return self._evaluation_pass()
        if self._step >= self._end:
            warnings.warn(
                f"the loader has given all of its {self.num_steps} steps, so that this pass has none. For "
                "evaluation make it with shuffle=False, whose passes are all the same; set_epoch(0) starts "
                "anew",
                stacklevel=2,
            )
        self._passes += 1
        return self._training_pass(self._passes)

    def _evaluation_pass(self) -> Iterator[PackedBatch]:
        for batch, draws, seconds in self._steps_to(0, len(self)):
            self._count(batch, draws, seconds)
            yield batch

    def _training_pass(self, number: int) -> Iterator[PackedBatch]:
        end = self.pass_end()
        while self._step < end:
            changes = self._changes
            for batch, draws, seconds in self._steps_to(self._step, end):
                yield self._give(batch, draws, seconds)
                if number != self._passes:
                    raise RuntimeError(
                        "another pass over this loader was begun, and a loader has one position, which both "
                        "would move: make a second Loader, or use batch_at; with shuffle=False passes are "
                        "independent"
                    )
                if changes != self._changes:  # something else comes next
                    break

    def _steps_to(self, first: int, end: int) -> Iterator[Given]:
        if not self._prefetch:
            return one_by_one(first, end, self._maker_at, self.order.at)
        return made_ahead(
            first,
            end,
            self._maker_at,
            self.order.at,
            prefetch=self._prefetch,
            read_ahead=self._read_ahead,
        )

    def _give(self, batch: PackedBatch, draws: StepDraws, seconds: float) -> PackedBatch:
        self._count(batch, draws, seconds)
        self._step += 1
        self._given = max(self._given, self._step)
        return batch

    def _count(self, batch: PackedBatch, draws: StepDraws, seconds: float) -> None:
        left_out = max(0, draws.slots - self.ranks.slots(draws.slots))
        again = self.ranks.repeated(draws)
        self.stats.add(batch, draws, seconds, left_out, self.epochs_at, repeated_rows=again)

    def _gave(self, step: int) -> None:
        """A DataLoader gave out what comes before a step."""
        if self.shuffle:  # else every pass begins at the start
            self._step = step
            self._given = max(self._given, step)

    def _count_given(self, batch: Any) -> None:
        """Counts a batch that another process made, or its counts alone."""
        self._count(batch, self.order.at(batch.step), 0.0)

    def set_weights(self, weights: Mapping[str, float], *, from_step: int | None = None) -> None:
        """Changes the mixture while the run goes on, from a step to the end of its phase.

        The change is kept in the state, so that a resumed or replayed run gives the same data. Every rank
        must make the same change.

        Args:
            weights: share of each source, as in `Phase`.
            from_step: the first step that it holds for; None: the step that comes next.

        Raises:
            ValueError: the step was given out already, or the weights are not those of sources.
        """
        if self.schedule is None:
            raise ValueError("set_weights needs a loader with a schedule")
        step = self._step if from_step is None else whole_number("from_step", from_step)
        if step < self._given:
            raise ValueError(f"step {step} was given out already; the next one is {self._given}")
        if step >= self.steps_per_epoch:
            raise ValueError(f"step {step} of a run of {self.steps_per_epoch} steps")
        self._run.set_weights(weights, step)
        self._follow()

    def skip_steps(self, first: int, stop: int) -> None:
        """Leaves steps out of the run from now on: the steps behind them move up.

        For where a loss jumps: load a state from before it, leave out the steps of the jump (`documents_at`
        says what they hold), and go on. The change is kept in the state and in `skips`, so that a resumed run
        gives the same data. Every rank must make the same change.

        Args:
            first: the first step to leave out, as the loader counts them now.
            stop: the step after the last.

        Raises:
            ValueError: a step was given out already, or the run does not have it, or all would be left out.
        """
        if not self.shuffle:
            raise ValueError("skip_steps is for training: with shuffle=False every pass is whole")
        ((first, stop),) = Skips([(first, stop)]).stretches
        if first < self._given:
            raise ValueError(f"step {first} was given out already; the next one is {self._given}")
        self._run.skip(first, stop)
        self._follow()

    @property
    def skips(self) -> list[tuple[int, int]]:
        """The stretches of steps that are left out, as (first step, step after the last), counted as in the
        run that leaves out nothing: a loader made with `skip=` of them gives the run again."""
        return list(self._run.skips.stretches)

    def state_dict(self, step: int | None = None) -> dict[str, Any]:
        """Where the loader stands: a small dict of plain values, for json or torch.save.

        It takes up less than 1 KB in JSON, however many steps and changes of weights there were: as many of
        the newest changes as fit are kept, and instead of the older ones what was drawn before them, by which
        the run goes on exactly. Such a state gives no steps before its oldest change (`first_step`); `events`
        has them all. Longer it gets only by changes made ahead, for steps that are still to come, and by many
        sources: it takes one change and some 25 bytes for every source and row length.

        It counts the steps that were given out, not those that were made ahead, and names what the order
        depends on. World size, rank, layout, threads, prefetching and arrays are not part of it: they may
        change between saving and loading.

        Args:
            step: the step to go on with, where the loop knows better than the loader (`batch.step + 1` in a
                pass of Accelerate without workers, which asks for a batch more than it gives).

        Raises:
            IndexError: the loader has no such step.
            ValueError: the step is no whole number, or came before `first_step`.
        """
        return self._run.state(self._step if step is None else whole_number("step", step))

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Goes to where another loader stood.

        Args:
            state: what `state_dict` gave.
            strict: refuse a state of a loader with another order. What leaves the steps as they were is no
                other order: a longer or shorter last phase, further phases, a batch of the same size said in
                the other unit, a store that has grown at its end with its plan extended
                (`pypack.extend_plan`), steps that are left out from there on. If False, a warning says what
                differs. Where that is only the size of the batch (of one source) or the schedule, the run
                goes on with the sequences that were not given out, at the step that has as many rows, or
                tokens of its phase, before it. Else only the number of the step (and the changes of weights)
                are taken over: the steps that follow are those of *this* loader's order, so that sequences
                may come again or be left out.

        Raises:
            ValueError: the state belongs to another order; the message says what differs.
        """
        buckets = self.order.source_buckets
        step = self._run.load(state, strict=strict)
        self._follow()
        if self.order.source_buckets != buckets:
            self._make_maker()
            self.stats.note_buckets(self.order.source_buckets)
        self.seek(step)
        self._given = step

    def torch_dataset(self) -> Any:
        """The loader as a `torch.utils.data.IterableDataset`, for `DataLoader(..., batch_size=None)`.

        Workers divide the steps, and the DataLoader gives them in order. torch is imported here.
        """
        from pypack.loader.torch_dataset import LoaderDataset

        return LoaderDataset(self)

    def for_transformers(self, device: Any = None) -> Iterator[dict[str, Any]]:
        """A pass as the keyword arguments of transformers models: `for inputs in loader.for_transformers():
        loss = model(**inputs).loss`.

        The borders of the documents are kept for every attention implementation, and the labels are
        unshifted, as these models shift them (see `PackedBatch.for_transformers`).

        Args:
            device: where the tensors go; None: they stay.

        Raises:
            ValueError: the loader has another layout than "varlen", lacks labels or position_ids, or counts
                positions by row, which would hide the borders.
        """
        if self.layout != "varlen" or not {"labels", "position_ids"} <= set(self._options.arrays):
            raise ValueError(
                "for_transformers needs borders and labels: make the loader with layout='varlen' and its "
                "usual arrays. For padded rows, pypack.adapters.huggingface.masked makes the mask of a model"
            )
        if any(source.loss_weights is not None for source in self.sources.values()):
            raise ValueError(weights_refused("the loss of transformers models"))
        if self._options.positions != "span":
            raise ValueError("positions='row' hides the borders of documents from transformers: leave it out")
        if self.objective is not None and "position_ids" in self.objective.needs:
            raise ValueError(
                f"{type(self.objective).__name__} changes positions, by which transformers finds the borders "
                "of documents: use cu_seqlens or segment_ids for the mask in a loop of your own"
            )
        return (
            (batch if device is None else batch.to(device, non_blocking=True)).for_transformers()
            for batch in self
        )

    def progress(self, description: str = "") -> Iterator[PackedBatch]:
        """The loader's pass with a progress bar on standard error: steps, tokens per second, time left."""
        from pypack.loader.progress import show_progress

        return show_progress(self, description)

    def preview(self) -> Preview:
        """What the run draws, phase by phase, without reading a token; `print` shows it as a table."""
        from pypack.schedule.preview import make_preview

        return make_preview(self._run.plain, self.sources)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws mixture and row lengths over the steps of the run into an image file (needs matplotlib),
        with the changes of weights so far; `Schedule.plot` does it for a schedule without them."""
        from pypack.schedule.plot import plot_order

        plot_order(self._run.plain, path)

    def __getstate__(self) -> dict[str, Any]:
        return {
            k: v for k, v in self.__dict__.items() if k not in ("_maker", "_makers", "order", "_map_style")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._map_style = None
        self._start()

    def __copy__(self) -> Loader:
        """Over the same sources, with a position, changes and statistics of its own."""
        shared: dict[int, Any] = {id(source): source for source in self.sources.values()}
        return copy.deepcopy(self, shared)

    def __repr__(self) -> str:
        return (
            f"Loader({', '.join(map(repr, self.sources.values()))}, rank {self.rank} of {self.world_size}, "
            f"step {self._step} of {self.num_steps if self.num_steps is not None else 'endless'})"
        )
