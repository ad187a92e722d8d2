"""What a plan comes to: its numbers, how full it is, what its sequences cost."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pypack._common.frames import Framed
from pypack.plan import chosen
from pypack.plan.stats import PlanStats, stats_of

if TYPE_CHECKING:
    from pypack import _core
    from pypack.plan.literals import Literals
    from pypack.plan.plan import Plan
    from pypack.plan.sides import Sides
    from pypack.plan.stats import PlanCounts


class PlanFigures(Framed):
    """The part of a plan that is computed of it, and kept."""

    if TYPE_CHECKING:
        # What `Plan` has.
        sequence_offsets: NDArray[np.int64]
        span_document: NDArray[np.int64]
        span_start: NDArray[np.int32]
        span_length: NDArray[np.int32]
        sequence_capacity: NDArray[np.int32]
        options: dict[str, Any]
        counts: PlanCounts
        learned_tokens: int | None
        repeats: tuple[tuple[int, int, int], ...]
        literals: Literals | None
        sides: Sides | None
        _view: _core.PlanView

        def __len__(self) -> int: ...
        def arrays(self) -> dict[str, NDArray[Any]]: ...
        @functools.cached_property
        def documents(self) -> NDArray[np.int64] | None: ...

    @property
    def array_bytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    @property
    def num_sequences(self) -> int:
        return len(self.sequence_capacity)

    @property
    def num_spans(self) -> int:
        return len(self.span_document)

    @property
    def num_tokens(self) -> int:
        """Tokens in spans."""
        return self.counts.tokens - self.counts.dropped_tokens - self.counts.truncated_tokens

    @property
    def align(self) -> int:
        """A span takes up a multiple of this many tokens of its sequence (padding follows it)."""
        return int(self.options.get("align") or 1)

    @property
    def room(self) -> int:
        """Tokens that every span has room for beyond its own, as an objective may need them."""
        return int(self.options.get("room") or 0)

    def rooms_of(self, lengths: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """int64: tokens of a sequence that spans of these lengths take up."""
        rooms: NDArray[np.int64] = -(-(lengths.astype(np.int64) + self.room) // self.align) * self.align
        return rooms

    @property
    def num_literals(self) -> int:
        """Tokens that are no document's, between the spans."""
        return 0 if self.literals is None else len(self.literals)

    @functools.cached_property
    def _totals(self) -> dict[str, Any]:
        return self._view.totals(self.align)

    @functools.cached_property
    def _runs(self) -> list[list[int]]:
        """Runs of sequences of one capacity: [capacity, first sequence, count]."""
        runs: list[list[int]] = self._view.capacity_runs().tolist()
        return sorted(runs)

    @functools.cached_property
    def buckets(self) -> Mapping[int, list[tuple[int, int]]]:
        """The sequences of each capacity, smallest first: runs of neighbours as (first sequence, count). Runs
        that are repeated stand in it as often as an epoch gives them."""
        buckets = _by_capacity(self._runs)
        if not self.repeats:
            return buckets
        return {capacity: chosen.repeated(runs, self.repeats) for capacity, runs in buckets.items()}

    @property
    def sequence_times(self) -> NDArray[np.int64]:
        """int64 [S]: how often an epoch gives each sequence."""
        return chosen.sequence_times(cast("Plan", self))

    @property
    def padding(self) -> int:
        """Room of the sequences that holds no token, in tokens; that of literals is none."""
        return int(self._totals["capacity"]) - self.num_tokens - self.num_literals

    @property
    def utilization(self) -> float:
        """Tokens / (tokens + padding), literals not counted; 1.0 for a plan without sequences."""
        capacity = int(self._totals["capacity"]) - self.num_literals
        return self.num_tokens / capacity if capacity else 1.0

    @property
    def side_utilization(self) -> tuple[float, float] | None:
        """Of a plan with two sides how much of the room for inputs and for targets holds items; 1.0 for one
        without sequences. None for others."""
        if self.sides is None:
            return None
        if not len(self):
            return 1.0, 1.0
        inputs, targets = self.sides.items(cast("Plan", self)).sum(axis=0).tolist()
        rooms = self.sides.input_length, self.sides.target_length
        return inputs / (len(self) * rooms[0]), targets / (len(self) * rooms[1])

    def _side_summary(self) -> dict[str, Any]:
        assert self.sides is not None
        assert self.side_utilization is not None
        inputs, targets = self.side_utilization
        return {
            "input_length": self.sides.input_length,
            "inputs_filled": inputs,
            "target_length": self.sides.target_length,
            "targets_filled": targets,
            **self.sides.size.to_dict(),
        }

    @property
    def attention_cost(self) -> int:
        """Sum of length squared over the spans."""
        return int(self._totals["attention_cost"])

    @functools.cached_property
    def stats(self) -> PlanStats:
        """The figures of the plan, computed once (one pass over the spans) and kept in plan.json."""
        return stats_of(cast("Plan", self), self._totals)

    def histograms(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How long the spans are and how full the sequences, in one pass over the plan.

        Returns:
            int64 [32, 2]: spans of 2^k to 2^(k+1) - 1 tokens, and their tokens; int64 [101]: sequences that
            are k to k + 1 percent full, the last one those without padding.
        """
        return self._view.histograms()

    def sequence_costs(self, per_token: float = 0.0, per_pair: float = 1.0) -> NDArray[np.float64]:
        """float64 [S]: per_token * tokens + per_pair * (sum of length squared over the spans)."""
        return self._view.sequence_costs(per_token, per_pair)

    def count_learned(self, store: Any) -> NDArray[np.int64]:
        """int64 [S]: how many tokens of each sequence are learned, by the loss mask of the store.

        The first token of a span is learned by nobody. `pypack.balance` evens such counts out; their sum is
        kept as `learned_tokens`, in the stats and in plan.json.

        Args:
            store: the `TokenStore` that the plan was made for.
        """
        lengths = np.maximum(self.span_length.astype(np.int64) - 1, 0)
        number = self.span_document if self.documents is None else self.documents[self.span_document]
        counts = store.kernel_view.count_learned(
            np.ascontiguousarray(number), self.span_start.astype(np.int64) + 1, lengths
        )
        sums = np.concatenate([[0], np.cumsum(counts)])[self.sequence_offsets]
        self.learned_tokens = int(sums[-1]) if len(sums) else 0
        self.__dict__.pop("stats", None)
        return np.diff(sums)


def _by_capacity(runs: list[list[int]]) -> dict[int, list[tuple[int, int]]]:
    buckets: dict[int, list[tuple[int, int]]] = {}
    for capacity, first, count in sorted(runs):
        buckets.setdefault(capacity, []).append((first, count))
    return buckets
