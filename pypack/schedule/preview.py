"""What a run will draw, before it draws anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pypack.schedule.epoch_order import EpochOrder
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.source.source import Source


@dataclasses.dataclass(frozen=True)
class PhasePreview:
    """One phase, or the whole of a pass without a schedule.

    Attributes:
        steps: steps.
        tokens: tokens of its global batches, padding included.
        sequences: sequences drawn, by source.
        epochs: passes over each source up to the end of the phase: tokens drawn / tokens of its sequences.
        length_mix: share of the tokens in rows of each length.
        attention_cost: sum of length squared over the spans, estimated by the mean of each plan.
    """

    steps: int
    tokens: int
    sequences: dict[str, int]
    epochs: dict[str, float]
    length_mix: dict[int, float]
    attention_cost: float


@dataclasses.dataclass(frozen=True)
class Preview:
    """The phases of an order."""

    phases: list[PhasePreview]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = []
        for number, phase in enumerate(self.phases):
            lines.append(f"phase {number}: {phase.steps:,} steps, {phase.tokens:,} tokens")
            total = sum(phase.sequences.values()) or 1
            for name, count in phase.sequences.items():
                lines.append(
                    f"  {name or 'source':<16} {count:>14,} sequences {count / total:7.2%}  "
                    f"{phase.epochs[name]:8.3f} epochs by its end"
                )
            mix = ", ".join(f"{length}: {share:.1%}" for length, share in phase.length_mix.items())
            lines.append(f"  row lengths: {mix}")
            lines.append(f"  attention cost: {phase.attention_cost:.3g}")
        return "\n".join(lines)


def make_preview(order: EpochOrder | ScheduleOrder, sources: Mapping[str, Source]) -> Preview:
    """The preview of a run over its sources; time grows with the steps, not with the corpus."""
    if isinstance(order, ScheduleOrder):
        return Preview([_phase(order, sources, number) for number in range(len(order.phases))])
    ((name, source),) = sources.items()
    plan = source.plan
    rows = {length: source.num_sequences(length) for length in source.lengths}
    tokens = sum(count * length for length, count in rows.items())
    phase = PhasePreview(
        steps=order.steps_per_epoch,
        tokens=tokens,
        sequences={name: plan.num_sequences - order.dropped_sequences},
        epochs={name: 1 - order.dropped_sequences / plan.num_sequences},
        length_mix={length: count * length / tokens for length, count in rows.items()},
        attention_cost=float(plan.attention_cost),
    )
    return Preview([phase])


def _phase(order: ScheduleOrder, sources: Mapping[str, Source], number: int) -> PhasePreview:
    phase = order.phases[number]
    last = min(order.starts[number + 1], order.num_steps)
    first = min(order.starts[number], last)
    before, after = order.drawn(first), order.drawn(last)
    drawn = {key: after[key] - before[key] for key in after}
    sequences = {
        name: sum(count for (source, _), count in drawn.items() if source == name) for name in order.names
    }
    tokens_by_length = {
        length: sum(count for (_, row), count in drawn.items() if row == length) * length
        for length in phase.lengths
    }
    total = sum(tokens_by_length.values()) or 1
    epochs = {}
    cost = 0.0
    for name, source in sources.items():
        given = sum(count * length for (one, length), count in after.items() if one == name)
        used = [length for length in source.lengths if after.get((name, length))] or list(source.lengths)
        epochs[name] = given / sum(source.num_sequences(length) * length for length in used)
        for length, plan_number in source.lengths.items():
            plan = source.plans[plan_number]
            if plan.num_tokens and drawn.get((name, length)):
                # Rows of l tokens are taken to cost l times the plan's mean per token.
                tokens = drawn[name, length] * length * plan.utilization
                cost += tokens * plan.attention_cost / plan.num_tokens
    return PhasePreview(
        steps=last - first,
        tokens=sum(tokens_by_length.values()),
        sequences=sequences,
        epochs=epochs,
        length_mix={length: tokens / total for length, tokens in tokens_by_length.items()},
        attention_cost=cost,
    )
