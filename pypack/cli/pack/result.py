"""What `pypack pack` says of a plan that it has written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pypack.cli.pack.selection import described

if TYPE_CHECKING:
    from pypack.plan.plan import Plan


def print_plan(path: Path, plan: Plan) -> None:
    """Prints what has been written to `path`."""
    counts, stats = plan.counts, plan.stats
    print(
        f"{path}: {stats.num_sequences:,} sequences of {plan.sequence_length:,} tokens by {plan.strategy}, "
        f"{stats.utilization:.2%} full"
    )
    print(
        f"  {counts.tokens:,} tokens = {stats.num_tokens:,} in the plan + {counts.dropped_tokens:,} dropped "
        f"+ {counts.truncated_tokens:,} truncated (proved)"
    )
    if stats.learned_tokens is not None:
        print(f"  learned: {stats.learned_tokens:,} tokens")
    print(
        f"  documents: {counts.documents:,}, of them {counts.split_documents:,} cut, "
        f"{counts.dropped_documents:,} dropped, {counts.truncated_documents:,} truncated, "
        f"{counts.empty_documents:,} empty"
    )
    if counts.added_sequences:
        print(f"  {counts.added_sequences:,} sequences were added by cutting others, to divide")
    for line in described(plan.summary()):
        print(f"  {line}")
    if plan.repeats:
        print(f"  an epoch gives {int(plan.sequence_times.sum()):,} sequences, some of them several times")
    if plan.extends:
        print(f"  the first {plan.extends[-1].sequences:,} sequences are those of the old plan")
