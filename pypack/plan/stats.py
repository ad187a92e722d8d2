"""What a plan is judged by: where the tokens of the documents went, and how well its sequences are filled."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypack.plan.plan import Plan


@dataclasses.dataclass(frozen=True)
class PlanCounts:
    """Where the tokens of the documents went; `tokens` = tokens in spans + dropped + truncated.

    Attributes:
        documents: documents that were given.
        tokens: their tokens.
        empty_documents: documents without a token, which have no span.
        dropped_documents: documents with tokens, but without a span.
        dropped_tokens: the tokens of those.
        truncated_documents: documents of which some tokens are in spans and some are not.
        truncated_tokens: the tokens of those that are in no span.
        split_documents: documents in two spans or more.
        added_sequences: sequences that `divisible_by` of `pack` made of parts of others.
    """

    documents: int
    tokens: int
    empty_documents: int
    dropped_documents: int
    dropped_tokens: int
    truncated_documents: int
    truncated_tokens: int
    split_documents: int
    added_sequences: int = 0


@dataclasses.dataclass(frozen=True)
class PlanPart:
    """A plan that another one begins with, see `pypack.extend_plan`.

    Attributes:
        documents: the documents that it was made for, the first ones.
        sequences: its sequences, the first ones.
        lengths_fingerprint: of the lengths of those documents.
        fingerprint: `Plan.fingerprint` of it.
    """

    documents: int
    sequences: int
    lengths_fingerprint: str
    fingerprint: str


@dataclasses.dataclass(frozen=True)
class PlanStats:
    """The figures of a plan. Attention costs count pairs of tokens: a row of n tokens costs n * n.

    Attributes:
        num_sequences: sequences.
        num_spans: spans of documents.
        num_tokens: tokens in spans.
        padding_tokens: room of the sequences that holds no token.
        utilization: num_tokens / (num_tokens + padding_tokens).
        attention_cost: sum of length squared over the spans, what attention costs inside documents.
        attention_to_padded: attention_cost over that of one span a row, each row as long as sequence_length.
        attention_to_concat: attention_cost over that of full rows without document mask,
            ceil(num_tokens / sequence_length) * sequence_length squared.
        mean_context: mean number of earlier tokens that a token can attend to, sum of l (l - 1) / 2 over the
            spans / num_tokens ("average context length" of Dataset Decomposition, arXiv 2405.13226).
        mean_span_length: num_tokens / num_spans.
        bias: share of the variance of log(span length) that lies between sequences. 0: every sequence holds
            the same mixture of lengths; 1: sequences hold documents of one length each, as best fit tends to
            make.
        most_spans: spans in the fullest sequence.
        lower_bound: ceil(num_tokens / sequence_length), which no packing can beat.
        l2_bound: the bound L2 of Martello and Toth (1990) for the spans as they are cut, which no packing of
            them can beat; 0 where sequences differ in capacity.
        excess_sequences: num_sequences above the larger of the two bounds.
        learned_tokens: tokens that one epoch learns, by the loss mask of the store; None where
            `Plan.count_learned` was not called.
    """

    num_sequences: int
    num_spans: int
    num_tokens: int
    padding_tokens: int
    utilization: float
    attention_cost: int
    attention_to_padded: float
    attention_to_concat: float
    mean_context: float
    mean_span_length: float
    bias: float
    most_spans: int
    lower_bound: int
    l2_bound: int
    excess_sequences: int
    learned_tokens: int | None = None

    @property
    def tokens(self) -> int:
        """`num_tokens`, under the name that counts and batches have it by."""
        return self.num_tokens

    def as_dict(self) -> dict[str, Any]:
        """By name; without `learned_tokens` where they were not counted."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value is not None}


def stats_of(plan: Plan, totals: Mapping[str, Any]) -> PlanStats:
    """`Plan.stats`, from what the kernel summed up over the spans."""
    tokens, spans, cost, length = (
        plan.num_tokens,
        plan.num_spans,
        plan.attention_cost,
        plan.sequence_length,
    )
    lower_bound = -(-tokens // length)
    variance = float(totals["log_length_variance"])
    return PlanStats(
        num_sequences=plan.num_sequences,
        num_spans=spans,
        num_tokens=tokens,
        padding_tokens=plan.padding,
        utilization=plan.utilization,
        attention_cost=cost,
        attention_to_padded=cost / (spans * length**2) if spans else 0.0,
        attention_to_concat=cost / (lower_bound * length**2) if spans else 0.0,
        mean_context=(cost - tokens) / (2 * tokens) if tokens else 0.0,
        mean_span_length=tokens / spans if spans else 0.0,
        bias=float(totals["between_variance"]) / variance if variance > 1e-12 else 0.0,
        most_spans=int(totals["most_spans"]),
        lower_bound=lower_bound,
        l2_bound=int(totals["l2_bound"]),
        excess_sequences=plan.num_sequences - max(lower_bound, int(totals["l2_bound"])),
        learned_tokens=plan.learned_tokens,
    )
