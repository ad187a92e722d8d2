"""Loader: the batch of any step, on any rank, as a pure function of what the loader was made with."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pypack._common.arguments import whole_number
from pypack._common.threads import resolve_num_threads
from pypack.batch import PAIRS_REFUSED, PackedBatch, weights_refused
from pypack.loader.foreign_options import refuse_foreign
from pypack.loader.objective import resolved_objective, warn_of_unknown_ids
from pypack.loader.options import BatchOptions
from pypack.loader.order_options import OrderOptions, evaluation_tail
from pypack.loader.place import of_group, of_mesh, resolve
from pypack.loader.ranks import RankBalance, Ranks, Remainder
from pypack.loader.remote import LOG
from pypack.loader.run import Run
from pypack.loader.stats import LoaderStats
from pypack.loader.steered import Steered
from pypack.objectives.objective import Objective
from pypack.objectives.schedule import ObjectiveSchedule
from pypack.schedule.schedule import Curriculum, Schedule
from pypack.schedule.tails import Tail
from pypack.source.named import named_sources
from pypack.source.source import PlanPath, Source
from pypack.store.store import StorePaths

if TYPE_CHECKING:
    from typing_extensions import Never  # of typing from Python 3.11 on

    from pypack.schedule.preview import Preview


class Loader(Steered):
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
            Of remote files: steps whose blocks are fetched ahead. None: none of local files, of remote ones
            as many as keep a fast line busy.
        pin_memory: give torch tensors in pinned memory (needs CUDA), made without a further copy.
        objective: what is to be learned other than the next token: one of `pypack.objectives`, as
            `MaskedLM(0.15)`, or an `ObjectiveSchedule` of several. It changes the arrays of every batch, span
            by span, the same way at any step, on any rank and with any number of threads; a state of a loader
            with another objective is refused.
        num_threads: threads that fill a batch; None: all available cores (1 in a DataLoader worker), where a
            batch is large enough to be worth them.
        **unknown: there are no others; the error says what an option of another library is called here.

    Raises:
        TypeError: there is no such option.
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
        read_ahead: int | None = None,
        pin_memory: bool = False,
        objective: Objective | ObjectiveSchedule | None = None,
        num_threads: int | None = None,
        **unknown: Never,
    ) -> None:
        refuse_foreign(Loader, unknown)
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
        for name, value in (("prefetch", prefetch), ("read_ahead", read_ahead or 0)):
            if whole_number(name, value) < 0:
                raise ValueError(f"{name} must be at least 0, got {value}")
        if num_threads is not None:
            num_threads = resolve_num_threads(num_threads)
        self._options = BatchOptions.make(
            self.sources, layout, dtype, arrays, positions, pad_id, pad_to, max_documents
        )
        self.objective = resolved_objective(objective, self.sources, self._options)
        warn_of_unknown_ids(self.objective, self.sources, stacklevel=2)
        if self.objective is not None and self.objective.writes_labels:
            self.sources = {name: source.for_objective() for name, source in self.sources.items()}
        else:
            for source in self.sources.values():
                source.check_next_token()
        self._prefetch, self._read_ahead = int(prefetch), read_ahead
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
        if self.objective is None or not self.objective.writes_labels:
            for source in self.sources.values():
                source.warn_of_first_tokens(stacklevel=2)
        if (cost := self.remote) is not None:
            LOG.info("%s", cost)

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
        if any(plan.sides is not None for source in self.sources.values() for plan in source.plans):
            raise ValueError(PAIRS_REFUSED)
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
        left_out = ("_maker", "_makers", "order", "_map_style")
        return {k: v for k, v in self.__dict__.items() if k not in left_out}

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
