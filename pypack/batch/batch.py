"""PackedBatch: the arrays that one rank trains on in one step."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack import _core
from pypack.batch.fields import ON_DEMAND, PER_SPAN, PER_TOKEN
from pypack.batch.rows import fields_of_rows
from pypack.batch.transformers_inputs import transformers_inputs

if TYPE_CHECKING:
    import torch

IGNORE_LABEL = -100


class _Made:
    """What the kernels know of a batch beyond its fields, as long as nobody asked for it."""

    __slots__ = ("_made",)
    _made: Any


@dataclasses.dataclass(slots=True, eq=False, repr=False)
class PackedBatch(_Made):
    """One step's batch on one rank; numpy arrays, or torch tensors after `to_torch`.

    "padded" layout: the arrays with one item a token have shape [rows, row length]. "varlen" layout: shape
    [items], all spans end to end, and `cu_seqlens` says where they begin.

    Attributes:
        input_ids: int64 or int32, the tokens.
        labels: the tokens again, *unshifted* (what Hugging Face models take): -100 at the first token of each
            span, at padding and at masked places. `shift_labels` gives the other kind.
        position_ids: 0, 1, ... from the start of each span (or of each row, if the loader was asked so); 0 at
            padding.
        segment_ids: 1, 2, ... for the spans of a row, 0 at padding; in the varlen layout the spans of the
            whole batch are counted.
        loss_mask: float32, 1 where a token is to be learned, 0 elsewhere; only if asked for.
        cu_seqlens: int32 [spans + 1], varlen layout only: span i is items cu_seqlens[i] to cu_seqlens[i + 1].
        max_seqlen: longest span, varlen layout only.
        document_ids: int64 [spans], the document of each span in its source's store.
        source_ids: int32 [spans], the source of each span, a position in `Loader.source_names`.
        span_lengths: int32 [spans], tokens of each span.
        row_spans: int64 [rows + 1]: row r holds spans row_spans[r] to row_spans[r + 1].
        step: the step, from 0.
        epoch: the epoch, from 0; of several sources, the lowest in the batch.
        tokens: tokens in the batch, without padding.
        rows_ratio: rows of the step's global batch / rows of a full-length one, for scaling the learning rate
            where the length varies; in the cycles of a `ShapeCycle` those of the slow cycle, as in its paper.
        loss_weights: float32, one item a label, how much its loss counts: 0 where the label is -100; only if
            a source has weights. `shift_labels` moves them along.
        group_ids: int64 [spans], the group of each span's document, by the number of the group's first
            document in its source's store; only if a source has groups.
        objective_counts: dict of what the loader's objective counted in the batch, by name; only if it counts
            something. Not among what `to_dict` gives.
        objective: the name of the objective of the step, of a loader with an `ObjectiveSchedule`.
        has_own_labels: an objective says what the labels are, such as `pypack.objectives.MaskedLM`: they
            stand at the tokens that they are of, and are not to be shifted.
        extras: arrays by name that an objective adds, see `pypack.objectives`; each is an attribute of the
            batch, too, and stands in `to_dict` under its name. Of inputs and targets in the varlen layout,
            `decoder_cu_seqlens` (int32 [spans + 1]) and the number `decoder_max_seqlen` are among them.
    """

    # Any, for want of better: numpy arrays, or torch tensors after `to_torch` and with pin_memory=True, which
    # is known at run time alone; and most may be None, by an argument of the loader. A union would make an
    # error of nearly every use of them, to a type checker.
    input_ids: Any
    labels: Any
    position_ids: Any
    segment_ids: Any
    loss_mask: Any
    cu_seqlens: Any
    max_seqlen: int | None
    document_ids: Any
    source_ids: Any
    span_lengths: Any
    row_spans: Any
    tokens: int
    step: int
    epoch: int
    rows_ratio: float
    loss_weights: Any = None
    group_ids: Any = None
    has_own_labels: bool = False
    extras: dict[str, Any] | None = None
    objective_counts: Any = None
    objective: str | None = None

    def __getattr__(self, name: str) -> Any:
        """Fields that are not set yet: asked for where the usual way found none."""
        if name == "_made":
            return None
        made = self._made
        if name in ON_DEMAND and made is not None:
            for field, array in zip(ON_DEMAND, _core.span_arrays(made), strict=True):
                try:
                    object.__getattribute__(self, field)
                except AttributeError:
                    setattr(self, field, array)
            self._made = None
        if name in _OWN_NAMES or name.startswith("__"):
            return object.__getattribute__(self, name)
        if self.extras is not None and name in self.extras:
            return self.extras[name]
        # Another thread may have set it since; else this is the usual error.
        return object.__getattribute__(self, name)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.input_ids.shape))
        arrays = ", ".join(name for name in PER_TOKEN[1:] if getattr(self, name) is not None)
        kind = "tensors" if self._is_torch else "arrays"
        return (
            f"PackedBatch(step {self.step}, epoch {self.epoch}, {self.layout}, {kind} of {shape} items: "
            f"{self.tokens} tokens, {self.num_spans} spans; {arrays})"
        )

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, be it as arrays or as tensors."""
        if not isinstance(other, PackedBatch):
            return NotImplemented
        mine, others = self.to_dict(), other.to_dict()
        return mine.keys() == others.keys() and all(
            bool(np.array_equal(np.asarray(value), np.asarray(others[name]))) for name, value in mine.items()
        )

    __hash__ = None  # type: ignore[assignment]  # holds mutable arrays

    def keys(self) -> list[str]:
        """The names of `to_dict`: with `batch[name]`, so that `**batch` and `dict(batch)` work."""
        return list(self.to_dict())

    def __getitem__(self, name: str) -> Any:
        """What is in the batch under a name."""
        try:
            return self.to_dict()[name]
        except (KeyError, TypeError):
            raise KeyError(f"{name!r}: the batch has {', '.join(self.keys())}") from None

    def __contains__(self, name: object) -> bool:
        return name in self.to_dict()

    # Not by numbers, and no container to frameworks that take those apart.
    __iter__ = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    @property
    def layout(self) -> str:
        """ "padded" or "varlen"."""
        return "padded" if self.cu_seqlens is None else "varlen"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of `input_ids`, and of every array with one item a token: (rows, row length), or (items,) in the
        varlen layout."""
        return tuple(self.input_ids.shape)

    @property
    def num_rows(self) -> int:
        """Rows (sequences) in the batch, empty ones included."""
        return len(self.row_spans) - 1

    @property
    def num_spans(self) -> int:
        """Spans in the batch."""
        made = self._made
        return len(self.document_ids) if made is None else _core.num_spans(made)

    @property
    def padding(self) -> int:
        """Items that hold no token."""
        if self._has_pairs:
            if self.segment_ids is None:
                raise ValueError("padding of inputs and targets is told by segment_ids: name it in arrays")
            return int((self.segment_ids == 0).sum() + (self.decoder_segment_ids == 0).sum())
        items: int = math.prod(self.input_ids.shape)
        return items - self.tokens

    def to_dict(self) -> dict[str, Any]:
        """What is in the batch by name: arrays that were not asked for are absent."""
        named = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        added = named.pop("extras") or {}
        del named["has_own_labels"], named["objective_counts"]
        return {name: value for name, value in named.items() if value is not None} | added

    def shift_labels(self) -> PackedBatch:
        """A batch whose labels stand one place to the left: labels[t] is the token after input_ids[t].

        The last token of every span gets -100 (Megatron-Core, MaxText and nanoGPT want labels so).

        Raises:
            ValueError: there are no labels, or they are those of an objective, not of the next token.
        """
        if self.labels is None:
            raise ValueError("the batch has no labels: make the loader with labels")
        if self.has_own_labels:
            raise ValueError(
                "the labels are those of the loader's objective, each at the token that it is of, so that "
                "shifting them would teach the model the wrong tokens: give batch.labels to the loss as they "
                "are, or make the loader without objective"
            )
        if self._has_pairs:
            raise ValueError("labels of a decoder stand at their own place, and are not to be shifted")
        labels = self._shifted(self.labels, IGNORE_LABEL)
        weights = None if self.loss_weights is None else self._shifted(self.loss_weights, 0)
        return dataclasses.replace(self, labels=labels, loss_weights=weights)

    def _shifted(self, array: Any, last: int) -> Any:
        shifted = array.clone() if self._is_torch else array.copy()
        shifted[..., :-1] = array[..., 1:]
        shifted[..., -1:] = last
        return shifted

    def to_torch(self) -> PackedBatch:
        """The same batch with torch tensors that share the arrays' memory."""
        if self._is_torch:
            return self
        import torch

        return self._map(torch.from_numpy)

    def for_transformers(self) -> dict[str, Any]:
        """The batch as the keyword arguments of a transformers model that keep its documents apart.

        The keys are those of transformers' `DataCollatorWithFlattening` for all attention implementations:
        "eager", "sdpa" and "flex_attention" find the borders from `position_ids`, flash attention from
        `cu_seq_lens_*`, state-space layers from `seq_idx`. The labels stay unshifted, as these models shift
        them.

        Returns:
            Tensors that share the batch's memory: `input_ids`, `labels`, `position_ids` [1, T];
            `cu_seq_lens_q`, `cu_seq_lens_k` int32 [spans + 1]; `max_length_q`, `max_length_k` int; and
            `seq_idx` int32 [1, T], the span of each token, from 0. No `attention_mask`. And `use_cache`,
            False: a model that makes itself a cache does not look for borders in `position_ids`.

        Raises:
            ValueError: the layout is not "varlen", or labels or position_ids are missing, or there are
                loss_weights, which the loss of these models does not know.
        """
        return transformers_inputs(self, has_pairs=self._has_pairs)

    def pin_memory(self) -> PackedBatch:
        """The batch as torch tensors in pinned memory; torch's DataLoader(pin_memory=True) calls this."""

        def pin(tensor: torch.Tensor) -> torch.Tensor:
            return tensor if tensor.is_pinned() else tensor.pin_memory()

        return self.to_torch()._map(pin)

    def to(self, device: Any, *, non_blocking: bool = False) -> PackedBatch:
        """The batch as torch tensors on `device`."""
        return self.to_torch()._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def split(self, parts: int) -> list[PackedBatch]:
        """Micro-batches: `parts` batches of equal numbers of rows, views of this one's memory.

        Raises:
            ValueError: the rows do not divide; the message names the divisors.
        """
        rows = self.num_rows
        if parts < 1 or rows % parts:
            divisors = [n for n in range(1, rows + 1) if rows % n == 0]
            raise ValueError(f"{rows} rows do not split into {parts} equal parts; possible: {divisors}")
        size = rows // parts
        return [self._rows(i * size, (i + 1) * size) for i in range(parts)]

    def _rows(self, start: int, stop: int) -> PackedBatch:
        return dataclasses.replace(self, **fields_of_rows(self, start, stop))

    @property
    def _has_pairs(self) -> bool:
        """Whether it has inputs of an encoder and targets of a decoder."""
        return self.extras is not None and "decoder_input_ids" in self.extras

    @property
    def _is_torch(self) -> bool:
        return not isinstance(self.input_ids, np.ndarray)

    def _map(self, convert: Callable[[Any], Any]) -> PackedBatch:
        def each(value: Any) -> Any:
            return value if isinstance(value, int) else convert(value)

        arrays = {name: getattr(self, name) for name in (*PER_TOKEN, *PER_SPAN)}
        changes = {name: convert(array) for name, array in arrays.items() if array is not None}
        if self.extras is not None:
            changes["extras"] = {name: each(value) for name, value in self.extras.items()}
        return dataclasses.replace(self, **changes)


_OWN_NAMES = frozenset(field.name for field in dataclasses.fields(PackedBatch))


def from_kernels(made: _core._MadeBatch, step: int, epoch: int, rows_ratio: float) -> PackedBatch:
    """A batch of what the kernels made; past the constructor, as a loader does this for every batch."""
    batch: PackedBatch = object.__new__(PackedBatch)
    (
        batch.input_ids,
        batch.labels,
        batch.position_ids,
        batch.segment_ids,
        batch.loss_mask,
        batch.cu_seqlens,
        batch.max_seqlen,
        batch.tokens,
        batch._made,
        batch.extras,
    ) = made
    batch.step, batch.epoch, batch.rows_ratio = step, epoch, rows_ratio
    batch.loss_weights = batch.group_ids = batch.objective_counts = batch.objective = None
    batch.has_own_labels = False
    return batch
