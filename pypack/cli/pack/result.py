"""What `pypack pack` says of a plan that it has written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pypack._common.words import counted
from pypack.cli.pack.selection import described

if TYPE_CHECKING:
    from pypack.plan.plan import Plan


def plan_in_words(path: Path, plan: Plan) -> list[str]:
    """What has been written to `path`, in lines."""
    counts, stats = plan.counts, plan.stats
    lines = [
        f"{path}: {counted(stats.num_sequences, 'sequence')} of {_lengths(plan)} by {plan.strategy}"
        # Of two sides each has a share of its own, which the summary tells.
        + ("" if plan.sides else f", {stats.utilization:.2%} full"),
        f"  {counted(counts.tokens, 'token')} = {stats.num_tokens:,} in the plan + {counts.dropped_tokens:,} "
        f"dropped + {counts.truncated_tokens:,} truncated (proved)",
    ]
    if stats.learned_tokens is not None:
        lines.append(f"  learned: {counted(stats.learned_tokens, 'token')}")
    lines.append(
        f"  documents: {counts.documents:,}, of them {counts.split_documents:,} cut, "
        f"{counts.dropped_documents:,} dropped, {counts.truncated_documents:,} truncated, "
        f"{counts.empty_documents:,} empty"
    )
    if counts.added_sequences:
        added = counted(counts.added_sequences, "sequence was", "sequences were")
        lines.append(f"  {added} added by cutting others, to divide")
    lines += [f"  {line}" for line in described(plan.summary())]
    if plan.repeats:
        given = counted(int(plan.sequence_times.sum()), "sequence")
        lines.append(f"  an epoch gives {given}, some of them several times")
    if plan.extends:
        first = plan.extends[-1].sequences
        lines.append(
            "  the first sequence is that of the old plan"
            if first == 1
            else f"  the first {first:,} sequences are those of the old plan"
        )
    return lines


def _lengths(plan: Plan) -> str:
    """How many tokens its sequences have room for; some strategies make several lengths."""
    lengths = sorted(plan.buckets)
    if len(lengths) < 2:
        return counted(lengths[0] if lengths else plan.sequence_length, "token")
    if len(lengths) > 8:
        return f"{len(lengths):,} lengths from {lengths[0]:,} to {counted(lengths[-1], 'token')}"
    return f"{', '.join(f'{length:,}' for length in lengths[:-1])} and {counted(lengths[-1], 'token')}"
