"""Loader: the batch of any step, on any rank, as a pure function of what the loader was made with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._threads import resolve_num_threads
from pypack.batch import PackedBatch
from pypack.plan import Plan
from pypack.source import Source
from pypack.store import TokenStore

STATE_VERSION = 1
_OPTIONAL_ARRAYS = ("labels", "position_ids", "segment_ids")


class Loader:
    """Batches of packed sequences, shuffled freshly in every epoch.

    Nothing about the order is stored: `batch_at(k)` gives the batch of any step at once, so that resuming is
    a number, and a loader starts in the same time whatever the size of the corpus.

    One pass of `for batch in loader` is one epoch: every sequence of the plan once, each step's batch in its
    turn; the next pass is the next epoch. The steps count on through the epochs.

    Under `torch.utils.data.DataLoader`, pass the loader itself with `batch_size=None`: it is a map-style
    dataset (`len`, `loader[k]`) of the current epoch, in order with any number of workers. `torch_dataset()`
    gives an `IterableDataset`.

    Args:
        store: the tokens.
        plan: the sequences, made from the store's lengths.
        batch_tokens: tokens of the **global** batch, that of one step over all ranks, padding included; a
            multiple of the plan's sequence length. The data of a step therefore stays the same when the
            number of ranks changes.
        batch_sequences: or the number of sequences of the global batch.
        seed: another seed, another order.
        rank: which part of each step's batch: 0 to world_size - 1.
        world_size: ranks that share each step's batch.
        layout: "padded", arrays [rows, sequence length]; or "varlen", all spans end to end with `cu_seqlens`.
        dtype: "int64" or "int32", of the arrays with one item a token.
        arrays: which of "labels", "position_ids" and "segment_ids" are wanted besides `input_ids`.
        pad_id: the id at padding; None: the store's padding id, else its end-of-document id, else 0.
        epochs: epochs after which the loader has no more steps; None: endless.
        tail: the last step of an epoch, if fewer sequences are left than a batch has: "pad" fills the batch
            up with empty rows, so that every sequence is given once; "drop" leaves the sequences out of this
            epoch (`dropped_sequences` counts them).
        num_threads: threads that fill a batch; None: all available cores (1 in a DataLoader worker), where a
            batch is large enough to be worth them.

    Raises:
        ValueError: an argument is out of its range, the global batch cannot be dealt to the ranks, or the
            plan was made for another store; the message says what to do.
    """

    def __init__(
        self,
        store: TokenStore,
        plan: Plan,
        *,
        batch_tokens: int | None = None,
        batch_sequences: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        layout: str = "padded",
        dtype: str = "int64",
        arrays: Sequence[str] = _OPTIONAL_ARRAYS,
        pad_id: int | None = None,
        epochs: int | None = None,
        tail: str = "pad",
        num_threads: int | None = None,
    ) -> None:
        self._sources = {"": Source(store, plan)}
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be from 0 to world_size - 1 = {world_size - 1}, got {rank}")
        if layout not in ("padded", "varlen"):
            raise ValueError(f"layout must be 'padded' or 'varlen', got {layout!r}")
        if dtype not in ("int64", "int32"):
            raise ValueError(f"dtype must be 'int64' or 'int32', got {dtype!r}")
        if tail not in ("pad", "drop"):
            raise ValueError(f"tail must be 'pad' or 'drop', got {tail!r}")
        for name in arrays:
            if name not in _OPTIONAL_ARRAYS:
                raise ValueError(f"arrays can name {', '.join(_OPTIONAL_ARRAYS)}, got {name!r}")
        if epochs is not None and epochs < 1:
            raise ValueError(f"epochs must be at least 1, or None for no end, got {epochs}")
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1, got {seed}")
        self._row_length = plan.sequence_length
        self._rows = _global_rows(batch_tokens, batch_sequences, self._row_length)
        if self._rows % world_size:
            divisors = [n for n in range(1, self._rows + 1) if self._rows % n == 0]
            raise ValueError(
                f"a global batch of {self._rows} sequences cannot be dealt to {world_size} ranks; "
                f"possible world sizes: {divisors}"
            )
        if plan.num_sequences == 0:
            raise ValueError(f"{plan!r} has no sequences to load")
        if tail == "drop" and plan.num_sequences < self._rows:
            raise ValueError(
                f"the plan has {plan.num_sequences} sequences, fewer than the {self._rows} of a global "
                "batch, and tail='drop' would drop them all; make the batch smaller or use tail='pad'"
            )
        self.rank, self.world_size, self.seed, self.layout = rank, world_size, seed, layout
        self.epochs = epochs
        self._tail = tail
        if pad_id is None:
            pad_id = next((i for i in (store.pad_id, store.eos_id) if i is not None), 0)
        self._pad_id = pad_id
        self._num_threads = num_threads
        resolve_num_threads(num_threads)
        self._format_options = {"int32": dtype == "int32", **{a: a in arrays for a in _OPTIONAL_ARRAYS}}
        self._step = 0
        self._make_filler()

    def _make_filler(self) -> None:
        self._format = _core.BatchFormat(**self._format_options)
        self._filler = _core.BatchFiller()
        for source in self._sources.values():
            source.add_to(self._filler)

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self._sources[""].plan

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch, the same on every rank."""
        full, rest = divmod(self.plan.num_sequences, self._rows)
        return full + (1 if rest and self._tail == "pad" else 0)

    @property
    def dropped_sequences(self) -> int:
        """Sequences left out of every epoch by `tail="drop"`."""
        return self.plan.num_sequences % self._rows if self._tail == "drop" else 0

    @property
    def num_steps(self) -> int | None:
        """Steps of all epochs; None: no end."""
        return None if self.epochs is None else self.epochs * self.steps_per_epoch

    @property
    def step(self) -> int:
        """The step that comes next."""
        return self._step

    @property
    def epoch(self) -> int:
        """The epoch of the step that comes next."""
        return self._step // self.steps_per_epoch

    def pass_end(self) -> int:
        """The step after the last of the current pass over the loader."""
        if self.num_steps is not None and self._step >= self.num_steps:
            return self._step
        return (self.epoch + 1) * len(self)

    def seek(self, step: int) -> None:
        """Makes `step` the one that comes next."""
        if step < 0 or (self.num_steps is not None and step > self.num_steps):
            raise IndexError(f"step {step} of a loader with {self.num_steps} steps")
        self._step = step

    def set_epoch(self, epoch: int) -> None:
        """Goes to the start of an epoch (the convention of torch's samplers)."""
        if epoch < 0 or (self.epochs is not None and epoch >= self.epochs):
            raise ValueError(f"epoch must be from 0 and below epochs={self.epochs}, got {epoch}")
        self._step = epoch * self.steps_per_epoch

    def sequences_at(self, step: int) -> NDArray[np.int64]:
        """The sequences of this rank's batch at a step, int64 [rows]; -1 for empty rows."""
        self._check_step(step)
        epoch, turn = divmod(step, self.steps_per_epoch)
        size = self.plan.num_sequences
        first = turn * self._rows
        key = _core.random_bits(self.seed, _purpose(""), epoch)
        drawn = _core.permute_range(size, key, first, min(first + self._rows, size))
        if len(drawn) < self._rows:
            drawn = np.concatenate([drawn, np.full(self._rows - len(drawn), -1)])
        return np.ascontiguousarray(drawn[self.rank :: self.world_size])

    def batch_at(self, step: int) -> PackedBatch:
        """This rank's batch at any step, whatever was read before.

        Raises:
            IndexError: the loader has no such step.
        """
        sequences = self.sequences_at(step)
        sources = np.zeros(len(sequences), np.int32)
        threads = resolve_num_threads(self._num_threads)
        if self.layout == "padded":
            arrays = self._filler.padded(
                sources, sequences, self._row_length, self._pad_id, self._format, threads
            )
        else:
            arrays = self._filler.varlen(sources, sequences, self._pad_id, self._format, threads)
        return PackedBatch(
            input_ids=arrays["input_ids"],
            labels=arrays.get("labels"),
            position_ids=arrays.get("position_ids"),
            segment_ids=arrays.get("segment_ids"),
            cu_seqlens=arrays.get("cu_seqlens"),
            max_seqlen=arrays.get("max_seqlen"),
            document_ids=arrays["document_ids"],
            source_ids=arrays["source_ids"],
            span_lengths=arrays["span_lengths"],
            row_spans=arrays["row_spans"],
            step=step,
            epoch=step // self.steps_per_epoch,
            tokens=arrays["tokens"],
        )

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __getitem__(self, index: int) -> PackedBatch:
        """The batch of a step of the current epoch, counted from the epoch's start."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"step {index} of an epoch of {len(self)} steps")
        return self.batch_at(self.epoch * len(self) + index % len(self))

    def __iter__(self) -> Iterator[PackedBatch]:
        end = self.pass_end()
        while self._step < end:
            batch = self.batch_at(self._step)
            self._step += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands: a small dict of plain values, for json or torch.save.

        It counts the steps that were given out, and names what the order depends on. World size, rank,
        layout, threads and arrays are not part of it: they may change between saving and loading.
        """
        return {"version": STATE_VERSION, "step": self._step, "order": self._order()}

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Goes to where another loader stood.

        Args:
            state: what `state_dict` gave.
            strict: refuse a state of a loader with another order. If False, only the number of the step is
                taken over: the steps that follow are those of *this* loader's order, so that sequences may
                come again or be left out.

        Raises:
            ValueError: the state belongs to another order; the message says what differs.
        """
        if state.get("version") != STATE_VERSION:
            raise ValueError(
                f"the state has version {state.get('version')!r}, this pypack reads {STATE_VERSION}: use the "
                "pypack that saved it"
            )
        mine, theirs = self._order(), dict(state["order"])
        if strict and mine != theirs:
            names = sorted({*mine, *theirs})
            different = [
                f"{name} is {mine.get(name)!r} here, was {theirs.get(name)!r} when the state was saved"
                for name in names
                if mine.get(name) != theirs.get(name)
            ]
            raise ValueError(
                "the state belongs to another order: "
                + "; ".join(different)
                + ". Make the loader as it was, or "
                "pass strict=False to take over only the number of the step"
            )
        step = int(state["step"])
        if step < 0 or (self.num_steps is not None and step > self.num_steps):
            raise ValueError(f"the state's step {step} is outside of this loader's {self.num_steps} steps")
        self._step = step

    def _order(self) -> dict[str, Any]:
        return {
            "plan": self.plan.fingerprint,
            "store": self.plan.lengths_fingerprint,
            "seed": self.seed,
            "batch_sequences": self._rows,
            "tail": self._tail,
        }

    def torch_dataset(self) -> Any:
        """The loader as a `torch.utils.data.IterableDataset`, for `DataLoader(..., batch_size=None)`.

        Workers divide the steps, and the DataLoader gives them in order. torch is imported here.
        """
        from pypack.torch_dataset import LoaderDataset

        return LoaderDataset(self)

    def _check_step(self, step: int) -> None:
        if step < 0 or (self.num_steps is not None and step >= self.num_steps):
            raise IndexError(f"step {step} of a loader with {self.num_steps} steps")

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_filler", "_format")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_filler()

    def __repr__(self) -> str:
        return (
            f"Loader({self.plan!r}, {self._rows} sequences a step, rank {self.rank} of {self.world_size}, "
            f"step {self._step})"
        )


def _purpose(name: str) -> int:
    """The name of a source as a key of the order: by content, so that other sources do not change it."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def _global_rows(batch_tokens: int | None, batch_sequences: int | None, row_length: int) -> int:
    if (batch_tokens is None) == (batch_sequences is None):
        raise ValueError("give either batch_tokens or batch_sequences, the size of one step over all ranks")
    if batch_sequences is not None:
        if batch_sequences < 1:
            raise ValueError(f"batch_sequences must be at least 1, got {batch_sequences}")
        return batch_sequences
    assert batch_tokens is not None
    if batch_tokens < row_length or batch_tokens % row_length:
        nearest = max(row_length, round(batch_tokens / row_length) * row_length)
        raise ValueError(
            f"batch_tokens={batch_tokens} is no multiple of the sequence length {row_length}; the nearest is "
            f"{nearest}"
        )
    return batch_tokens // row_length
