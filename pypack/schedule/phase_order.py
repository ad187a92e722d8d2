"""One phase of a schedule, worked out for the sources at hand: steps, rows, order of the row lengths."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.schedule.curriculum import odds_of
from pypack.schedule.order import purpose, rows_of_batch
from pypack.schedule.schedule import Phase, Schedule
from pypack.source.source import Source

Weights = Mapping[str, float]
MOST_STEPS = 2**40  # of a phase


class PhaseOrder:
    """Where a phase stands in the run, and which row length each of its steps has.

    Attributes:
        start, end: weights by source, normalized, at the first and after the last step.
        lengths: its row lengths, rising.
        rows: rows of the global batch for each of them.
        num_steps: steps of the phase.
    """

    def __init__(
        self,
        number: int,
        phase: Phase,
        schedule: Schedule,
        sources: Mapping[str, Source],
        *,
        batch_tokens: int | None,
        batch_sequences: int | None,
        seed: int,
    ) -> None:
        self.phase, self.number, self._sources, self._seed = phase, number, sources, seed
        self.start = self._normalized(phase.weights)
        self.end = self.start if phase.weights_end is None else self._normalized(phase.weights_end)
        for name in phase.max_epochs:
            self._check_source(name, "max_epochs")
        self.lengths = self._row_lengths()
        if phase.batch_tokens is not None or phase.batch_sequences is not None:
            batch_tokens, batch_sequences = phase.batch_tokens, phase.batch_sequences
        if batch_sequences is not None and len(self.lengths) > 1:
            raise ValueError(
                f"phase {number} has rows of lengths {self.lengths}: give batch_tokens, which every step "
                "keeps to"
            )
        self.rows = [rows_of_batch(batch_tokens, batch_sequences, length) for length in self.lengths]
        self.step_tokens = self.rows[-1] * self.lengths[-1]
        self.num_steps = self._count_steps(schedule)
        if self.num_steps > MOST_STEPS:
            raise ValueError(
                f"phase {number} has {self.num_steps:.3g} steps of {self.step_tokens:,} tokens: at most "
                f"{MOST_STEPS:,} can be counted"
            )

    def _check_source(self, name: str, what: str) -> None:
        if name not in self._sources:
            names = ", ".join(map(repr, self._sources))
            raise ValueError(f"phase {self.number}: {what} names {name!r}; the sources are {names}")

    def _normalized(self, weights: Weights | None) -> dict[str, float]:
        if weights is None:
            weights = {name: source.plan.num_tokens for name, source in self._sources.items()}
        for name in weights:
            self._check_source(name, "weights")
        total = sum(weights.values())
        return {name: weights.get(name, 0.0) / total for name in self._sources}

    def _row_lengths(self) -> list[int]:
        active = [name for name in self._sources if self.start[name] or self.end[name]]
        of_source = {name: list(self._sources[name].lengths) for name in active}
        if self.phase.sequence_length is not None:
            wanted = [self.phase.sequence_length]
        elif self.phase.shapes is not None:
            wanted = self.phase.shapes.lengths
        else:
            wanted = of_source[active[0]]
        for name, lengths in of_source.items():
            same = lengths == wanted
            if self.phase.sequence_length is not None or self.phase.shapes is not None:
                same = set(wanted) <= set(lengths)
            if not same:
                raise ValueError(
                    f"phase {self.number} draws rows of lengths {wanted}, but the plans of source {name!r} "
                    f"have rows of lengths {lengths}: pack all sources of a phase for the same lengths, or "
                    "set its sequence_length"
                )
        return wanted

    def _count_steps(self, schedule: Schedule) -> int:
        phase = self.phase
        if phase.steps is not None:
            return phase.steps
        tokens = phase.tokens
        if phase.fraction is not None:
            if schedule.total_steps is not None:
                return max(1, round(phase.fraction * schedule.total_steps))
            assert schedule.total_tokens is not None
            tokens = phase.fraction * schedule.total_tokens
        assert tokens is not None
        return max(1, round(tokens / self.step_tokens))

    @functools.cached_property
    def length_order(self) -> _core.BucketSequence:
        """The row length of every step, as its position in `lengths`."""
        phase, n = self.phase, len(self.lengths)
        if n == 1:
            table = np.zeros(0, np.uint8)  # never asked
        elif phase.shapes is not None:
            lengths = phase.shapes.lengths_of_steps(self.num_steps)
            table = np.searchsorted(self.lengths, lengths).astype(np.uint8)
        else:
            key = _core.random_bits(self._seed, purpose("lengths"), self.number)
            sampler = _core.sample_cycles if phase.sampler == "sample" else _core.subcycle_cycles
            odds = odds_of(phase.curriculum, self.lengths)
            if phase.sampler == "subcycle":
                # Its odds belong to ranks, largest first; equal ones mean no preference.
                odds = sorted(odds, reverse=True) if any(odds) else [1] * n
            table = sampler(self._steps_of_lengths(), odds, phase.cycles, key)
        if phase.longest_first and n > 1 and len(table):
            first = int(np.argmax(table == table.max()))
            table[[0, first]] = table[[first, 0]]
        return _core.BucketSequence(table, n)

    def _steps_of_lengths(self) -> list[int]:
        """Steps of each row length, by largest remainder."""
        if self.phase.length_shares is not None:
            if sorted(self.phase.length_shares) != self.lengths:
                raise ValueError(
                    f"phase {self.number}: length_shares are for lengths {sorted(self.phase.length_shares)}, "
                    f"the sources have {self.lengths}"
                )
            shares = [float(self.phase.length_shares[length]) for length in self.lengths]
        else:
            shares = [0.0] * len(self.lengths)
            for name, source in self._sources.items():
                tokens = [
                    source.num_sequences(length) * length if length in source.lengths else 0
                    for length in self.lengths
                ]
                weight = (self.start[name] + self.end[name]) / 2
                shares = [
                    s + weight * t / sum(tokens) if weight else s for s, t in zip(shares, tokens, strict=True)
                ]
        return largest_remainder(self.num_steps, shares)

    def bucket(self, step: int) -> tuple[int, int]:
        """Of a step of the phase: the position of its row length, and the earlier steps with that length."""
        if len(self.lengths) == 1:
            return 0, step
        bucket = self.length_order.bucket(step)
        return bucket, self.length_order.visits(step, bucket)

    @functools.cached_property
    def _scale_rows(self) -> NDArray[np.int64]:
        """Of every step, rows of a batch of the length of its long cycle."""
        assert self.phase.shapes is not None
        return self.step_tokens // self.phase.shapes.long_lengths_of_steps(self.num_steps)

    def scale_rows(self, step: int, rows: int) -> int:
        """Rows of a batch, which the learning rate is scaled by: of the cycles of Multigrid only the slow."""
        return rows if self.phase.shapes is None else int(self._scale_rows[step])

    def visits(self, step: int, bucket: int) -> int:
        """Steps of one row length before `step` of the phase."""
        return step if len(self.lengths) == 1 else self.length_order.visits(step, bucket)

    def step_of_visit(self, bucket: int, visit: int) -> int:
        """The first step of the phase before which a row length has come `visit` times; num_steps if none."""
        low, high = 0, self.num_steps
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.visits(middle, bucket) >= visit else (middle + 1, high)
        return low

    def sequence_weights(self, weights: Weights, length: int) -> list[int]:
        """Weights as shares of the sequences of a row length, in units of `MixtureStream`."""
        shares = []
        for name, source in self._sources.items():
            weight = weights[name]
            if weight and self.phase.weights_by == "tokens":
                weight /= source.tokens_per_sequence(length)
            shares.append(weight)
        units = largest_remainder(_core.MixtureStream.UNITS, shares)
        for i, weight in enumerate(shares):
            if weight > 0 and units[i] == 0:  # a weight below half a millionth is still one
                units[i] = 1
                units[units.index(max(units))] -= 1
        return units


def largest_remainder(total: int, shares: list[float]) -> list[int]:
    """Whole numbers that add up to `total`, in proportion to the shares; ties go to the earlier one."""
    whole = sum(shares)
    exact = [total * share / whole for share in shares]
    parts = [int(x) for x in exact]
    by_rest = sorted(range(len(shares)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_rest[: total - sum(parts)]:
        parts[i] += 1
    return parts
